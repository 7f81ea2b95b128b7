//! Where an image goes: names at destinations, each of which belongs to one image.

use super::{
    claims::Claim,
    job::{End, Ended, Work},
    presence::Batch,
    state::Engine,
};
use crate::{
    content::ImageRef,
    error::{Error, ErrorKind},
    job::{Job, Outcome, Skip},
};

/// A name at a destination.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) push: usize,
    pub(super) at: ImageRef,
}

/// Where a job goes, without what another job does already; `ended` gets the rest. Asked in the order of the list, so
/// that it does not depend on the network which of two images gets a name that both want.
pub(super) fn claim(engine: &Engine, job: &Job, batch: &Batch, ended: &mut Ended) -> Vec<Place> {
    let mut places = Vec::new();
    for (push, stage) in engine.pipeline.pushes.iter().enumerate() {
        let targets = match stage.stage.place(job) {
            Ok(targets) => targets,
            Err(error) => {
                ended.ends.push(End { place: None, outcome: Outcome::Failed(error) });
                continue;
            }
        };
        for at in targets {
            let place = Place { push, at };
            let claim = match batch.exclusive {
                _ if batch.carried(push, &place.at) => Claim::Again,
                true => Claim::Free,
                false => engine.claims.claim(push, &place.at, &job.source, &job.rule),
            };
            match claim {
                Claim::Free => places.push(place),
                Claim::Again => ended.end(place, Outcome::Skipped(Skip::Duplicate)),
                Claim::Taken(other) => {
                    let error = taken(&place.at, &other, &job.rule);
                    ended.end(place, Outcome::Failed(error));
                }
            }
        }
    }
    places
}

fn taken(at: &ImageRef, first: &str, second: &str) -> Error {
    let message = format!("`{at}` was already given to another image: by {first}, and now by {second}");
    Error::new(ErrorKind::Conflict, message).hint("let one of the two rules write another name")
}

/// Those at destinations that are too slow for the others, and those that are not.
pub(super) fn split_by_speed(engine: &Engine, work: &Work) -> (Vec<Place>, Vec<Place>) {
    let is_slow = |place: &Place| {
        let stage = &engine.pipeline.pushes[place.push].stage;
        !work.slow && engine.is_laggard(&stage.store(&place.at.repository))
    };
    work.places.iter().cloned().partition(is_slow)
}
