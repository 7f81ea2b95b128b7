//! Push to Harbor: `[[push]] use = "harbor"`.
//!
//! What goes over the wire of the registry is [`RegistryPush`](sealift_registry_client::RegistryPush)'s, as for every
//! registry; here is what Harbor has besides:
//!
//! ```text
//! config     what was written, and the stage that it becomes
//! push       the stage: asks for a project before it writes there, and stops at one that refuses
//! projects   what is known of projects: there or to be made, who may push, how full they are
//! nearby     what other repositories of a project have, which costs nothing
//! room       what a quota leaves, and what this run takes of it
//! refusals   the sentences for what Harbor will not take
//! members    who is added to a created project
//! scans      the scan that is started for what was written
//! retention  what a policy may delete of what was written
//! rule       one rule of such a policy
//! overview   tags and digests in pages of a hundred, instead of one question a tag
//! api        the calls of Harbor's API that this takes, and nothing more
//! ```
//!
//! The order is Harbor's: the project first, blobs before manifests, children before indexes, tags last. Blobs are asked
//! for by HEAD, and mounted only from repositories that were asked before or that this run wrote to: Harbor's mount does
//! not look whether garbage collection is about to sweep a blob, and its HEAD keeps it from that.
//!
//! The tests run against `sealift_testkit::harbor`, which answers in the words of a Harbor 2.15.2, in front of a real
//! `docker-registry`: projects, robots, tokens, quotas, immutable tags, policies, read-only mode, proxy caches, artifact
//! pages, garbage collection, a database that is away. Retention, scans and members it has from Harbor's source
//! alone. By hand the rest was tried with a Harbor 2.15.2 built from its source; what differs between versions of Harbor
//! beyond that is not covered.

mod api;
mod config;
mod members;
mod nearby;
mod overview;
mod projects;
mod push;
mod quota;
mod refusals;
mod retention;
mod rule;
mod scans;

pub use config::Config;
