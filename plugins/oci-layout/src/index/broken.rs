//! Entries of an index that cannot be understood: damaged ones, or those of another time.

use std::fmt;

use sealift_core::content::ImageRef;
use serde::Deserialize;
use serde_json::Value;

use crate::name::{CONTAINERD_NAME, EntryName, REF_NAME};

/// An entry of `index.json` that cannot be used as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenEntry {
    /// The name, if it can be read.
    pub name: Option<String>,
    /// The reason.
    pub why: String,
    /// The beginning of its text, without control characters.
    pub text: String,
}

/// As much of the text as goes into a message.
const SHOWN: usize = 160;

impl BrokenEntry {
    /// An entry that is no descriptor.
    pub(super) fn of(text: &str, error: &serde_json::Error) -> Self {
        Self::because(name(text), said(error), text)
    }

    /// An entry that is a descriptor, and contradicts itself or what is there.
    pub(crate) fn because(name: Option<String>, why: String, text: &str) -> Self {
        Self { name, why, text: text.chars().take(SHOWN).collect::<String>().escape_debug().to_string() }
    }

    /// Returns the name, if it is the reference of an image.
    pub fn image(&self) -> Option<ImageRef> {
        let name = EntryName::parse(self.name.as_deref()?)?;
        name.repository.parse().ok().map(|repository| ImageRef { repository, reference: name.version })
    }
}

impl fmt::Display for BrokenEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "the entry `{}` of `index.json` is damaged: {}", name.escape_debug(), self.why),
            None => write!(f, "an entry of `index.json` cannot be understood: {}: {}", self.why, self.text),
        }
    }
}

/// Returns the message of a parser without the position, which is relative to the entry and not to the file.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    // The name of a type here says nothing to a reader of the file.
    let what = what.split_once(", expected struct ").map_or(what, |(what, _)| what);
    what.escape_debug().to_string().replace("\\\"", "\"")
}

/// The name in an entry of which something else is damaged.
fn name(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct WithAnnotations {
        annotations: Value,
    }
    // Of a key that stands twice the last one counts here.
    let whole: Value = serde_json::from_str(text).ok()?;
    let WithAnnotations { annotations } = serde_json::from_value(whole).ok()?;
    let get = |key: &str| annotations.get(key).and_then(Value::as_str).filter(|name| !name.is_empty());
    get(CONTAINERD_NAME).or_else(|| get(REF_NAME)).map(str::to_owned)
}
