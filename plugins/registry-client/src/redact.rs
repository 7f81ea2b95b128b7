//! URLs as they may be shown: queries hold signatures and upload state, user info holds passwords.

use std::fmt;

use sealift_core::text;
use url::{Position, Url};

/// Host and port, as they stand in a URL.
pub(crate) fn authority(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

/// A URL without what may be secret in it.
pub(crate) struct Redacted<'a>(pub(crate) &'a Url);

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.0;
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let shown = format!("{}://{}{}{query}", url.scheme(), authority(url), url.path());
        f.write_str(&text::message(&shown))
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
        assert_eq!(shown, "https://s3.example.com:444/a/b?X-Amz-Signature=[secret]&n=5&_state=[secret]");
    }
}
