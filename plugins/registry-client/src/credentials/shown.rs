//! What was shown to a server to get an answer: it says where the login came from, and is hidden in what is quoted of
//! the answer. Servers that are kind to whoever debugs them repeat what they were sent.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::HeaderValue;

use super::Login;

/// The login and the header that went with a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    login: Option<Arc<Login>>,
    header: Option<HeaderValue>,
}

/// Shorter texts stand in every other word.
const SHORTEST: usize = 4;

impl Shown {
    pub(crate) fn new(login: Option<Arc<Login>>, header: Option<HeaderValue>) -> Self {
        Self { login, header }
    }

    /// Where the login came from, if one was used.
    pub(crate) fn origin(&self) -> Option<String> {
        self.login.as_ref().map(|login| login.origin.clone())
    }

    /// Whether the login is known to be good.
    pub(crate) fn is_proven(&self) -> bool {
        self.login.as_ref().is_some_and(|login| login.proof().is_accepted())
    }

    /// The text without what was shown, however it is dressed.
    pub(crate) fn hide(&self, mut text: String) -> String {
        for form in self.forms().iter().filter(|form| form.len() >= SHORTEST) {
            if text.contains(form.as_str()) {
                text = text.replace(form.as_str(), "[secret]");
            }
        }
        text
    }

    /// Longer ones first: the header holds the password, too.
    fn forms(&self) -> Vec<String> {
        let mut forms = Vec::new();
        let header = self.header.as_ref().and_then(|header| header.to_str().ok());
        forms.extend(header.map(|header| header.split_once(' ').map_or(header, |(_, secret)| secret).to_owned()));
        for secret in self.login.iter().map(|login| login.secret().expose()) {
            forms.push(url::form_urlencoded::byte_serialize(secret.as_bytes()).collect());
            forms.push(BASE64_STANDARD.encode(secret));
            forms.push(secret.to_owned());
        }
        forms
    }
}

#[cfg(test)]
mod tests {
    use sealift_core::secret::Secret;

    use super::*;

    #[test]
    fn what_was_shown_is_hidden_in_every_dress() {
        let login = Arc::new(Login::password("bot", Secret::new("CANARY+/?"), "here".to_owned()));
        let shown = Shown::new(Some(Arc::clone(&login)), login.basic());
        assert_eq!(shown.origin().as_deref(), Some("here"));
        let said = "bot:CANARY+/? sent Basic Ym90OkNBTkFSWSsvPw== or CANARY%2B%2F%3F or Q0FOQVJZKy8/";
        let hidden = shown.hide(said.to_owned());
        assert_eq!(hidden, "bot:[secret] sent Basic [secret] or [secret] or [secret]");
        assert_eq!(Shown::default().hide(said.to_owned()), said);
    }

    #[test]
    fn a_password_of_a_letter_does_not_make_every_sentence_unreadable() {
        let login = Arc::new(Login::password("bot", Secret::new("e"), "here".to_owned()));
        assert_eq!(Shown::new(Some(login), None).hide("denied".to_owned()), "denied");
    }
}
