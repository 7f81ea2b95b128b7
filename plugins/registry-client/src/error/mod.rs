//! What goes wrong on the wire, as errors of the core: a kind, a sentence, a hint, and whether to try again.

mod harbor;
mod reason;
mod said;
mod status;
mod transport;

/// What to do about answers that no registry gives.
pub(crate) const NO_REGISTRY: &str = "what answers there may be no registry: look at the host and the port";

/// What to do where other bytes stand than were sent.
pub(crate) const CHANGED: &str = "the registry, or a proxy in front of it, changes what it is given";

pub use reason::Reason;
pub(crate) use said::Said;
pub(crate) use status::{Refusal, is_transient, refusal};
pub(crate) use transport::{Side, transport};
