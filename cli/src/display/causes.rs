//! The same cause for many images: recognised, so that it is said once.

use std::collections::HashMap;

use sealift_core::{
    content::{ImageRef, Repository},
    event::Event,
    job::Outcome,
    report::{FailedItem, Failure},
};

/// Number of times that the same cause is shown during a run.
const OFTEN_ENOUGH: u32 = 5;

/// Number of different causes that are remembered.
const MOST: usize = 1000;

/// The cause of a failure without the names of its own image, so that the same cause reads the same for all.
pub(super) fn of(failure: &Failure) -> String {
    match &failure.what {
        FailedItem::Image { source, target } => of_image(&failure.cause, source, target.as_ref()),
        FailedItem::Listing { repository: Some(repository) } => of_repository(&failure.cause, repository),
        _ => failure.cause.clone(),
    }
}

fn of_image(cause: &str, source: &ImageRef, target: Option<&ImageRef>) -> String {
    std::iter::once(source).chain(target).fold(cause.to_owned(), |cause, image| {
        let (path, version) = (image.repository.path(), &image.reference);
        let cause = without(&without(&cause, &image.to_string()), &format!("{path}:{version}"));
        without(&of_repository(&cause, &image.repository), &version.to_string())
    })
}

fn of_repository(cause: &str, repository: &Repository) -> String {
    without(&without(cause, &repository.to_string()), repository.path())
}

fn without(cause: &str, name: &str) -> String {
    cause.replace(&format!("`{name}`"), "`…`")
}

/// Counts the causes that were shown.
#[derive(Default)]
pub(super) struct CauseCounter(HashMap<String, u32>);

/// The decision to show a failure or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    /// Yes.
    Yes,
    /// Yes, and that more of them are only counted.
    Last,
    /// It was said often enough.
    No,
}

impl CauseCounter {
    /// Returns the decision for an event. An event that is no failure of an image is always shown.
    pub(super) fn take(&mut self, event: &Event) -> Say {
        let Event::TargetFinished { source, target, outcome: Outcome::Failed(error), .. } = event else {
            return Say::Yes;
        };
        let cause = of_image(error.message(), source, target.as_ref());
        if self.0.len() >= MOST && !self.0.contains_key(&cause) {
            return Say::Yes;
        }
        let count = self.0.entry(cause).or_default();
        *count += 1;
        match (*count).cmp(&OFTEN_ENOUGH) {
            std::cmp::Ordering::Less => Say::Yes,
            std::cmp::Ordering::Equal => Say::Last,
            std::cmp::Ordering::Greater => Say::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use sealift_core::error::{Error, ErrorKind};

    use super::*;
    use crate::display::script;

    #[test]
    fn the_same_cause_for_many_images_is_said_a_few_times() {
        let mut said = CauseCounter::default();
        let mut refuse = |tag: &str| {
            let error = Error::new(ErrorKind::Denied, format!("cannot push `h.io/x/b:{tag}`: wrong password"));
            said.take(&script::ended(1, tag, Outcome::Failed(error), false))
        };
        let answers: Vec<_> = (0..8).map(|tag| refuse(&tag.to_string())).collect();
        assert_eq!(answers[..4], [Say::Yes; 4]);
        assert_eq!(answers[4], Say::Last);
        assert_eq!(answers[5..], [Say::No; 3]);
        let other = Outcome::Failed(script::refused());
        assert_eq!(said.take(&script::ended(1, "9", other, false)), Say::Yes, "another cause is news");
    }
}
