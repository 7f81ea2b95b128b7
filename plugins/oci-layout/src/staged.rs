//! The record of what was asked for and what arrived, so that an incomplete layout does not pass for a complete one.
//!
//! `.sealift/staged` has a line for each image that was staged to the end, and for everything that was asked for and
//! did not arrive. Other tools do not read it, and earlier versions of this program read the first kind of line only.
//!
//! ```text
//! lines 5                                   the number of lines that follow
//! sha256:… docker.io/library/nginx:1.27     an image that was staged
//! missing quay.io/coreos/etcd:v3.5.0        an image that was asked for and has no entry
//! outdated sha256:… docker.io/library/a:1   an image that could not be brought again: this is of an earlier run
//! unlisted quay.io/coreos/etcd              a repository of which it is not known what should be here
//! removing sha256:… docker.io/library/a:2   an image that is about to be removed: it may have an entry or not
//! unfinished                                a run began to write and did not come to its end
//! damaged                                   a part of an earlier record could not be read
//! ```
//!
//! A name that stands in `index.json` with another digest is fine: another program may have replaced the entry.

use std::collections::{BTreeMap, BTreeSet};

use sealift_core::{content::Digest, error::Result};

use crate::{
    changes::OwnChanges,
    index::Index,
    lock::writer_at,
    marker::OURS,
    name::{SOURCE, entry_name},
    storage::{LayoutDir, Storage},
};

const FILE: &str = "staged";

/// Longer than any list of the names that an index can have.
const MAX_BYTES: u64 = 64 << 20;

/// The content of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StagingRecord {
    /// The images that were staged, by name.
    pub(crate) arrived: BTreeMap<String, Digest>,
    /// Images that were asked for and have no entry.
    missing: BTreeSet<String>,
    /// Images that were asked for again, and the digests that they have from before.
    outdated: BTreeMap<String, Digest>,
    /// Repositories of which it is not known which images should be here.
    unlisted: BTreeSet<String>,
    /// The images that are about to be removed, so that those which a kill left without an entry are not missed.
    removing: BTreeMap<String, Digest>,
    /// True while a run writes, and after it if it did not come to its end.
    unfinished: bool,
    /// True if a part of the record could not be read, so that more may be missing than is known.
    damaged: bool,
}

/// The request of a run that writes into a layout, by the names of entries.
#[derive(Clone, Debug, Default)]
pub struct StagingRequest {
    /// The images that were asked for, as far as known.
    pub images: BTreeSet<String>,
    /// The repositories of which the run asks for images, without a tag.
    pub repositories: BTreeSet<String>,
    /// Those of the repositories of which the images have yet to be found.
    pub unlisted: BTreeSet<String>,
    /// True if nothing else shall be there, so that nothing else is missing.
    pub exact: bool,
}

/// The end of a run that wrote into a layout.
#[derive(Clone, Debug, Default)]
pub struct StagingEnd {
    /// True if it was stopped before all was done, or something failed of which it is not known what it would bring.
    pub unfinished: bool,
    /// The images that did not arrive.
    pub failed: BTreeSet<String>,
    /// The repositories that could not be listed.
    pub unlisted: BTreeSet<String>,
    /// True if the list left out something that may name an image, because it cannot be read.
    pub left_out: bool,
}

impl StagingEnd {
    /// Returns true if it is known which images were asked for, and all of them arrived.
    pub fn is_complete(&self) -> bool {
        !self.unfinished && !self.left_out && self.failed.is_empty() && self.unlisted.is_empty()
    }
}

/// The images that a layout should have according to its record, and has not.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Gaps {
    /// Images that were asked for and did not arrive, by name.
    pub missing: Vec<String>,
    /// Images that were asked for again and did not arrive, so that those under their names are of an earlier run.
    pub outdated: Vec<String>,
    /// Repositories of which it is not known which images were asked for.
    pub unlisted: Vec<String>,
    /// Images that were staged and have no entry any more, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
    /// True if a run that wrote into the layout was cut off, or goes on.
    pub unfinished: bool,
    /// True if the record of what was asked for is damaged, so that more may be missing than is known.
    pub damaged: bool,
    /// The process that writes into the layout now, if the run that is not over is still at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writer: Option<String>,
}

impl Gaps {
    /// Returns true if all that was asked for is there.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl StagingRecord {
    /// Reads the record; an empty one for a layout of others.
    pub(crate) fn read(storage: &dyn Storage) -> Result<Self> {
        Ok(Self::find(storage)?.unwrap_or_default())
    }

    /// Reads the record, if there is one.
    pub(crate) fn find(storage: &dyn Storage) -> Result<Option<Self>> {
        let read = storage.read(&format!("{OURS}/{FILE}"), MAX_BYTES)?;
        Ok(read.map(|(bytes, _)| Self::parse(&String::from_utf8_lossy(&bytes))))
    }

    fn parse(text: &str) -> Self {
        let mut record = Self { damaged: text.is_empty(), ..Self::default() };
        // Earlier versions wrote no number.
        let stated: Option<usize> =
            text.lines().next().and_then(|line| line.strip_prefix("lines ")).and_then(|number| number.parse().ok());
        let lines = text.lines().skip(usize::from(stated.is_some()));
        record.damaged |= stated.is_some_and(|stated| stated != lines.clone().count() || !text.ends_with('\n'));
        for line in lines.filter(|line| !line.is_empty()) {
            record.damaged |= record.take(line).is_none();
        }
        record
    }

    fn take(&mut self, line: &str) -> Option<()> {
        match line.split_once(' ') {
            Some(("missing", name)) => drop(self.missing.insert(name.to_owned())),
            Some(("unlisted", name)) => drop(self.unlisted.insert(name.to_owned())),
            Some((kind @ ("outdated" | "removing"), rest)) => {
                let (digest, name) = rest.split_once(' ')?;
                let names = if kind == "outdated" { &mut self.outdated } else { &mut self.removing };
                names.insert(name.to_owned(), digest.parse().ok()?);
            }
            Some((digest, name)) => drop(self.arrived.insert(name.to_owned(), digest.parse().ok()?)),
            None if line == "unfinished" => self.unfinished = true,
            None if line == "damaged" => self.damaged = true,
            None => return None,
        }
        Some(())
    }

    /// Returns true if an image, or a repository, of this name was staged or asked for.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.arrived.contains_key(name)
            || self.missing.contains(name)
            || self.outdated.contains_key(name)
            || self.unlisted.contains(name)
            || self.removing.contains_key(name)
    }

    /// Returns the digests of the images that a run removed from an index and was then cut off.
    pub(crate) fn left(&self, index: &Index) -> impl Iterator<Item = Digest> {
        self.removing.iter().filter(|(name, _)| index.find(name).is_none()).map(|(_, digest)| digest.clone())
    }

    /// Returns the images that were staged and have no entry any more, not even a damaged one.
    pub(crate) fn lost(&self, index: &Index) -> Vec<(String, Digest)> {
        let broken = broken(index);
        let is_lost = |(name, _): &(&String, &Digest)| index.find(name).is_none() && !broken.contains(name.as_str());
        self.arrived.iter().filter(is_lost).map(|(name, digest)| (name.clone(), digest.clone())).collect()
    }

    /// Returns the gaps of a layout, and who may be about to close them.
    pub(crate) fn gaps_of(&self, index: &Index, storage: &dyn Storage) -> Gaps {
        let ours = || storage.directory()?.root.sub(OURS).ok()?;
        let writer = || writer_at(&ours()?);
        Gaps { writer: self.unfinished.then(writer).flatten(), ..self.gaps(index) }
    }

    /// Returns the gaps that an index leaves.
    pub(crate) fn gaps(&self, index: &Index) -> Gaps {
        let is_old =
            |(name, digest): &(&String, &Digest)| index.find(name).is_some_and(|entry| entry.digest == **digest);
        let lost: Vec<String> = self.lost(index).into_iter().map(|(name, _)| name).collect();
        let broken = broken(index);
        // One that got lost, or is damaged, and could not be staged again is told of once.
        let is_missing = |name: &&String| {
            index.find(name).is_none() && !broken.contains(name.as_str()) && lost.binary_search(name).is_err()
        };
        Gaps {
            missing: self.missing.iter().filter(is_missing).cloned().collect(),
            outdated: self.outdated.iter().filter(is_old).map(|(name, _)| name.clone()).collect(),
            unlisted: self.unlisted.iter().cloned().collect(),
            lost,
            unfinished: self.unfinished,
            damaged: self.damaged,
            writer: None,
        }
    }

    /// Notes before the first image is written what is asked for. What an interrupted run would leave behind is then
    /// known to be incomplete.
    pub(crate) fn begin(&mut self, index: &Index, request: &StagingRequest) {
        self.settle(index);
        let absent = request.images.iter().filter(|name| index.find(name).is_none());
        self.missing.extend(absent.cloned());
        self.unlisted.extend(request.unlisted.iter().cloned());
        self.unfinished = true;
    }

    /// Notes what came of a run. What an earlier one asked for and this one did not is still missing.
    pub(crate) fn end(&mut self, index: &Index, own: &OwnChanges, request: &StagingRequest, end: &StagingEnd) {
        self.settle(index);
        for entry in index.entries() {
            // Entries of others are theirs to remove.
            if let Some(name) = entry_name(entry)
                && (entry.annotations.contains_key(SOURCE) || own.has_set(name))
            {
                self.arrived.insert(name.to_owned(), entry.digest.clone());
            }
        }
        self.arrived.retain(|name, _| !own.has_removed(name));
        self.unfinished = end.unfinished;
        if !end.unfinished {
            self.damaged &= !end.failed.is_empty();
            self.missing.retain(|name| !request.images.contains(name));
            self.outdated.retain(|name, _| !request.images.contains(name));
            self.unlisted.retain(|name| !request.repositories.contains(name));
        }
        for name in &end.failed {
            match index.find(name) {
                None => drop(self.missing.insert(name.clone())),
                Some(_) if name.contains('@') => {} // what has a digest for a name is never old
                Some(entry) => drop(self.outdated.insert(name.clone(), entry.digest.clone())),
            }
        }
        if request.exact && !end.unfinished && !end.left_out {
            self.missing.retain(|name| request.images.contains(name));
            self.outdated.retain(|name, _| request.images.contains(name));
            self.unlisted.clear();
        }
        // What got lost and is not asked for is not wanted any more.
        if request.exact && end.is_complete() {
            self.arrived.retain(|name, _| index.find(name).is_some());
        }
        self.unlisted.extend(end.unlisted.iter().cloned());
        self.missing.retain(|name| index.find(name).is_none());
    }

    /// Notes before `index.json` is written that images will leave it.
    pub(crate) fn leave<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        self.removing.extend(names.filter_map(|name| self.arrived.remove_entry(name)));
    }

    /// Ends removals that were cut off: what still has an entry stays, and nothing else is missed.
    pub(crate) fn settle(&mut self, index: &Index) {
        let removing = std::mem::take(&mut self.removing);
        self.arrived.extend(removing.into_iter().filter(|(name, _)| index.find(name).is_some()));
    }

    /// Forgets images, or whole repositories, that are no longer wanted.
    pub(crate) fn forget<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        for name in names {
            self.arrived.remove(name);
            self.removing.remove(name);
            self.missing.remove(name);
            self.outdated.remove(name);
            self.unlisted.remove(name);
        }
    }

    /// Changes the record of a layout. A file that says the same already stays as it is.
    pub(crate) fn change(dir: &LayoutDir, sync: bool, change: impl FnOnce(&mut Self)) -> Result<()> {
        let before = Self::read(dir)?;
        let mut record = before.clone();
        change(&mut record);
        match record == before {
            true => Ok(()),
            false => dir.root.make_sub(OURS)?.replace(FILE, record.render().as_bytes(), sync),
        }
    }

    pub(crate) fn render(&self) -> String {
        let with_digest = |(name, digest): (&String, &Digest)| format!("{digest} {name}");
        let arrived = self.arrived.iter().map(with_digest);
        let missing = self.missing.iter().map(|name| format!("missing {name}"));
        let outdated = self.outdated.iter().map(|entry| format!("outdated {}", with_digest(entry)));
        let unlisted = self.unlisted.iter().map(|name| format!("unlisted {name}"));
        let removing = self.removing.iter().map(|entry| format!("removing {}", with_digest(entry)));
        let unfinished = self.unfinished.then(|| "unfinished".to_owned());
        let damaged = self.damaged.then(|| "damaged".to_owned());
        let lines =
            arrived.chain(missing).chain(outdated).chain(unlisted).chain(removing).chain(unfinished).chain(damaged);
        // A name of another program may have a line break in it.
        let lines: Vec<String> = lines.filter(|line| !line.contains('\n')).map(|line| line + "\n").collect();
        format!("lines {}\n{}", lines.len(), lines.concat())
    }
}

/// Returns the names of the entries of an index that are damaged.
fn broken(index: &Index) -> BTreeSet<&str> {
    index.broken().filter_map(|entry| entry.name.as_deref()).collect()
}

#[cfg(test)]
mod tests;
