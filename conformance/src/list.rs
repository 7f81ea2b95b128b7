//! The rules of lists.

use std::{sync::Arc, time::Duration};

use sealift_core::{
    error::{Error, ErrorKind},
    job::Listing,
    outlet::{Found, Outlet},
    plugin::Role,
    stage::List,
};
use tokio::{sync::mpsc::Receiver, task::JoinHandle};

use super::{Given, Violation, rules};

rules!(
    Role::List;
    stops_when_nobody_wants_more: "return the error of the outlet, with `?`, and send nothing more",
    waits_while_nobody_takes: "await each `send`, and start no task that sends for you",
    can_be_asked_twice: "keep nothing from one call of `list` to the next that changes what is found",
    lists_one_repository_again: "let `list_repository` find that repository and no other, or leave the method out",
);

/// The time within which a list must end.
const SOON: Duration = Duration::from_secs(10);

/// The time for which a list without a receiver is observed.
const WHILE: Duration = Duration::from_millis(300);

type Running = JoinHandle<Result<(), Error>>;

fn start(list: &Arc<dyn List>) -> (Running, Receiver<Found>) {
    let (out, found) = Outlet::new(1);
    let list = Arc::clone(list);
    (tokio::spawn(async move { list.list(&out).await }), found)
}

async fn ended(running: Running) -> Result<Result<(), Error>, Violation> {
    let ended = tokio::time::timeout(SOON, running).await;
    let ended = ended.map_err(|_| format!("it has not ended after {} seconds", SOON.as_secs()))?;
    ended.map_err(|panic| format!("it panicked: {panic}"))
}

/// All listings, once the list is through.
async fn all(list: &Arc<dyn List>) -> Result<Vec<Listing>, Violation> {
    let (running, found) = start(list);
    let listings = drained(found).await?;
    ended(running).await?.map_err(|error| format!("the list failed: {error}"))?;
    if listings.len() < 3 {
        let found = listings.len();
        return Err(format!(
            "the suite needs a list that finds three repositories or more, and this one finds {found}"
        ));
    }
    Ok(listings)
}

async fn drained(mut found: Receiver<Found>) -> Result<Vec<Listing>, Violation> {
    let mut listings = Vec::new();
    while let Some(found) = found.recv().await {
        match found {
            Found::Listing(listing) => listings.push(listing),
            Found::Failed(repository, error) => return Err(format!("`{repository}` could not be listed: {error}")),
            Found::Unusable(_, error) => return Err(format!("something cannot be copied: {error}")),
            _ => {}
        }
    }
    Ok(listings)
}

/// Listings as text, in an order of their own: who lists several repositories at once may hand them out as they come.
fn texts(listings: &[Listing]) -> Vec<String> {
    let text = |listing: &Listing| {
        let candidates: Vec<_> =
            listing.candidates.iter().map(|one| format!("{} {:?}", one.reference, one.targets)).collect();
        format!("{}: {}", listing.repository, candidates.join(", "))
    };
    let mut texts: Vec<String> = listings.iter().map(text).collect();
    texts.sort();
    texts
}

/// Once the outlet is closed the list ends, and returns the error that it got.
async fn stops_when_nobody_wants_more(given: Arc<Given>) -> Result<(), Violation> {
    let list = given.list()?;
    let (out, found) = Outlet::new(1);
    drop(found);
    let running = tokio::spawn(async move { list.list(&out).await });
    stopped(ended(running).await?)?.ok_or("it did not return the error of the outlet")?;

    let (running, mut found) = start(&given.list()?);
    found.recv().await.ok_or("the list found nothing")?;
    drop(found);
    // Who got rid of everything before has nothing to stop; that it waits is another rule.
    stopped(ended(running).await?).map(drop)
}

/// Returns `Some` if the list ended with the error of the outlet, `None` if it succeeded, and otherwise a violation.
fn stopped(result: Result<(), Error>) -> Result<Option<()>, Violation> {
    match result {
        Err(error) if error.is_cancelled() => Ok(Some(())),
        Err(error) => Err(format!("it ended with another error than that of the outlet: {error}")),
        Ok(()) => Ok(None),
    }
}

/// While no listing is received, the list waits: it does not end, and no listing is lost.
async fn waits_while_nobody_takes(given: Arc<Given>) -> Result<(), Violation> {
    let expected = texts(&all(&given.list()?).await?);
    let (running, found) = start(&given.list()?);
    tokio::time::sleep(WHILE).await;
    if running.is_finished() {
        return Err("it ended while most of what it found was not taken, so somebody else holds it".to_owned());
    }
    let listings = drained(found).await?;
    ended(running).await?.map_err(|error| format!("the list failed: {error}"))?;
    match texts(&listings) == expected {
        true => Ok(()),
        false => Err(format!("after a while it found {:?} instead of {expected:?}", texts(&listings))),
    }
}

/// A list that is asked twice finds the same.
async fn can_be_asked_twice(given: Arc<Given>) -> Result<(), Violation> {
    let list = given.list()?;
    let (once, twice) = (texts(&all(&list).await?), texts(&all(&list).await?));
    match once == twice {
        true => Ok(()),
        false => Err(format!("it found {once:?} and then {twice:?}")),
    }
}

/// Of a repository that failed the list finds again what it found before, or says that it cannot; and nothing else.
async fn lists_one_repository_again(given: Arc<Given>) -> Result<(), Violation> {
    let list = given.list()?;
    let listings = all(&list).await?;
    let repository = listings[1].repository.clone();
    let (out, found) = Outlet::new(1);
    let again = {
        let (list, repository) = (Arc::clone(&list), repository.clone());
        tokio::spawn(async move { list.list_repository(&repository, &out).await })
    };
    let found = drained(found).await?;
    match ended(again).await? {
        Err(error) if error.kind() == ErrorKind::Unsupported && found.is_empty() => return Ok(()),
        Err(error) => return Err(format!("`list_repository` failed: {error}")),
        Ok(()) => {}
    }
    let expected: Vec<Listing> = listings.into_iter().filter(|listing| listing.repository == repository).collect();
    match texts(&found) == texts(&expected) {
        true => Ok(()),
        false => Err(format!("of `{repository}` it found {:?} instead of {:?}", texts(&found), texts(&expected))),
    }
}
