//! Logins that break one rule, and one that the suite must ask for other hosts than its own.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use schemars::JsonSchema;
use sealift_conformance::{Given, Rule, login::RULES};
use sealift_core::{
    async_trait,
    content::Repository,
    error::Result,
    inventory,
    login::{Login, LoginProvider},
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    secret::Secret,
};
use serde::Deserialize;

use super::{broken, each_breaks_its_rule};

/// A login that is odd in one way.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Odd {
    /// In which way.
    #[serde(default)]
    how: How,
}

/// In which way it is odd.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum How {
    /// In none.
    #[default]
    Well,
    /// It has no login.
    HasNone,
    /// It denies what it has.
    DeniesIt,
    /// Its origin has the secret in it.
    ShowsItsSecret,
    /// Each secret has another origin.
    CountsSecrets,
}

struct Provider(How, AtomicUsize);

impl StageConfig<dyn LoginProvider> for Odd {
    fn build(self, _: &BuildContext<'_>) -> std::result::Result<Box<dyn LoginProvider>, ConfigError> {
        Ok(Box::new(Provider(self.how, AtomicUsize::new(0))))
    }
}

#[async_trait]
impl LoginProvider for Provider {
    async fn get(&self, _: &Repository) -> Result<Option<Login>> {
        let origin = match self.0 {
            How::HasNone => return Ok(None),
            How::ShowsItsSecret => "the token `s3cret`".to_owned(),
            How::CountsSecrets => format!("secret {}", self.1.fetch_add(1, Ordering::Relaxed)),
            How::Well | How::DeniesIt => "the vault".to_owned(),
        };
        Ok(Some(Login::basic("robot", Secret::new("s3cret"), origin)))
    }

    async fn invalidate(&self, _: &Login) {}

    async fn may_have(&self, _: &Repository) -> bool {
        self.0 != How::DeniesIt
    }
}

inventory::submit! { Plugin::login::<Odd>("odd") }
inventory::submit! { Plugin::login::<Odd>("cloud").for_hosts(&["*.cloud.example"]) }

fn given(how: &str) -> Given {
    Given::new(format!("[[login]]\nuse = \"odd\"\nhosts = [\"*.acme.example\"]\nhow = \"{how}\"\n"))
}

#[tokio::test]
async fn each_odd_one_breaks_its_rule() {
    assert!(broken(RULES, || given("well")).await.is_empty());
    let ways = [
        ("denies_it", "has_a_login"),
        ("shows_its_secret", "an_origin_is_no_secret"),
        ("counts_secrets", "one_entry_has_one_origin"),
    ];
    each_breaks_its_rule(RULES, &ways, given).await;
}

/// What is said of the rules that ask for a login.
async fn said(given: impl Fn() -> Given) -> Vec<String> {
    let mut said = Vec::new();
    for Rule { check, .. } in RULES {
        said.extend(check(Arc::new(given())).await.err());
    }
    said
}

/// A login with hosts of its own needs no `hosts` in pipelines, and its author writes none here.
#[tokio::test]
async fn a_login_with_hosts_of_its_own_is_told_that_the_suite_asks_for_another_one() {
    let own = |more: &str| Given::new(format!("[[login]]\nuse = \"cloud\"\n{more}"));
    let remedy = "none of its `hosts` is for it; write `hosts = [\"registry.acme.example\"]` into the `[[login]]` of the `Given`";
    for hosts in ["", "hosts = [\"*.cloud.example\"]\n"] {
        let said = said(|| own(hosts)).await;
        assert!(said.len() == 3 && said.iter().all(|said| said.ends_with(remedy)), "{said:?}");
    }
    assert!(broken(RULES, || own("hosts = [\"registry.acme.example\"]\n")).await.is_empty());
}

#[tokio::test]
async fn a_login_that_is_asked_and_has_none_is_not_told_of_hosts() {
    let said = said(|| given("has_none")).await;
    assert_eq!(said, ["there is no login for `registry.acme.example/team/app`: `get` returns none"; 3]);
}
