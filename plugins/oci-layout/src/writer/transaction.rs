//! Changes of the index that are made as a whole or not at all.
//!
//! [`Writer::set`] and [`Writer::commit`] keep a change that could not be written, for a later commit. A server that
//! answered "it failed" must not do that: what it refused would appear at the next change of something else.

use sealift_core::{content::Digest, error::Result};
use tokio::time::Instant;

use super::{GATHER, LONG, TRIES, Writer};
use crate::{
    blocking::blocking,
    changes::OwnChanges,
    index::{self, IndexChange},
    name::NamedEntry,
};

/// A change of one entry of the index.
#[derive(Clone, Debug)]
pub enum EntryChange {
    /// Puts an entry in the place of the one of the same name, or at the end.
    Set(Box<NamedEntry>),
    /// Removes the entries that have this full name, or none, and point to this manifest.
    Remove {
        /// The full name, as it is written.
        name: Option<String>,
        /// The digest of the manifest.
        digest: Digest,
    },
    /// Removes what has this full name, damaged entries as well.
    RemoveName(String),
}

impl From<EntryChange> for IndexChange {
    fn from(change: EntryChange) -> Self {
        match change {
            EntryChange::Set(entry) => Self::Put(Box::new(entry.0)),
            EntryChange::Remove { name, digest } => Self::RemoveEntry { name, digest },
            EntryChange::RemoveName(name) => Self::Remove(name),
        }
    }
}

impl Writer {
    /// Makes these changes and waits until they are on the disk. If that fails, none of them is made, neither on disk
    /// nor in memory.
    ///
    /// # Errors
    /// Those of [`Writer::commit`]. If only waiting for the disk failed, the new file is there, and the next
    /// [`Layout::refresh`] reads it like one of another program.
    ///
    /// [`Layout::refresh`]: crate::Layout::refresh
    pub async fn change_entries(&self, changes: Vec<EntryChange>) -> Result<()> {
        let mut turn = self.shared.turn.lock().await;
        if let Some(rest) = *turn {
            tokio::time::sleep_until(rest).await;
        }
        let started = Instant::now();
        let this = self.clone();
        let length = blocking(move || this.write_changed(changes)).await?;
        *turn = (length > LONG).then(|| Instant::now() + (started.elapsed() * 4).min(GATHER));
        Ok(())
    }

    fn write_changed(&self, changes: Vec<EntryChange>) -> Result<usize> {
        let inner = &self.layout.0;
        let changes: Vec<IndexChange> = changes.into_iter().map(IndexChange::from).collect();
        let _replacing = self.replacing();
        for _ in 0..TRIES {
            self.check_location()?;
            let (index, own, stamp, generation) = {
                let mut state = inner.state();
                if inner.root().stamp(index::FILE) != state.stamp {
                    inner.reread(&mut state)?; // somebody without our lock wrote it
                }
                let (mut index, mut own) = (state.index.clone(), OwnChanges::default());
                let changed = changes.iter().filter(|change| own.make(&mut index, change)).count() > 0; // each is made
                if !changed && state.committed == state.generation {
                    return Ok(0);
                }
                (index, own, state.stamp, state.generation)
            };
            let text = self.render(&index)?;
            self.note_removals(&changes, false)?;
            let Some(stamp) = self.replace_index(&text, stamp)? else { continue };
            let mut state = inner.state();
            // Changes by `Writer::set` that came meanwhile are made again on the new index.
            state.index = index;
            state.own.take_over(own);
            state.stamp = Some(stamp);
            let behind = usize::try_from(state.generation - generation).unwrap_or(usize::MAX);
            let done = state.pending.len().saturating_sub(behind);
            state.pending.drain(..done);
            let pending = std::mem::take(&mut state.pending);
            for change in &pending {
                state.index.apply(change);
            }
            state.pending = pending;
            state.committed = generation;
            drop(state);
            self.note_removals(&changes, true)?;
            return Ok(text.len());
        }
        Err(self.restless())
    }
}
