//! Several lists of one pipeline, as one.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use futures::future::join;

use super::Named;
use crate::{
    content::Repository,
    error::Result,
    lock::lock,
    outlet::{Found, Outlet},
    stage::List,
};

/// Lists that are asked one after the other.
pub(super) struct SeveralLists {
    lists: Vec<Named<dyn List>>,
    /// The lists that had something to say of a repository, by their numbers.
    about: Mutex<HashMap<Repository, BTreeSet<usize>>>,
}

impl SeveralLists {
    /// Makes one list of all; none if there is none.
    pub(super) fn join(mut lists: Vec<Named<dyn List>>) -> Option<Named<dyn List>> {
        if lists.len() <= 1 {
            return lists.pop();
        }
        let kinds: Vec<_> = lists.iter().map(|list| &*list.kind).collect();
        let kind = kinds.join(" + ");
        Some(Named::new(&kind, Arc::new(Self { lists, about: Mutex::default() })))
    }

    /// Passes on what a list finds, and notes which repositories it is about.
    async fn pass_on(&self, number: usize, again: Option<&Repository>, out: &Outlet) -> Result<()> {
        let (own, mut inbox) = Outlet::new(1);
        let Named { kind, stage: list } = &self.lists[number];
        let work = async move {
            let result = match again {
                Some(repository) => list.list_repository(repository, &own).await,
                None => list.list(&own).await,
            };
            drop(own); // ends the passing
            result
        };
        let passing = async {
            let mut is_empty = true;
            while let Some(found) = inbox.recv().await {
                is_empty &= matches!(found, Found::Warning(_) | Found::LeftOut(_) | Found::Announced(..));
                if let Some(repository) = repository_of(&found) {
                    lock(&self.about).entry(repository.clone()).or_default().insert(number);
                }
                out.hand_out(found).await?;
            }
            Ok::<_, crate::error::Error>(is_empty)
        };
        let (worked, passed) = join(work, passing).await;
        let is_empty = passed?;
        worked?;
        // The images of the others do not make up for it.
        match is_empty && again.is_none() {
            true => {
                out.nothing(format!("list {}", number + 1), None, format!("the list `{kind}` finds no image")).await
            }
            false => Ok(()),
        }
    }

    /// Asks these lists one after the other. One that fails does not keep the others from being asked.
    async fn ask(&self, numbers: &[usize], again: Option<&Repository>, out: &Outlet) -> Result<()> {
        let mut result = Ok(());
        for number in numbers {
            match self.pass_on(*number, again, out).await {
                Err(error) if error.is_cancelled() => return Err(error),
                passed => result = result.and(passed),
            }
        }
        result
    }
}

fn repository_of(found: &Found) -> Option<&Repository> {
    match found {
        Found::Listing(listing) => Some(&listing.repository),
        Found::Failed(repository, _) => Some(repository),
        Found::Nothing { repository, .. } => repository.as_ref(),
        _ => None,
    }
}

#[async_trait]
impl List for SeveralLists {
    async fn list(&self, out: &Outlet) -> Result<()> {
        let all: Vec<_> = (0..self.lists.len()).collect();
        self.ask(&all, None, out).await
    }

    async fn list_repository(&self, repository: &Repository, out: &Outlet) -> Result<()> {
        let numbers: Vec<_> = lock(&self.about).get(repository).into_iter().flatten().copied().collect();
        self.ask(&numbers, Some(repository), out).await
    }

    fn registries(&self) -> Option<BTreeSet<String>> {
        let each: Option<Vec<_>> = self.lists.iter().map(|list| list.stage.registries()).collect();
        Some(each?.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};

    /// Lists a repository, fails at it, or fails as a whole.
    enum Fake {
        Lists(&'static str),
        FailsAt(&'static str),
        Fails,
        Warns,
    }

    #[async_trait]
    impl List for Fake {
        async fn list(&self, out: &Outlet) -> Result<()> {
            let error = Error::new(ErrorKind::Unavailable, "down");
            match self {
                Self::Lists(at) => out.send(crate::job::Listing::new(at.parse().unwrap(), Vec::new(), "rule")).await,
                Self::FailsAt(at) => out.failed(&at.parse().unwrap(), error).await,
                Self::Fails => Err(error),
                Self::Warns => out.warn("an empty file").await,
            }
        }

        async fn list_repository(&self, _: &Repository, out: &Outlet) -> Result<()> {
            out.warn("asked again").await
        }
    }

    async fn found(lists: &dyn List, again: Option<&Repository>) -> (Vec<String>, Result<()>) {
        let (out, mut inbox) = Outlet::new(100);
        let result = match again {
            Some(repository) => lists.list_repository(repository, &out).await,
            None => lists.list(&out).await,
        };
        drop(out);
        let mut found = Vec::new();
        while let Some(one) = inbox.recv().await {
            found.push(match one {
                Found::Listing(listing) => format!("listed {}", listing.repository),
                Found::Failed(repository, _) => format!("failed {repository}"),
                Found::Warning(message) => message,
                other => format!("{other:?}"),
            });
        }
        (found, result)
    }

    // The images of one file made a warning of another that was empty, such as that of a command that failed.
    #[tokio::test]
    async fn a_list_that_finds_nothing_is_told_beside_others() {
        let lists = [Fake::Lists("a.io/a"), Fake::Warns];
        let lists = lists.into_iter().map(|list| Named::new("fake", Arc::new(list) as Arc<dyn List>));
        let lists = SeveralLists::join(lists.collect()).unwrap();
        let (all, result) = found(&*lists.stage, None).await;
        assert_eq!(all[..2], ["listed a.io/a", "an empty file"]);
        assert!(all[2].contains("the list `fake` finds no image") && all.len() == 3, "{all:?}");
        assert!(result.is_ok());
    }

    #[tokio::test]
    async fn all_lists_are_asked_and_a_repository_is_asked_of_those_that_know_it() {
        let lists = [Fake::Fails, Fake::Lists("a.io/a"), Fake::FailsAt("a.io/b"), Fake::Lists("a.io/b")];
        let lists = lists.into_iter().map(|list| Named::new("fake", Arc::new(list) as Arc<dyn List>));
        let lists = SeveralLists::join(lists.collect()).unwrap();
        assert_eq!(&*lists.kind, "fake + fake + fake + fake");
        let (all, result) = found(&*lists.stage, None).await;
        assert_eq!(all, ["listed a.io/a", "failed a.io/b", "listed a.io/b"]);
        assert!(result.is_err(), "a list that failed as a whole is told, and the others are asked all the same");
        assert_eq!(found(&*lists.stage, Some(&"a.io/b".parse().unwrap())).await.0, ["asked again"; 2]);
        assert_eq!(found(&*lists.stage, Some(&"a.io/a".parse().unwrap())).await.0, ["asked again"]);
    }
}
