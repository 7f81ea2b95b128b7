//! `[[login]]`: providers of logins, for the hosts that they name.

use std::sync::Arc;

use super::{plugins::LOGINS, rendered, settings, told};
use crate::{
    error::Result,
    lock::lock,
    login::{Login, LoginKind, LoginProvider},
    plugin::Purpose,
    spec::{LoadOptions, load},
};

const LIST: &str = "[list]\nuse = \"registry\"\n";

/// The providers that a section sees in a pipeline with these tables.
fn providers(tables: &str) -> Vec<Arc<dyn LoginProvider>> {
    // One test at a time: the section leaves them in a static.
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = lock(&TURN);
    let environment = Arc::new(|name: &str| (name == "KEEP_LOGINS").then(|| "yes".to_owned()));
    let settings = LoadOptions { environment, ..settings(Purpose::Run) };
    let loaded = load(&format!("{LIST}{tables}"), "mirror.toml", &settings);
    loaded.unwrap_or_else(|found| panic!("{}", rendered(&found)));
    std::mem::take(&mut lock(&LOGINS))
}

/// The accounts that the providers name for a repository, in their order.
async fn accounts(providers: &[Arc<dyn LoginProvider>], repository: &str) -> Result<Vec<String>> {
    let mut accounts = Vec::new();
    for provider in providers {
        let login = provider.get(&repository.parse().unwrap()).await?;
        if let Some(Login { kind: LoginKind::Basic { username, .. }, .. }) = login {
            accounts.push(username);
        }
    }
    Ok(accounts)
}

#[tokio::test]
async fn logins_are_asked_in_the_order_of_the_file_for_their_hosts() {
    let tables = "[[login]]\nuse = \"cloud\"\naccount = \"b\"\nhosts = [\"*.acme.example\", \"quay.io\"]\n\
                  [[login]]\nuse = \"cloud\"\naccount = \"a\"\nhosts = [\"*\"]\n";
    let providers = providers(tables);
    assert_eq!(accounts(&providers, "eu.acme.example/app").await.unwrap(), ["b", "a"]);
    assert_eq!(accounts(&providers, "quay.io/app").await.unwrap(), ["b", "a"]);
    assert_eq!(accounts(&providers, "ghcr.io/app").await.unwrap(), ["a"]);
    assert!(!providers[0].may_have(&"ghcr.io/app".parse().unwrap()).await);
    assert!(providers[0].may_have(&"quay.io/app".parse().unwrap()).await);
}

#[tokio::test]
async fn a_login_with_hosts_of_its_own_needs_no_table() {
    let without = providers("");
    assert_eq!(accounts(&without, "eu.company.example/app").await.unwrap(), ["company"]);
    assert_eq!(accounts(&without, "quay.io/app").await.unwrap(), [""; 0]);
    let with = providers("[[login]]\nuse = \"company\"\nhosts = [\"quay.io\"]\n");
    assert_eq!(accounts(&with, "eu.company.example/app").await.unwrap(), [""; 0]);
    assert_eq!(accounts(&with, "quay.io/app").await.unwrap(), ["company"]);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_breaks_or_hangs_is_named() {
    let providers = providers("[[login]]\nuse = \"cloud\"\naccount = \"a\"\nhosts = [\"quay.io\"]\n");
    let error = accounts(&providers, "quay.io/broken").await.unwrap_err();
    let expected = "cannot get a login from `cloud`: the login `cloud` broke while it looked up a login: told to";
    assert_eq!(error.to_string(), expected);
    let error = accounts(&providers, "quay.io/pending").await.unwrap_err();
    assert!(error.to_string().contains("the login `cloud` looked up a login, without an answer"), "{error}");
    providers[0].invalidate(&Login::basic("a", crate::secret::Secret::new("x"), "cloud")).await;
}

#[test]
fn mistakes_in_logins_are_told_at_their_places() {
    insta::assert_snapshot!(told(&format!(
        "{LIST}[[login]]\nuse = \"cloud\"\naccount = \"\"\nhosts = [\"quay.io\", \"https://acme.example\", \"a b*\"]\n\
         [[login]]\nuse = \"cloud\"\n\
         [[login]]\nuse = \"clod\"\n\
         [[login]]\nuse = \"company\"\nhosts = []\naccount = 1\n"
    )));
    insta::assert_snapshot!(told(&format!("{LIST}[login]\nuse = \"cloud\"\naccount = \"a\"\nhosts = \"quay.io\"\n")));
}
