//! Lists that break one rule.

use std::sync::atomic::{AtomicBool, Ordering};

use schemars::JsonSchema;
use sealift_conformance::{Given, list::RULES};
use sealift_core::{
    async_trait,
    content::{Reference, Repository},
    error::{Error, Result},
    inventory,
    job::{Candidate, Listing},
    outlet::Outlet,
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    stage::List,
};
use serde::Deserialize;

use super::{broken, each_breaks_its_rule};

/// A list that is odd in one way.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Odd {
    /// In which way.
    how: How,
    /// How many repositories it finds. Default: 4.
    #[serde(default = "four")]
    finds: usize,
}

fn four() -> usize {
    4
}

/// In which way it is odd.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum How {
    /// In none.
    Well,
    /// It cannot list one repository again, and says so.
    NotAgain,
    /// It goes on when nobody wants more.
    GoesOn,
    /// It says that it broke when nobody wants more.
    CallsItAFailure,
    /// It leaves what nobody takes to somebody else.
    DoesNotWait,
    /// It finds less the next time.
    Forgets,
    /// Asked for one repository, it lists all.
    ListsAllAgain,
    /// Asked for one repository, it lists another.
    ListsAnotherAgain,
}

struct Stage {
    how: How,
    listings: Vec<Listing>,
    asked: AtomicBool,
}

impl StageConfig<dyn List> for Odd {
    fn build(self, _: &BuildContext<'_>) -> std::result::Result<Box<dyn List>, ConfigError> {
        let listing = |number: usize| {
            let candidates = ["v1", "v2"].map(|tag| Candidate::new(Reference::Tag(tag.parse().unwrap())));
            Listing::new(format!("a.io/app{number}").parse().unwrap(), candidates.to_vec(), "odd")
        };
        let listings = (0..self.finds).map(listing).collect();
        Ok(Box::new(Stage { how: self.how, listings, asked: AtomicBool::new(false) }))
    }
}

#[async_trait]
impl List for Stage {
    async fn list(&self, out: &Outlet) -> Result<()> {
        let asked = self.asked.swap(true, Ordering::Relaxed);
        for (number, listing) in self.listings.iter().enumerate() {
            match self.how {
                How::GoesOn => drop(out.send(listing.clone()).await),
                How::CallsItAFailure => {
                    let sent = out.send(listing.clone()).await;
                    sent.map_err(|_| Error::new(sealift_core::error::ErrorKind::Unavailable, "nobody is there"))?;
                }
                How::DoesNotWait if number > 0 => {
                    let (out, listing) = (out.clone(), listing.clone());
                    tokio::spawn(async move { out.send(listing).await });
                }
                How::Forgets if asked && number == 0 => {}
                _ => out.send(listing.clone()).await?,
            }
        }
        Ok(())
    }

    async fn list_repository(&self, repository: &Repository, out: &Outlet) -> Result<()> {
        for listing in &self.listings {
            let is_it = listing.repository == *repository;
            match self.how {
                How::NotAgain => return Err(Error::new(sealift_core::error::ErrorKind::Unsupported, "not again")),
                How::ListsAllAgain => out.send(listing.clone()).await?,
                How::ListsAnotherAgain if !is_it => return out.send(listing.clone()).await,
                _ if is_it => out.send(listing.clone()).await?,
                _ => {}
            }
        }
        Ok(())
    }
}

inventory::submit! { Plugin::list::<Odd>("odd") }

fn given(how: &str) -> Given {
    Given::new(format!("[list]\nuse = \"odd\"\nhow = \"{how}\"\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_be_odd_breaks_one_rule() {
    let ways = [
        ("goes_on", "stops_when_nobody_wants_more"),
        ("calls_it_a_failure", "stops_when_nobody_wants_more"),
        ("does_not_wait", "waits_while_nobody_takes"),
        ("forgets", "can_be_asked_twice"),
        ("lists_all_again", "lists_one_repository_again"),
        ("lists_another_again", "lists_one_repository_again"),
    ];
    each_breaks_its_rule(RULES, &ways, given).await;
}

#[tokio::test]
async fn a_list_that_finds_too_little_proves_nothing() {
    let given = || Given::new("[list]\nuse = \"odd\"\nhow = \"well\"\nfinds = 2\n");
    let rules = broken(RULES, given).await;
    assert!(rules.contains(&"waits_while_nobody_takes") && rules.contains(&"can_be_asked_twice"), "{rules:?}");
}

mod well {
    sealift_conformance::conformance!(list: super::given("well"));
}

mod not_again {
    sealift_conformance::conformance!(list: super::given("not_again"));
}
