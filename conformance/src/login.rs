//! The rules of logins.

use std::sync::Arc;

use sealift_core::{
    login::{Login, LoginProvider},
    plugin::Role,
};

use super::{Given, Violation, rules};

rules!(
    Role::Login;
    has_a_login: "return the login of `registry.acme.example/team/app`, which the suite asks for",
    an_origin_is_no_secret: "let the origin name the place where the login was found, and nothing of the secret",
    one_entry_has_one_origin: "give a renewed secret the origin of the old one",
);

const REPOSITORY: &str = "registry.acme.example/team/app";

async fn get(provider: &dyn LoginProvider) -> Result<Login, Violation> {
    let repository = REPOSITORY.parse().expect("a valid name");
    match provider.get(&repository).await {
        Ok(Some(login)) => Ok(login),
        Ok(None) => Err(format!("there is no login for `{REPOSITORY}`")),
        Err(error) => Err(format!("`get` failed: {error}")),
    }
}

/// A provider that may have a login has one, and says so.
async fn has_a_login(given: Arc<Given>) -> Result<(), Violation> {
    let provider = given.login()?;
    get(&*provider).await?;
    match provider.may_have(&REPOSITORY.parse().expect("a valid name")).await {
        true => Ok(()),
        false => Err("`may_have` says no, and `get` returns a login".to_owned()),
    }
}

/// Origins are shown in messages.
async fn an_origin_is_no_secret(given: Arc<Given>) -> Result<(), Violation> {
    let login = get(&*given.login()?).await?;
    match () {
        () if login.origin.trim().is_empty() => Err("the origin is empty".to_owned()),
        () if login.origin.contains(login.secret().expose()) => Err("the origin has the secret in it".to_owned()),
        () => Ok(()),
    }
}

/// A login is tracked by its origin: one that was rejected is compared with what is there after it was discarded.
async fn one_entry_has_one_origin(given: Arc<Given>) -> Result<(), Violation> {
    let provider = given.login()?;
    let login = get(&*provider).await?;
    provider.invalidate(&login).await;
    let renewed = get(&*provider).await?;
    match renewed.origin == login.origin {
        true => Ok(()),
        false => Err(format!("the origin was `{}`, and is `{}` after `invalidate`", login.origin, renewed.origin)),
    }
}
