//! The rules of logins.

use std::sync::Arc;

use sealift_core::{
    login::{Login, LoginProvider},
    plugin::Role,
};

use super::{Given, Violation, config::with_line, rules};

rules!(
    Role::Login;
    has_a_login: "return the login of `registry.acme.example/team/app`, which the suite asks for; \
        with `for_hosts`, say `hosts = [\"registry.acme.example\"]` in the `Given`",
    an_origin_is_no_secret: "let the origin name the place where the login was found, and nothing of the secret",
    one_entry_has_one_origin: "give a renewed secret the origin of the old one",
);

const REPOSITORY: &str = "registry.acme.example/team/app";

const HOSTS: &str = "hosts = [\"registry.acme.example\"]";

async fn get(given: &Given, provider: &dyn LoginProvider) -> Result<Login, Violation> {
    let none = format!("there is no login for `{REPOSITORY}`");
    match ask(provider).await? {
        Some(login) => Ok(login),
        None if needs_hosts(given).await => Err(format!(
            "{none}: the login is not asked, because none of its `hosts` is for it; write `{HOSTS}` into the `[[login]]` of \
             the `Given`"
        )),
        None => Err(format!("{none}: `get` returns none")),
    }
}

async fn ask(provider: &dyn LoginProvider) -> Result<Option<Login>, Violation> {
    let repository = REPOSITORY.parse().expect("a valid name");
    provider.get(&repository).await.map_err(|error| format!("`get` failed: {error}"))
}

/// Returns true if the login is not asked with the hosts that it has, and would have one with those of the suite.
async fn needs_hosts(given: &Given) -> bool {
    let Ok((text, _)) = with_line(Role::Login, given, HOSTS) else { return false };
    let login = given.load(&text).ok().and_then(|parts| parts.logins.into_iter().next());
    match login {
        Some(login) => matches!(ask(&*login.stage).await, Ok(Some(_))),
        None => false,
    }
}

/// A provider that may have a login has one, and says so.
async fn has_a_login(given: Arc<Given>) -> Result<(), Violation> {
    let provider = given.login()?;
    get(&given, &*provider).await?;
    match provider.may_have(&REPOSITORY.parse().expect("a valid name")).await {
        true => Ok(()),
        false => Err("`may_have` says no, and `get` returns a login".to_owned()),
    }
}

/// Origins are shown in messages.
async fn an_origin_is_no_secret(given: Arc<Given>) -> Result<(), Violation> {
    let login = get(&given, &*given.login()?).await?;
    match () {
        () if login.origin.trim().is_empty() => Err("the origin is empty".to_owned()),
        () if login.origin.contains(login.secret().expose()) => Err("the origin has the secret in it".to_owned()),
        () => Ok(()),
    }
}

/// A login is tracked by its origin: one that was rejected is compared with what is there after it was discarded.
async fn one_entry_has_one_origin(given: Arc<Given>) -> Result<(), Violation> {
    let provider = given.login()?;
    let login = get(&given, &*provider).await?;
    provider.invalidate(&login).await;
    let renewed = get(&given, &*provider).await?;
    match renewed.origin == login.origin {
        true => Ok(()),
        false => Err(format!("the origin was `{}`, and is `{}` after `invalidate`", login.origin, renewed.origin)),
    }
}
