//! The secrets that went with a request. They are hidden in what is quoted of the response: some servers repeat what
//! they were sent.

use std::sync::Arc;

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use http::HeaderValue;
use sealift_core::{content::Repository, login::Login};

use super::{CurrentLogin, account};

/// The login and the header of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct SentSecrets {
    login: Option<CurrentLogin>,
    header: Option<HeaderValue>,
}

/// Shorter texts are not hidden, because they are part of other words.
const SHORTEST: usize = 4;
/// The same in lower case, which more words are.
const SHORTEST_IN_LOWER_CASE: usize = 8;
/// The replacement.
const MASK: &str = "[secret]";

impl SentSecrets {
    pub(crate) fn new(login: Option<CurrentLogin>, header: Option<HeaderValue>) -> Self {
        Self { login, header }
    }

    /// Returns where the login came from, if one was used.
    pub(crate) fn origin(&self) -> Option<String> {
        self.login.as_ref().map(|current| current.login.origin.clone())
    }

    /// Returns true if the login is known to be good.
    pub(crate) fn is_proven(&self) -> bool {
        self.login.as_ref().is_some_and(|current| current.tracked.is_accepted())
    }

    /// Asks the provider of a login that worked and was rejected. Returns true if there is another secret now.
    pub(crate) async fn renew(&self, repository: &Repository) -> bool {
        match &self.login {
            Some(current) if current.tracked.has_worked() => current.tracked.renew(repository, &current.login).await,
            _ => false,
        }
    }

    /// Returns a text with all secrets replaced, also where they are encoded.
    pub(crate) fn hide(&self, text: String) -> String {
        hide(self.login.iter().map(|current| &current.login), self.header.as_ref(), text)
    }
}

/// Returns a text without the secrets of some logins and of a header, also where they are encoded.
pub(crate) fn hide<'l>(
    logins: impl Iterator<Item = &'l Arc<Login>>,
    header: Option<&HeaderValue>,
    mut text: String,
) -> String {
    let mut forms = Vec::new();
    if let Some(header) = header.and_then(|header| header.to_str().ok()) {
        let secret = header.split_once(' ').map_or(header, |(_, secret)| secret);
        let basic = header.starts_with("Basic ").then(|| BASE64_STANDARD.decode(secret).ok()).flatten();
        if let Some(login) = basic.and_then(|login| String::from_utf8(login).ok()) {
            forms.extend(encoded(&login));
            add_forms(login.split_once(':').map_or(&login, |(_, password)| password), &mut forms);
        }
        forms.push(secret.to_owned());
    }
    for login in logins {
        if let Some(name) = account(login) {
            forms.extend(encoded(&format!("{name}:{}", login.secret().expose())));
        }
        add_forms(login.secret().expose(), &mut forms);
    }
    for form in forms.iter().filter(|form| form.len() >= SHORTEST) {
        if text.contains(form.as_str()) {
            text = text.replace(form.as_str(), MASK);
        }
        // Names of hosts are shown in lower case.
        let lower = form.to_ascii_lowercase();
        if form.len() >= SHORTEST_IN_LOWER_CASE && text.contains(&lower) {
            text = text.replace(&lower, MASK);
        }
        if form.len() >= SHORTEST_IN_LOWER_CASE {
            text = without_spread(text, form);
        }
    }
    text
}

/// Hides a secret with line breaks or the like between its letters, which become spaces where they are shown.
fn without_spread(mut text: String, secret: &str) -> String {
    let is_gap = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{fffd}' | '\u{200b}');
    let letters: Vec<char> = secret.chars().filter(|c| !is_gap(*c)).collect();
    let Some(first) = letters.first() else { return text };
    let mut from = 0;
    while let Some(at) = text[from..].find(*first).map(|at| from + at) {
        let mut rest = text[at..].char_indices().filter(|(_, c)| !is_gap(*c));
        let end = letters.iter().try_fold(at, |_, letter| {
            rest.next().filter(|(_, found)| found == letter).map(|(offset, found)| at + offset + found.len_utf8())
        });
        from = match end {
            Some(end) => {
                text.replace_range(at..end, MASK);
                at + MASK.len()
            }
            None => at + first.len_utf8(),
        };
    }
    text
}

/// Adds a secret as it is written in texts, URLs, JSON and HTML, longer forms before those that they contain.
fn add_forms(secret: &str, forms: &mut Vec<String>) {
    let quoted = serde_json::to_string(secret).unwrap_or_default();
    let html = ["&", "<", ">", "\""].iter().zip(["&amp;", "&lt;", "&gt;", "&quot;"]);
    forms.extend(encoded(secret));
    forms.extend([
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string(),
        quoted.trim_matches('"').to_owned(),
        html.fold(secret.to_owned(), |text, (plain, entity)| text.replace(plain, entity)),
        secret.to_owned(),
    ]);
}

/// Returns the encodings of a secret in which its letters cannot be seen.
fn encoded(secret: &str) -> [String; 5] {
    [
        secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        BASE64_STANDARD.encode(secret),
        BASE64_STANDARD_NO_PAD.encode(secret),
        BASE64_URL_SAFE.encode(secret),
        BASE64_URL_SAFE_NO_PAD.encode(secret),
    ]
}

#[cfg(test)]
mod tests {
    use sealift_core::secret::Secret;

    use super::{
        super::{EntryLogin, Logins, basic_header},
        *,
    };

    async fn current(password: &str) -> CurrentLogin {
        let login = Login::basic("bot", Secret::new(password), "here");
        let logins = Logins::new(vec![Arc::new(EntryLogin(login))]);
        logins.find(&"r.io/a".parse().unwrap()).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn what_was_shown_is_hidden_in_every_dress() {
        let login = current("CANARY+/?").await;
        let shown = SentSecrets::new(Some(login.clone()), basic_header(&login.login));
        assert_eq!(shown.origin().as_deref(), Some("here"));
        let said = "bot:CANARY+/? sent Basic Ym90OkNBTkFSWSsvPw== or CANARY%2B%2F%3F or Q0FOQVJZKy8/ or \
                    Ym90OkNBTkFSWSsvPw or 43414e4152592b2f3f at canary%2b%2f%3f.example.com";
        let hidden = shown.hide(said.to_owned());
        assert_eq!(
            hidden,
            "bot:[secret] sent Basic [secret] or [secret] or [secret] or [secret] or [secret] at [secret].example.com"
        );
        assert_eq!(SentSecrets::default().hide(said.to_owned()), said);
    }

    #[tokio::test]
    async fn a_secret_with_gaps_in_it_is_hidden() {
        let shown = SentSecrets::new(Some(current("CANARY+/?").await), None);
        for gap in ["\n", "\u{7}", " ", "\u{fffd}", "\u{200b}"] {
            assert_eq!(shown.hide(format!("you are CAN{gap}ARY+/? there")), "you are [secret] there", "{gap:?}");
        }
        assert_eq!(shown.hide("you CAN see".to_owned()), "you CAN see");
    }

    #[tokio::test]
    async fn a_password_of_a_letter_does_not_make_every_sentence_unreadable() {
        assert_eq!(SentSecrets::new(Some(current("e").await), None).hide("denied".to_owned()), "denied");
    }
}
