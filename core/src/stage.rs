//! The four traits that stages implement.
//!
//! Data flows one way: a [`List`] finds versions, [`Filter`]s drop some, a [`Fetch`] reads manifests and blobs,
//! [`Push`]es write them. Stages say what happened; the engine decides what to do about it.
//!
//! [`Fetch`] and [`Push`] have a few required methods. Everything else that a stage can do is a capability: a small trait,
//! which the stage returns in [`FetchCapabilities`] or [`PushCapabilities`]. A stage that wraps another one begins with the
//! capabilities of that one, and replaces those that it changes:
//!
//! ```
//! # use sealift_core::{content::*, error::Result, stage::*};
//! # struct Wrapper(Box<dyn Push>);
//! # #[sealift_core::async_trait]
//! # impl Admission for Wrapper {
//! #     async fn prepare(&self, _: &ImageRef, _: Option<&Digest>, _: &[Descriptor]) -> Result<()> { Ok(()) }
//! # }
//! # impl Wrapper {
//! fn capabilities(&self) -> PushCapabilities<'_> {
//!     self.0.capabilities().admission(self)
//! }
//! # }
//! ```

/// Defines a struct of optional capabilities, each with a method that sets it.
macro_rules! capabilities {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $capability:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default)]
        #[non_exhaustive]
        pub struct $name<'a> {
            $(#[doc = concat!("See [`", stringify!($capability), "`].")] pub $field: Option<&'a dyn $capability>,)*
        }

        impl<'a> $name<'a> {
            $(
                #[doc = concat!("Sets [`", stringify!($capability), "`].")]
                #[must_use]
                pub fn $field(self, $field: &'a dyn $capability) -> Self {
                    Self { $field: Some($field), ..self }
                }
            )*
        }
    };
}

mod conclusion;
mod fetch;
mod filter;
mod list;
mod push;
mod push_capabilities;
mod store;
mod tags;

pub use conclusion::{Lost, PlannedName, Removed, RunEnd};
pub use fetch::{
    BlobCheck, Fetch, FetchCapabilities, MountHints, PushTimes, ReadHints, Referrers, ResolveMode, TagList,
};
pub use filter::{Filter, Verdict};
pub use list::List;
pub use push::{BeginUpload, Push, PutManifest, Upload, UploadStart};
pub use push_capabilities::{
    Admission, ChildRetention, Conclusion, DigestVerification, DiskLocation, DistinctTargets, ManifestReader, Notices,
    PushCapabilities, Quotas, ReferrerPresence, ReferrerSupport, ReferrersTag, TagInventory, WriteHints,
};
pub use store::StoreId;
pub use tags::{RepositoryTags, TagRequest};
