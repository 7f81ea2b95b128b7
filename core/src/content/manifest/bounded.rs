//! A list of which no more is kept than a manifest may have.
//!
//! The shortest entry has two bytes, so four mebibytes of them would take fifty in memory before they could be counted
//! afterwards.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};

use super::Manifest;

/// The first [`Manifest::MAX_LINKS`] items of a list, and how many there are.
pub(super) struct Bounded<T> {
    pub(super) items: Vec<T>,
    pub(super) found: usize,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Counting(PhantomData))
    }
}

struct Counting<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Counting<T> {
    type Value = Bounded<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Bounded<T>, A::Error> {
        let mut items = Vec::new();
        while items.len() < Manifest::MAX_LINKS {
            match list.next_element()? {
                Some(item) => items.push(item),
                None => return Ok(Bounded { found: items.len(), items }),
            }
        }
        let mut found = items.len();
        while list.next_element::<IgnoredAny>()?.is_some() {
            found += 1;
        }
        Ok(Bounded { items, found })
    }
}
