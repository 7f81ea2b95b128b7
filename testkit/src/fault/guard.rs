//! A login in front of the registry, with a token service of its own, so that secrets are under way while things break.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Answer, Exchange};

/// Access control: requests need a bearer token, which is issued for this login.
#[derive(Clone, Debug)]
pub struct Guard {
    /// The name of the user.
    pub username: String,
    /// The password that gets the token.
    pub password: String,
    /// The token that the registry wants.
    pub token: String,
}

impl Guard {
    /// The answer to who is not let through, and to who fetches a token; none: the registry answers.
    pub(super) fn answer(&self, asked: &Exchange, host: &str) -> Option<Answer> {
        let shown = asked.header("authorization").unwrap_or_default();
        if asked.path.starts_with("/token") {
            let expected = format!("Basic {}", STANDARD.encode(format!("{}:{}", self.username, self.password)));
            let right = shown == expected;
            return Some(match right {
                true => Answer::status(200).json(&format!("{{\"token\":\"{}\",\"expires_in\":3600}}", self.token)),
                false => Answer::status(401).json(r#"{"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]}"#),
            });
        }
        (shown != format!("Bearer {}", self.token)).then(|| {
            let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"fault\"");
            Answer::status(401).header("www-authenticate", challenge).json(r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#)
        })
    }
}
