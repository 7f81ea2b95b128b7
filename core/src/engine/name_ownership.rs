//! Ownership of target names: each name is written for one image.
//!
//! The same pair of source and target is done once, also when two rules ask for it. Two sources that would land on
//! one name are a mistake of the rules: the later one in the list fails, and both rules are named. (A repository whose
//! listing must be repeated comes later than all others.) That costs 16 bytes for each
//! target, so it is only remembered where the list could not rule it out ([`Listing::exclusive`](crate::job::Listing)).

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::{Arc, Mutex},
};

use crate::{content::ImageRef, lock::lock};

#[derive(Default)]
pub(super) struct NameOwnership {
    hasher: RandomState,
    seen: Mutex<Names>,
}

#[derive(Default)]
struct Names {
    names: HashMap<u64, Owner>,
    rules: Vec<Arc<str>>,
}

struct Owner {
    source: u32,
    rule: u32,
}

/// The result of claiming a target name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    /// The name was not claimed before.
    Free,
    /// The same image was wanted there before.
    Again,
    /// This rule sent another image there before.
    Taken(Arc<str>),
}

impl NameOwnership {
    pub(super) fn claim(&self, push: usize, target: &ImageRef, source: &ImageRef, rule: &Arc<str>) -> Ownership {
        let name = self.hasher.hash_one(Pair(push, target));
        let source = u32::try_from(self.hasher.hash_one(source) >> 32).expect("32 bits are left");
        let mut seen = lock(&self.seen);
        if let Some(owner) = seen.names.get(&name) {
            if owner.source == source {
                return Ownership::Again;
            }
            return Ownership::Taken(Arc::clone(&seen.rules[owner.rule as usize]));
        }
        // Jobs come rule by rule, so the last one is nearly always it.
        if seen.rules.last() != Some(rule) {
            seen.rules.push(Arc::clone(rule));
        }
        let rule = u32::try_from(seen.rules.len() - 1).unwrap_or(u32::MAX);
        seen.names.insert(name, Owner { source, rule });
        Ownership::Free
    }
}

#[derive(Hash)]
struct Pair<'a>(usize, &'a ImageRef);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_belongs_to_the_first_rule_that_wants_it() {
        let claims = NameOwnership::default();
        let image = |text: &str| text.parse::<ImageRef>().unwrap();
        let rules: [Arc<str>; 2] = ["images.yaml:1".into(), "images.yaml:2".into()];
        let target = image("h.io/a/b:v1");
        assert_eq!(claims.claim(0, &target, &image("q.io/a/b:v1"), &rules[0]), Ownership::Free);
        assert_eq!(claims.claim(0, &target, &image("q.io/a/b:v1"), &rules[1]), Ownership::Again);
        assert_eq!(claims.claim(0, &target, &image("q.io/a/c:v1"), &rules[1]), Ownership::Taken(Arc::clone(&rules[0])));
        assert_eq!(claims.claim(1, &target, &image("q.io/a/c:v1"), &rules[1]), Ownership::Free, "another destination");
    }
}
