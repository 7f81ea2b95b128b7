//! Secrets that must not come out: planted where a program keeps secrets, and looked for in everything it says.

use base64::{Engine as _, alphabet, engine::GeneralPurpose, engine::general_purpose::NO_PAD};

/// A set of secrets, each for another place.
#[derive(Clone, Debug)]
pub struct Canaries {
    /// Stands for a password.
    pub password: String,
    /// Stands for a token that a registry wants.
    pub token: String,
    /// Stands for an identity token, from which others are made.
    pub identity_token: String,
    /// Stands for the password of a proxy.
    pub proxy_password: String,
    /// Stands for the signature in the URL of an object store.
    pub signature: String,
}

impl Default for Canaries {
    fn default() -> Self {
        let canary = |what: &str| format!("canary/{what}+in=the?mine");
        Self {
            password: canary("password"),
            token: "canary.token.in.the.mine".to_owned(), // tokens have an alphabet of their own
            identity_token: canary("identity"),
            proxy_password: canary("proxy"),
            signature: "canary-signature-in-the-mine".to_owned(), // as it stands in a query
        }
    }
}

impl Canaries {
    /// Looks for all of them in a text: as they are, in base64 at any place, percent-encoded, escaped in JSON.
    ///
    /// # Panics
    /// If one is there; the message names the secret and the line, not its value.
    #[track_caller]
    pub fn assert_absent(&self, place: &str, text: &str) {
        for (what, secret) in self.all() {
            for form in forms(secret) {
                if let Some(line) = text.lines().position(|line| line.contains(&form)) {
                    panic!("the {what} came out in {place}, line {}", line + 1);
                }
            }
        }
    }

    /// The password as a `Basic` header has it.
    pub fn login(&self, username: &str) -> String {
        base64::engine::general_purpose::STANDARD.encode(format!("{username}:{}", self.password))
    }

    /// A secret as it stands in a URL.
    pub fn in_urls(secret: &str) -> String {
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect()
    }

    fn all(&self) -> [(&'static str, &str); 5] {
        [
            ("password", &self.password),
            ("token", &self.token),
            ("identity token", &self.identity_token),
            ("proxy password", &self.proxy_password),
            ("signature", &self.signature),
        ]
    }
}

/// Returns the encodings of a secret: plain, with JSON's `\/`, for URLs, and base64 (both alphabets, at each offset).
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), secret.replace('/', "\\/")];
    forms.push(Canaries::in_urls(secret));
    for alphabet in [alphabet::STANDARD, alphabet::URL_SAFE] {
        let engine = GeneralPurpose::new(&alphabet, NO_PAD);
        // Three bytes become four letters, so it matters how many bytes stand before it: the letters that they take
        // part in are left out, and so are those that the bytes behind take part in.
        for before in 0..3 {
            let text = engine.encode([&vec![b'x'; before], secret.as_bytes()].concat());
            let whole = (before + secret.len()) / 3 * 4;
            forms.push(text[before.div_ceil(3) * 4..whole].to_owned());
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn comes_out(text: &str) -> bool {
        let text = text.to_owned();
        std::panic::catch_unwind(|| Canaries::default().assert_absent("a text", &text)).is_err()
    }

    #[test]
    fn a_secret_is_found_in_every_form() {
        let password = Canaries::default().password;
        assert!(comes_out(&format!("a line\nthe password is {password}")));
        for user in ["a", "ab", "abc", "robot$ci"] {
            assert!(comes_out(&STANDARD.encode(format!("{user}:{password}, and more"))), "{user}");
        }
        assert!(comes_out("?password=canary%2Fpassword%2Bin%3Dthe%3Fmine"));
        assert!(comes_out(r#"{"password":"canary\/password+in=the?mine"}"#));
    }

    #[test]
    fn other_texts_are_none() {
        assert!(!comes_out("canary, password, token, mine\n[secret]"));
    }
}
