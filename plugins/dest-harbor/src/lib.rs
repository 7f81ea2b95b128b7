//! Push to Harbor: `[[push]] use = "harbor"`.
//!
//! What goes over the wire of the registry is [`RegistryPush`](sealift_registry_client::RegistryPush)'s, as for every
//! registry; here is what Harbor has besides:
//!
//! ```text
//! config     what was written, and the stage that it becomes
//! push       the stage: asks for a project before it writes there, and stops at one that refuses
//! projects   what is known of projects: there or to be made, who may push, how full they are
//! room       what a quota leaves, and what this run takes of it
//! refusals   the sentences for what Harbor will not take
//! overview   tags and digests in pages of a hundred, instead of one question a tag
//! api        the calls of Harbor's API that this takes, and nothing more
//! ```
//!
//! The order is Harbor's: the project first, blobs before manifests, children before indexes, tags last. Blobs are asked
//! for by HEAD and mounted only from repositories that this run wrote or saw, because Harbor's mount does not look
//! whether garbage collection is about to sweep a blob.
//!
//! **Tested against a double only.** A real Harbor cannot run in the tests. They run against
//! `sealift_testkit::harbor`, which plays Harbor's behaviour, as its source (2.x) has it, in front of a real
//! `docker-registry`: projects, robots, tokens, quotas, immutable tags, read-only mode, proxy caches, artifact pages,
//! garbage-collection marks. What differs between versions of Harbor beyond that is not covered.

mod api;
mod config;
mod overview;
mod projects;
mod push;
mod refusals;
mod room;

pub use config::Config;
