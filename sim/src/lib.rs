//! Runs of the whole pipeline against simulated registries, repeatable from a seed.
//!
//! ```text
//! seed ─▶ topology   registries, images, rules        ─▶ model   what destinations must have in the end
//!      ─▶ weather    what befalls which request
//!      ─▶ changes    what others do meanwhile
//!      ─▶ scenario ─▶ process ─▶ the product ─▶ net ─▶ registry ─▶ store
//!                                                  └────────────────┴──▶ check   what must hold
//! ```
//!
//! The product is used as it is, from the text of a pipeline down to the trait `Transport` of the registry client. A
//! process is a runtime with one thread whose clock stands still until nothing is left to do, so hours take milliseconds
//! and the same seed gives the same trace. It is killed by dropping the runtime. Decisions follow from a seed and the name
//! of what they are about, never from a sequence, so that a failure stays when other parts are taken away.
//!
//! Not simulated: sockets, HTTP on the wire, TLS, proxies, names, disks. Tests with real sockets cover these.

mod changes;
mod check;
mod draw;
mod model;
mod net;
mod planned_change;
mod planted;
mod process;
mod projects;
mod registry;
mod runner;
mod scenario;
mod shrink;
mod store;
mod topology;
mod weather;
mod world;

use sealift_plugins as _; // the built-in plugins

pub use planted::Planted;
pub use runner::{SeedFailure, run_seed};
pub use scenario::ScenarioOutcome;
pub use shrink::{command, shrink};
pub use topology::{GENERATOR, Reduced};
pub use world::Broken;
