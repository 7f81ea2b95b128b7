//! `Link: <…>; rel="next"` (RFC 8288), as far as paging needs it.

use http::{HeaderMap, header::LINK};

/// The target of the next page, as it was written; none if this was the last one.
///
/// # Errors
/// A sentence, if there is a link that cannot be read: to stop there silently would lose tags.
pub(crate) fn next(headers: &HeaderMap) -> Result<Option<String>, String> {
    for value in headers.get_all(LINK) {
        let text = value.to_str().map_err(|_| "`Link` is no text".to_owned())?;
        let mut rest = text.trim();
        while !rest.is_empty() {
            let unreadable = || format!("`Link` cannot be read: `{}`", rest.chars().take(80).collect::<String>());
            let inner = rest.strip_prefix('<').ok_or_else(unreadable)?;
            let (target, after) = inner.split_once('>').ok_or_else(unreadable)?;
            // The next link begins at a comma that is followed by `<`; commas may also stand in parameters.
            let (parameters, following) = match after.find(",").filter(|_| after.contains('<')) {
                Some(_) => {
                    let at = after.find('<').unwrap_or(after.len());
                    (&after[..at], &after[at..])
                }
                None => (after, ""),
            };
            if parameters.split([';', ',']).any(is_next) {
                return Ok(Some(target.to_owned()));
            }
            rest = following.trim();
        }
    }
    Ok(None)
}

fn is_next(parameter: &str) -> bool {
    let Some((key, value)) = parameter.split_once('=') else { return false };
    key.trim().eq_ignore_ascii_case("rel")
        && value.trim().trim_matches('"').split_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, text.parse().unwrap());
        next(&headers)
    }

    #[test]
    fn the_next_page_is_found_however_it_is_written() {
        for text in [
            r#"</v2/a/tags/list?last=x&n=2>; rel="next""#,
            r#"</v2/a/tags/list?last=x&n=2>;rel=next"#,
            r#"</v2/a/tags/list?last=x&n=2>; title="a"; REL="prev next""#,
            r#"</v2/first>; rel="first", </v2/a/tags/list?last=x&n=2>; rel="next""#,
        ] {
            assert_eq!(read(text), Ok(Some("/v2/a/tags/list?last=x&n=2".to_owned())), "{text}");
        }
    }

    #[test]
    fn the_last_page_has_no_next_one() {
        assert_eq!(next(&HeaderMap::new()), Ok(None));
        assert_eq!(read(r#"</v2/x>; rel="prev""#), Ok(None));
        assert_eq!(read(""), Ok(None));
    }

    #[test]
    fn a_broken_link_is_not_taken_for_the_end() {
        for text in ["<", "/v2/x; rel=next", "<unended; rel=next"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
