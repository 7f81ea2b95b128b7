//! The body of an error answer: read with a cap, understood in several dialects, and cleaned before it is shown.

use std::borrow::Cow;

use serde::Deserialize;

use crate::credentials::SentSecrets;

/// The body of an error response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ErrorBody {
    /// Error codes such as `MANIFEST_UNKNOWN`, upper case.
    pub(crate) codes: Vec<String>,
    /// The first sentence, fit to be shown; empty if there was none.
    pub(crate) text: String,
    /// It is a page for people, as portals and proxies send it.
    pub(crate) is_page: bool,
}

/// The number of characters that are shown.
const SHOWN: usize = 200;

#[derive(Deserialize)]
struct ErrorDocument {
    #[serde(default)]
    errors: Option<Vec<ErrorItem>>,
    #[serde(default, alias = "details", alias = "error_description", alias = "error")]
    message: Option<String>,
}

#[derive(Deserialize)]
struct ErrorItem {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    detail: Option<serde_json::Value>,
}

impl ErrorBody {
    /// Understands the errors of distribution-spec, the habits of token services, and plain text.
    pub(crate) fn of(body: &[u8], secrets: &SentSecrets) -> Self {
        if let Ok(body) = serde_json::from_slice::<ErrorDocument>(body) {
            let items = body.errors.unwrap_or_default();
            let codes = items.iter().filter_map(|item| item.code.as_deref()).map(str::to_ascii_uppercase).collect();
            let text = items.iter().find_map(ErrorItem::text).or(body.message).unwrap_or_default();
            return Self { codes, is_page: false, text: secrets.hide(clean(&secrets.hide(undoubled(text)))) };
        }
        let text = String::from_utf8_lossy(&body[..body.len().min(4096)]);
        let page = text.trim_start().starts_with('<');
        // A page is for browsers; its status says as much.
        let text = if page { String::new() } else { secrets.hide(clean(&secrets.hide(text.into_owned()))) };
        Self { codes: Vec::new(), text, is_page: page }
    }

    /// Returns true if one of the codes is this one.
    pub(crate) fn has(&self, code: &str) -> bool {
        self.codes.iter().any(|found| found == code)
    }

    /// Returns true if it is about a quota that is used up. Harbor 1.x says "Quota exceeded when processing the request of
    /// adding …"; since 2.0 it says "adding" or "subtracting", and nothing of a quota.
    pub(crate) fn is_full(&self) -> bool {
        ["quota", "of storage resource", "configured upper limit"].iter().any(|words| self.mentions(words))
    }

    /// Returns true for Harbor's text for errors without a code. Their cause is in its log only.
    pub(crate) fn is_unknown(&self) -> bool {
        self.has("UNKNOWN") && self.mentions("internal server error")
    }

    /// Returns true if the text contains `word`, which is lower case. Ignores case.
    pub(crate) fn mentions(&self, word: &str) -> bool {
        self.text.to_ascii_lowercase().contains(word)
    }
}

impl ErrorItem {
    fn text(&self) -> Option<String> {
        let detail = match &self.detail {
            Some(serde_json::Value::String(text)) if !text.is_empty() => Some(text.clone()),
            _ => None,
        };
        let message = self.message.clone().filter(|message| !message.is_empty());
        match (message, detail) {
            (Some(message), Some(detail)) => Some(format!("{message}: {detail}")),
            (one, other) => one.or(other).or_else(|| self.code.clone()),
        }
    }
}

/// Harbor joins an error and its cause, which often are the same text.
fn undoubled(mut text: String) -> String {
    let half = text.len().saturating_sub(2) / 2;
    if half > 0 && text.is_char_boundary(half) && text[half..].strip_prefix(": ") == Some(&text[..half]) {
        text.truncate(half);
    }
    text
}

/// One line without control characters, which could draw on a terminal or forge log lines.
fn clean(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|char: char| char.is_whitespace() || char.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        let word = unsigned(word);
        // Direction marks and the like are no control characters but can make a line lie about itself.
        line.extend(word.chars().filter(|char| !matches!(char, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')));
        if line.chars().count() > SHOWN {
            return line.chars().take(SHOWN).chain(['…']).collect();
        }
    }
    line
}

/// A word without what is secret if it is a URL: who it is for, and what signs it.
fn unsigned(word: &str) -> Cow<'_, str> {
    let Some((before, rest)) = word.split_once("://") else { return word.into() };
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, "?[hidden]"));
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{before}://{host}{path}{query}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_dialects_are_understood() {
        for (body, codes, text) in [
            (
                r#"{"errors":[{"code":"NAME_UNKNOWN","message":"no such repository","detail":{"name":"a/b"}}]}"#,
                "NAME_UNKNOWN",
                "no such repository",
            ),
            (
                r#"{"errors":[{"code":"denied","message":"requested access","detail":"quota"}]}"#,
                "DENIED",
                "requested access: quota",
            ),
            (r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#, "UNAUTHORIZED", "UNAUTHORIZED"),
            (r#"{"errors":[]}"#, "", ""),
            (r#"{"details":"incorrect username or password"}"#, "", "incorrect username or password"),
            (r#"{"error":"invalid_grant"}"#, "", "invalid_grant"),
            ("404 page not found\n", "", "404 page not found"),
            ("  <html><body>Bad gateway", "", ""),
            ("", "", ""),
        ] {
            let said = ErrorBody::of(body.as_bytes(), &SentSecrets::default());
            assert_eq!((said.codes.join(","), said.text.as_str()), (codes.to_owned(), text), "{body}");
        }
    }

    #[test]
    fn what_is_said_twice_is_quoted_once() {
        let said = |text: &str| {
            ErrorBody::of(format!(r#"{{"errors":[{{"message":"{text}"}}]}}"#).as_bytes(), &SentSecrets::default())
        };
        assert_eq!(said("project x not found: project x not found").text, "project x not found");
        for text in ["a: b", ": ", "ab: abc", "ä: ä!"] {
            assert_eq!(said(text).text, text.trim(), "{text}");
        }
    }

    #[test]
    fn a_quota_is_recognized_in_all_wordings() {
        let of = "of storage resource, which when updated to current usage of 1.5 KiB will exceed the configured upper limit";
        for (text, full) in [
            (format!("Quota exceeded when processing the request of adding 1 B {of} of 2 B."), true),
            (format!("adding 2.0 KiB {of} of 2.0 KiB."), true),
            (format!("subtracting 0 B {of} of 1.4 KiB."), true),
            ("denied: can not push artifact to a proxy project: prox".to_owned(), false),
        ] {
            let body = format!(r#"{{"errors":[{{"code":"DENIED","message":"{text}"}}]}}"#);
            assert_eq!(ErrorBody::of(body.as_bytes(), &SentSecrets::default()).is_full(), full, "{text}");
        }
    }

    #[test]
    fn a_url_is_quoted_without_what_opens_it() {
        for (said, text) in [
            ("see https://bot:CANARY@s3/a?X-Amz-Signature=CANARY&n=1, there", "see https://s3/a?[hidden] there"),
            (r#"{"message":"<http://a.example/b>"}"#, "<http://a.example/b>"),
            ("why? because", "why? because"),
        ] {
            assert_eq!(ErrorBody::of(said.as_bytes(), &SentSecrets::default()).text, text);
        }
    }

    #[test]
    fn what_is_shown_is_one_short_clean_line() {
        let said = ErrorBody::of(
            b"red \x1b[31malert\x1b[0m\r\nERROR forged \xff line\x07 \xe2\x80\xae txet",
            &SentSecrets::default(),
        );
        assert!(!said.text.chars().any(char::is_control), "{:?}", said.text);
        assert!(!said.text.contains(['\n', '\u{202e}']));
        assert!(
            ErrorBody::of("x".repeat(100_000).as_bytes(), &SentSecrets::default()).text.chars().count() <= SHOWN + 1
        );
    }
}
