//! A document of which no object has the same key twice.
//!
//! JSON readers differ in which of two values counts, so that such a document can be read in two ways. Keys that have
//! no meaning here are looked at as well: they may have one for the next reader.

use std::{
    cell::RefCell,
    fmt,
    hash::{BuildHasher, RandomState},
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};

/// Keys that one document may have. A manifest of 4 MiB, the most that registries accept, has fewer of them even if it
/// consists of annotations with a letter for a value.
const MAX_KEYS: usize = 380_000;

/// Any document; reading it fails if some object in it has a key twice, or if it has more than [`MAX_KEYS`].
pub(super) struct UniqueKeys {
    /// The number of keys and of items of lists.
    pub(super) parts: usize,
}

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seen = RefCell::default();
        deserializer.deserialize_any(Walk(&seen))?;
        Ok(Self { parts: seen.into_inner().all })
    }
}

/// The keys of the objects that are being read, the innermost one last.
///
/// One list of hashes for all of them takes eight bytes for a key and no allocation for an object.
#[derive(Default)]
struct Seen {
    hasher: RandomState,
    open: Vec<u64>,
    keys: usize,
    all: usize,
}

#[derive(Clone, Copy)]
struct Walk<'a>(&'a RefCell<Seen>);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let start = self.0.borrow().open.len();
        while map.next_key_seed(Key(self.0))?.is_some() {
            if self.0.borrow().keys > MAX_KEYS {
                return Err(A::Error::custom(format_args!("there are more than {MAX_KEYS} keys")));
            }
            map.next_value_seed(self)?;
        }
        let mut seen = self.0.borrow_mut();
        let mine = &mut seen.open[start..];
        mine.sort_unstable();
        if mine.windows(2).any(|two| two[0] == two[1]) {
            return Err(A::Error::custom("a key stands twice in one object"));
        }
        seen.open.truncate(start);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self)?.is_some() {
            self.0.borrow_mut().all += 1;
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Adds the hash of a key, after its escapes are resolved.
struct Key<'a>(&'a RefCell<Seen>);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<(), E> {
        let mut seen = self.0.borrow_mut();
        let hash = seen.hasher.hash_one(key);
        seen.open.push(hash);
        seen.keys += 1;
        seen.all += 1;
        Ok(())
    }
}
