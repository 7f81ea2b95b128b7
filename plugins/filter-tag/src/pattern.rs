//! Patterns for tags: globs, and expressions between slashes.

use globset::{GlobBuilder, GlobMatcher};
use regex::Regex;
use sealift_core::plugin::ConfigError;

/// A pattern for tags.
#[derive(Clone, Debug)]
pub(crate) enum TagPattern {
    Glob(GlobMatcher),
    Expression(Regex),
}

impl TagPattern {
    /// Reads `/expression/` or a glob.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        match text.strip_prefix('/').map(|rest| rest.strip_suffix('/')) {
            Some(Some(expression)) => expression_of(expression),
            Some(None) => {
                let message = format!("the expression `{text}` does not end with a slash");
                Err(ConfigError::new(message).hint(format!("write `{text}/`")))
            }
            None => glob(text),
        }
    }

    pub(crate) fn matches(&self, tag: &str) -> bool {
        match self {
            Self::Glob(glob) => glob.is_match(tag),
            Self::Expression(expression) => expression.is_match(tag),
        }
    }
}

fn expression_of(expression: &str) -> Result<TagPattern, ConfigError> {
    Regex::new(expression).map(TagPattern::Expression).map_err(|error| {
        // The last line of the library's message says what is wrong; the ones before draw a picture of their own.
        let told = error.to_string();
        let reason = told.lines().last().unwrap_or_default().trim_start_matches("error: ").trim_end_matches('.');
        ConfigError::new(format!("`/{expression}/` is not an expression: {reason}"))
    })
}

fn glob(text: &str) -> Result<TagPattern, ConfigError> {
    if let Some(reason) = matches_no_tag(text) {
        let message = format!("the glob `{text}` matches no tag: {reason}");
        return Err(ConfigError::new(message).hint(format!("an expression stands between slashes: `/{text}/`")));
    }
    let glob = GlobBuilder::new(text).literal_separator(true).build();
    let not_a_glob = |error: globset::Error| ConfigError::new(format!("`{text}` is not a glob: {}", error.kind()));
    glob.map(|glob| TagPattern::Glob(glob.compile_matcher())).map_err(not_a_glob)
}

/// Tags hold letters, digits, `_`, `.` and `-`, so a glob with anything else was meant as an expression.
fn matches_no_tag(text: &str) -> Option<String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "_.-*?[]{}!,".contains(c);
    if text.is_empty() {
        return Some("it is empty".to_owned());
    }
    if text.starts_with('.') || text.starts_with('-') {
        return Some(format!("no tag begins with `{}`", &text[..1]));
    }
    text.chars().find(|c| !is_fine(*c)).map(|c| format!("no tag has a `{c}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, tag: &str) -> bool {
        TagPattern::parse(pattern).unwrap().matches(tag)
    }

    fn complaint(pattern: &str) -> String {
        let problems = TagPattern::parse(pattern).unwrap_err().into_problems();
        let diagnostic = &problems[0].diagnostic;
        format!("{} | {}", diagnostic.message, diagnostic.hint.as_deref().unwrap_or_default())
    }

    #[test]
    fn a_glob_matches_the_whole_tag() {
        assert!(matches("1.27.*", "1.27.3"));
        assert!(!matches("1.27.*", "v1.27.3"));
        assert!(!matches("1.2?", "1.27.3"), "a dot is a dot, and a question mark one character");
        assert!(matches("*-{alpine,slim}", "3.19-slim"));
        assert!(matches("v[0-9]*", "v1"));
        assert!(matches("latest", "latest") && !matches("latest", "Latest"));
    }

    #[test]
    fn an_expression_matches_anywhere_unless_it_is_anchored() {
        assert!(matches("/7/", "1.27.3"));
        assert!(matches(r"/^v3\.\d+$/", "v3.12"));
        assert!(!matches(r"/^v3\.\d+$/", "v3.12-rc1"));
    }

    #[test]
    fn a_glob_that_was_meant_as_an_expression_is_found_out() {
        let expected =
            "the glob `^v1.*` matches no tag: no tag has a `^` | an expression stands between slashes: `/^v1.*/`";
        assert_eq!(complaint("^v1.*"), expected);
        assert!(complaint(".*-alpine").starts_with("the glob `.*-alpine` matches no tag: no tag begins with `.`"));
        assert!(complaint(r"v\d+").contains(r"no tag has a `\`"));
        assert!(complaint("").contains("it is empty"));
    }

    #[test]
    fn what_cannot_be_compiled_says_why() {
        assert_eq!(complaint("/v(1/"), "`/v(1/` is not an expression: unclosed group | ");
        assert_eq!(complaint("/^v1"), "the expression `/^v1` does not end with a slash | write `/^v1/`");
        assert!(complaint("v[1").starts_with("`v[1` is not a glob: "), "{}", complaint("v[1"));
    }
}
