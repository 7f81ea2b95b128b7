//! An OCI image layout on disk: atomic blobs, `index.json`, lock (image-spec, "Image Layout").
//!
//! A [`Layout`] reads. A [`Writer`], at most one per directory, also writes:
//!
//! * A blob is written to a hidden file in its directory, and gets its name when all of it is on the disk. So a file
//!   under a digest always has the whole content.
//! * `index.json` is replaced as a whole, after everything that it points to. Entries and unknown fields of other
//!   programs are kept byte by byte. Many changes become one write.
//! * An existing blob is trusted after its length and, once in a process, its hash were compared.
//! * Symbolic links inside a layout are refused.
//!
//! Other readers (skopeo, umoci, oras, regctl) see a plain layout. Files of this program are in `.sealift/`, which other
//! readers ignore; names and targets are annotations.
//!
//! Modules may use those further up in this list:
//!
//! * `blocking`, `fault`, `name`, `verified`: leaves
//! * `dir`, `receipt`
//! * `storage`, `archive`
//! * `index`, `locate`, `lock`
//! * `changes`, `marker`, `fuzz`
//! * `baseline`, `check`, `staged`, `suspects`
//! * `layout`
//! * `blob_writer`, `catalog`, `presence`
//! * `graph`, `writer`
//! * `inventory`, `layout_receipt`, `verify`
//! * `archive_writer`, `expectation`, `sweep`

mod archive;
mod archive_writer;
mod baseline;
mod blob_writer;
mod blocking;
mod catalog;
mod changes;
mod check;
mod dir;
mod expectation;
mod fault;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod graph;
mod index;
mod inventory;
mod layout;
mod layout_receipt;
mod locate;
mod lock;
#[cfg(test)]
mod made;
mod marker;
mod name;
mod presence;
mod receipt;
mod staged;
mod storage;
mod suspects;
mod sweep;
mod verified;
mod verify;
mod writer;

pub use archive_writer::{ArchiveWriter, check_archive, is_archive_name};
pub use baseline::{Baseline, Baselines};
pub use blob_writer::BlobWriter;
pub use catalog::{CatalogImage, ImageCatalog, Naming};
pub use check::{check_staged, check_writable};
pub use expectation::{Differences, Expectation};
pub use fault::free_space;
pub use graph::{FileState, Graph, GraphNode, GraphRoot, NodeId, NodeKind, RootKind, Walker};
pub use index::BrokenEntry;
pub use inventory::{Inventory, InventoryImage};
pub use layout::Layout;
pub use name::{CONTAINERD_NAME, EntryName, NamedEntry, REF_NAME, RefStyle, SOURCE, TARGETS, entry_name, is_ref_name};
pub use receipt::{Receipt, ReceiptBlob, ReceiptBuilder, ReceiptImage, ReceiptRecorder};
pub use staged::{Gaps, StagingEnd, StagingRequest};
pub use sweep::{ComingContent, Sweep};
pub use verify::{Damage, DamageKind, ExtraFiles, OmittedBlobs, Progress, Verification, verify};
pub use writer::{EntryChange, Writer, WriterOptions};
