//! URLs as they may be shown: queries hold signatures and upload state, user info holds passwords.

use std::fmt;

use url::{Position, Url};

/// Host and port, as they stand in a URL.
pub(crate) fn authority(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

/// A URL without what may be secret in it.
pub(crate) struct Redacted<'a>(pub(crate) &'a Url);

/// Query parameters that say nothing secret.
const HARMLESS: [&str; 8] = ["n", "last", "mount", "from", "digest", "scope", "service", "artifactType"];

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.0;
        write!(f, "{}://{}{}", url.scheme(), authority(url), url.path())?;
        for (at, (key, value)) in url.query_pairs().enumerate() {
            let value = if HARMLESS.contains(&&*key) { value } else { "[hidden]".into() };
            write!(f, "{}{key}={value}", if at == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_state_and_passwords_are_not_shown() {
        let url =
            Url::parse("https://user:CANARY@s3.example.com:444/a/b?X-Amz-Signature=CANARY&n=5&_state=CANARY#CANARY");
        let shown = Redacted(&url.unwrap()).to_string();
        assert_eq!(shown, "https://s3.example.com:444/a/b?X-Amz-Signature=[hidden]&n=5&_state=[hidden]");
    }
}
