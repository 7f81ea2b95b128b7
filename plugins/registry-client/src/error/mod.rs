//! What goes wrong on the wire, as errors of the core: a kind, a sentence, a hint, and whether to try again.

mod harbor;
mod reason;
mod remedy;
mod said;
mod status;
mod transport;

pub(crate) use harbor::{is_missing, may_not_push};
pub use reason::Reason;
pub(crate) use remedy::{CHANGED, NO_REGISTRY};
pub(crate) use said::Said;
pub(crate) use status::{LONG_NAME, Refusal, is_transient, refusal};
pub(crate) use transport::{Side, transport};
