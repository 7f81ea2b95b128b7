//! Selection of the entries of an index that are copied.
//!
//! Filters may only drop. Entries that describe another entry, as BuildKit's attestations do, go or stay with what
//! they describe, independent of other filters; except for a filter that drops them on purpose.

use crate::{content::Descriptor, engine::stages::ActiveFilter, error::Error, error::ErrorKind, error::Result};

/// The result of all filters for one index.
#[derive(Debug)]
pub(super) struct Selection {
    /// For each entry, whether it is kept.
    pub(super) kept: Vec<bool>,
    /// The position of the filter that left nothing of it.
    pub(super) emptied_by: Option<usize>,
}

/// Asks all filters which entries are kept.
///
/// # Errors
/// If a filter added an entry or changed the order: that is a mistake of the filter, and it is named.
pub(super) fn select(entries: &[Descriptor], filters: &[ActiveFilter]) -> Result<Selection> {
    let mut kept = vec![true; entries.len()];
    let mut unwanted = vec![false; entries.len()];
    let mut emptied_by = None;
    for (at, filter) in filters.iter().enumerate() {
        let before: Vec<Descriptor> = chosen(entries, &kept).cloned().collect();
        let mut after = before.clone();
        filter.calls.ask("looked at the entries of an index", |filter| filter.filter_entries(&mut after))?;
        kept = mark(entries, &kept, &after).ok_or_else(|| only_drop(filter.calls.kind()))?;
        if filter.drops_attestations {
            let dropped = |at: &usize| !kept[*at] && entries[*at].attested_digest().is_some();
            (0..entries.len()).filter(dropped).for_each(|at| unwanted[at] = true);
        }
        follow(entries, &mut kept);
        kept.iter_mut().zip(&unwanted).filter(|(_, unwanted)| **unwanted).for_each(|(kept, _)| *kept = false);
        if !before.is_empty() && nothing_is_left(entries.iter().zip(&kept), |(_, kept)| !**kept) {
            emptied_by.get_or_insert(at);
            kept.fill(false);
        }
    }
    Ok(Selection { kept, emptied_by })
}

fn chosen<'a>(entries: &'a [Descriptor], kept: &'a [bool]) -> impl Iterator<Item = &'a Descriptor> {
    entries.iter().zip(kept).filter(|(_, kept)| **kept).map(|(entry, _)| entry)
}

/// Finds `after` again among the entries that were kept, in order; none if it is no subsequence of them.
fn mark(entries: &[Descriptor], kept: &[bool], after: &[Descriptor]) -> Option<Vec<bool>> {
    let mut after = after.iter().peekable();
    let marks =
        entries.iter().zip(kept).map(|(entry, kept)| *kept && after.next_if(|next| *next == entry).is_some()).collect();
    after.peek().is_none().then_some(marks)
}

/// Lets entries that describe others follow them. One whose subject is not in the index stays as the filter left it.
fn follow(entries: &[Descriptor], kept: &mut [bool]) {
    for at in 0..entries.len() {
        let Some(subject) = entries[at].attested_digest() else { continue };
        let mut subjects = entries.iter().enumerate().filter(|(_, entry)| entry.digest == subject).peekable();
        if subjects.peek().is_some() {
            kept[at] = subjects.any(|(subject, _)| kept[subject]);
        }
    }
}

/// Returns true if no entry is left, or no manifest of an index that has some: blobs beside them are no image.
pub(super) fn nothing_is_left<'a, T>(
    entries: impl Iterator<Item = (&'a Descriptor, T)> + Clone,
    is_dropped: impl Fn(&(&'a Descriptor, T)) -> bool,
) -> bool {
    let has_manifests = entries.clone().any(|(entry, _)| entry.is_manifest());
    let mut counted = entries.filter(|(entry, _)| !has_manifests || entry.is_manifest());
    counted.all(|entry| is_dropped(&entry))
}

fn only_drop(kind: &str) -> Error {
    let message = format!("the filter `{kind}` added entries to an index or changed their order; it may only drop");
    Error::new(ErrorKind::Bug, message)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        content::{Digest, MediaType, Platform, well_known},
        spec::Named,
        stage::Filter,
    };

    struct Os(&'static str);
    impl Filter for Os {
        fn filter_entries(&self, entries: &mut Vec<Descriptor>) {
            entries.retain(|entry| entry.platform.as_ref().is_none_or(|platform| platform.os == self.0));
        }
    }

    /// The same, and attestations do not come back.
    struct OnlyOs(&'static str);
    impl Filter for OnlyOs {
        fn filter_entries(&self, entries: &mut Vec<Descriptor>) {
            Os(self.0).filter_entries(entries);
        }

        fn drops_attestations(&self) -> bool {
            true
        }
    }

    struct Reverse;
    impl Filter for Reverse {
        fn filter_entries(&self, entries: &mut Vec<Descriptor>) {
            entries.reverse();
        }
    }

    fn entry(os: &str) -> Descriptor {
        let platform = Platform { os: os.to_owned(), architecture: os.to_owned(), ..Platform::default() };
        Descriptor {
            platform: Some(platform),
            ..Descriptor::new(well_known::OCI_MANIFEST, Digest::of(os.as_bytes()), 1)
        }
    }

    fn attestation_of(subject: &Descriptor) -> Descriptor {
        let mut entry = entry("unknown");
        entry.digest = Digest::of(subject.digest.to_string().as_bytes());
        entry.annotations.insert("vnd.docker.reference.digest".to_owned(), subject.digest.to_string());
        entry
    }

    fn filters(filter: impl Filter + 'static) -> Vec<ActiveFilter> {
        vec![ActiveFilter::new(Named::new("os", Arc::new(filter) as Arc<dyn Filter>))]
    }

    #[test]
    fn attestations_go_and_stay_with_what_they_describe() {
        let (linux, windows) = (entry("linux"), entry("windows"));
        let entries = [attestation_of(&linux), linux.clone(), windows.clone(), attestation_of(&windows)];
        assert_eq!(select(&entries, &filters(Os("linux"))).unwrap().kept, [true, true, false, false]);
        assert_eq!(select(&entries, &[]).unwrap().kept, [true; 4]);
    }

    // Registries that refuse attestations were served by image-syncer under `--os`, and not by this program.
    #[test]
    fn a_filter_may_drop_attestations_for_good() {
        let linux = entry("linux");
        let entries = [attestation_of(&linux), linux];
        assert_eq!(select(&entries, &filters(OnlyOs("linux"))).unwrap().kept, [false, true]);
        let mut both = filters(OnlyOs("linux"));
        both.extend(filters(Os("linux")));
        assert_eq!(select(&entries, &both).unwrap().kept, [false, true], "a later filter does not bring it back");
    }

    #[test]
    fn two_entries_for_one_digest_are_told_apart_by_their_platform() {
        let (mut one, other) = (entry("linux"), entry("windows"));
        one.digest = other.digest.clone();
        assert_eq!(select(&[one, other], &filters(Os("windows"))).unwrap().kept, [false, true]);
    }

    #[test]
    fn blobs_beside_the_manifests_of_an_index_are_no_reason_to_keep_it() {
        let blob = Descriptor::new(MediaType::from_static("application/vnd.example.data+json"), Digest::of(b"data"), 4);
        let all = select(&[entry("linux"), blob.clone()], &filters(Os("linux"))).unwrap();
        assert_eq!((&all.kept[..], all.emptied_by), (&[true, true][..], None));
        let none = select(&[entry("windows"), blob.clone()], &filters(Os("linux"))).unwrap();
        assert_eq!((&none.kept[..], none.emptied_by), (&[false, false][..], Some(0)));
        let only_blobs = select(&[blob], &filters(Os("linux"))).unwrap();
        assert_eq!((&only_blobs.kept[..], only_blobs.emptied_by), (&[true][..], None));
    }

    #[test]
    fn a_filter_that_does_more_than_drop_is_named() {
        let error = select(&[entry("linux"), entry("windows")], &filters(Reverse)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Bug);
        assert!(error.message().contains("`os`"));
    }
}
