//! The secrets that went with a request. They are hidden in what is quoted of the response: some servers repeat what
//! they were sent.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::HeaderValue;
use sealift_core::content::Repository;

use super::CurrentLogin;

/// The login and the header of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct SentSecrets {
    login: Option<CurrentLogin>,
    header: Option<HeaderValue>,
}

/// Shorter texts are not hidden, because they are part of other words.
const SHORTEST: usize = 4;

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
    pub(crate) fn hide(&self, mut text: String) -> String {
        for form in self.forms().iter().filter(|form| form.len() >= SHORTEST) {
            if text.contains(form.as_str()) {
                text = text.replace(form.as_str(), "[secret]");
            }
        }
        text
    }

    /// Returns the encodings of all secrets, longer ones first: the header contains the password, too.
    fn forms(&self) -> Vec<String> {
        let mut forms = Vec::new();
        let header = self.header.as_ref().and_then(|header| header.to_str().ok());
        forms.extend(header.map(|header| header.split_once(' ').map_or(header, |(_, secret)| secret).to_owned()));
        for secret in self.login.iter().map(|current| current.login.secret().expose()) {
            forms.push(url::form_urlencoded::byte_serialize(secret.as_bytes()).collect());
            forms.push(BASE64_STANDARD.encode(secret));
            forms.push(secret.to_owned());
        }
        forms
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sealift_core::{login::Login, secret::Secret};

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
        let said = "bot:CANARY+/? sent Basic Ym90OkNBTkFSWSsvPw== or CANARY%2B%2F%3F or Q0FOQVJZKy8/";
        let hidden = shown.hide(said.to_owned());
        assert_eq!(hidden, "bot:[secret] sent Basic [secret] or [secret] or [secret]");
        assert_eq!(SentSecrets::default().hide(said.to_owned()), said);
    }

    #[tokio::test]
    async fn a_password_of_a_letter_does_not_make_every_sentence_unreadable() {
        assert_eq!(SentSecrets::new(Some(current("e").await), None).hide("denied".to_owned()), "denied");
    }
}
