//! The targets of an image: names at destinations, each of which belongs to one image.

use std::sync::Arc;

use super::{
    destination::{Ended, Target, TargetEnd, Work},
    name_ownership::Ownership,
    presence::JobGroup,
    run_state::RunState,
};
use crate::{
    content::ImageRef,
    error::{Error, ErrorKind},
    job::{Job, Outcome, Skip},
};

/// The targets of a job.
#[derive(Default)]
pub(super) struct Claimed {
    /// Names that are its own.
    pub(super) places: Vec<Target>,
    /// Names that another rule, which is named, gave to another image.
    pub(super) contested: Vec<(Target, Arc<str>)>,
}

/// Returns the targets of a job, without those that another job writes already; those are ended in `ended`. Called in
/// the order of the list, so that the network has no influence on which of two images gets a name that both claim. With
/// `later_wins` the list is taken from its end, and a target that is already taken is skipped instead of contested.
pub(super) fn claim(engine: &RunState, job: &Job, batch: &JobGroup, later_wins: bool, ended: &mut Ended) -> Claimed {
    let mut claimed = Claimed::default();
    for (push, stage) in engine.pushes.iter().enumerate() {
        let targets = match stage.ask("named an image", |push| push.targets(job)).flatten() {
            Ok(targets) => targets,
            Err(error) => {
                ended.ends.push(TargetEnd { place: None, outcome: Outcome::Failed(error) });
                continue;
            }
        };
        let keeps_apart = || {
            stage.hint("said whether it keeps images apart", |push| {
                Some(push.capabilities().distinct_targets?.keeps_apart())
            })
        };
        for at in targets {
            let place = Target { push, at };
            let claim = match keeps_apart() && batch.exclusive {
                true => Ownership::Free,
                false => engine.claims.claim(push, &place.at, &job.source, &job.rule),
            };
            match claim {
                Ownership::Free => claimed.places.push(place),
                Ownership::Again => ended.end(place, Outcome::Skipped(Skip::Duplicate)),
                Ownership::Taken(other) if later_wins => {
                    engine.tell_overlap(&place.at, &job.rule, &other);
                    ended.end(place, Outcome::Skipped(Skip::Overridden { by: other }));
                }
                Ownership::Taken(other) => claimed.contested.push((place, other)),
            }
        }
    }
    claimed
}

pub(super) fn taken(at: &ImageRef, first: &str, second: &str) -> Error {
    let message = format!("`{at}` was already given to another image: by {first}, and now by {second}");
    Error::new(ErrorKind::Conflict, message).with_hint("let one of the two rules write another name")
}

/// Returns the failure of a job that has no target at any destination.
pub(super) fn nowhere(job: &Job) -> TargetEnd {
    let message = format!("no destination has a place for `{}` ({})", job.source, job.rule);
    let error = match job.targets.is_empty() {
        true => Error::new(ErrorKind::Bug, message).with_hint("the push of this pipeline names no place for it"),
        false => Error::new(ErrorKind::Conflict, message).with_hint("let a [[push]] write where the rule sends it"),
    };
    TargetEnd { place: None, outcome: Outcome::Failed(error) }
}

/// Those at destinations that are too slow for the others, and those that are not.
pub(super) fn split_by_speed(engine: &RunState, work: &Work) -> (Vec<Target>, Vec<Target>) {
    let is_slow = |place: &Target| {
        let store = engine.pushes[place.push].store(&place.at.repository);
        !work.slow && store.is_ok_and(|store| engine.is_laggard(&store))
    };
    work.places.iter().cloned().partition(is_slow)
}
