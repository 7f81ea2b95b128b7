//! An OCI image layout on disk: atomic blobs, `index.json`, lock (image-spec, "Image Layout").
//!
//! A [`Layout`] reads; a [`Writer`], of which there is one at a time for a directory, also writes:
//!
//! * A blob is written to a hidden file in the directory where it will stand, and gets its name when all of it is on
//!   the disk: under a digest there is always the whole content.
//! * `index.json` is replaced as a whole, after everything that it points to. What others wrote there, entries and
//!   fields that nobody here knows, is kept byte by byte. Many changes become one write.
//! * A blob that is already there is believed after its size and, once in a process, its hash were compared.
//! * Nothing inside a layout may be a symbolic link.
//!
//! Readers that know nothing of this program (skopeo, umoci, oras, regctl) see a plain layout. What is ours lies in
//! `.sealift/`, which they ignore, and in annotations.

mod baseline;
mod blob_writer;
mod blocking;
mod catalog;
mod changes;
mod check;
mod dir;
mod fault;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod graph;
mod index;
mod inventory;
mod layout;
mod layout_receipt;
mod lock;
#[cfg(test)]
mod made;
mod marker;
mod name;
mod presence;
mod receipt;
mod staged;
mod suspects;
mod verified;
mod verify;
mod writer;

pub use baseline::{Baseline, Baselines};
pub use blob_writer::BlobWriter;
pub use catalog::{CatalogImage, ImageCatalog, Naming};
pub use check::check_writable;
pub use graph::{FileState, Graph, GraphNode, GraphRoot, NodeId, NodeKind, RootKind, Walker};
pub use index::BrokenEntry;
pub use inventory::{Inventory, InventoryImage};
pub use layout::Layout;
pub use name::{
    CONTAINERD_NAME, EntryName, NamedEntry, REF_NAME, RefStyle, SOURCE, TARGETS, entry_name, is_ref_name, named, tagged,
};
pub use receipt::{Receipt, ReceiptBlob, ReceiptBuilder, ReceiptImage, ReceiptRecorder};
pub use verify::{Damage, DamageKind, ExtraFiles, OmittedBlobs, Progress, Verification, verify};
pub use writer::{EntryChange, Writer, WriterOptions};
