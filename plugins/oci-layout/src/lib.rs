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

mod base;
mod blocking;
mod catalog;
mod checked;
mod dir;
mod doubt;
mod fault;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod graph;
mod incoming;
mod index;
mod inventory;
mod layout;
mod lock;
#[cfg(test)]
mod made;
mod name;
mod own;
mod place;
mod receipt;
mod staged;
mod verify;
mod whole;
mod writer;

pub use base::{Base, Bases};
pub use catalog::{Catalog, Image, Naming};
pub use graph::{Graph, Node, NodeId, Part, Root, RootOf, State, Walker};
pub use incoming::Incoming;
pub use index::BrokenEntry;
pub use inventory::{Inventory, InventoryImage};
pub use layout::Layout;
pub use name::{
    CONTAINERD_NAME, Name, Named, REF_NAME, RefStyle, SOURCE, TARGETS, is_ref_name, name_of, named, tagged,
};
pub use place::check_place;
pub use receipt::{Receipt, ReceiptBlob, ReceiptBuilder, ReceiptImage, Recorder};
pub use verify::{Damage, DamageKind, Extra, LeftOut, Progress, Verification, verify};
pub use writer::{EntryChange, Writer, WriterOptions};
