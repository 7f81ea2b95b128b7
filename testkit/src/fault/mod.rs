//! A registry that misbehaves on cue: resets, stalls, lies, forgets to answer.
//!
//! The embedded registry does the work; in front of it stands an HTTP/1.1 proxy that knows where heads and bodies
//! begin and end, and therefore can break at any byte of either. What goes wrong is a script of [`Fault`]s, each for
//! a method, a part of a path and certain occurrences. A journal tells every request, and every fault that really
//! took effect: a test whose fault never fired has tested nothing.
//!
//! ```
//! # use sealift_testkit::fault::{Act, End, Fault, FaultRegistry};
//! # async fn example() {
//! let registry = FaultRegistry::start().await;
//! registry.will(Fault::on("GET", "/blobs/").nth(1).act(Act::Cut { after: 1000, end: End::Reset }));
//! // … read a blob from registry.host() …
//! registry.assert_all_fired();
//! assert_eq!(registry.journal().count("GET", "/blobs/"), 2);
//! # }
//! ```
//!
//! Without faults it is the registry behind it, byte for byte.

mod connection;
mod guard;
mod head;
mod journal;
mod registry;
mod script;
mod shared;
mod weather;

pub use guard::Guard;
pub use journal::{Exchange, Journal};
pub use registry::FaultRegistry;
pub use script::{Act, Answer, End, Fault};
pub use weather::Weather;

#[cfg(test)]
mod tests;
