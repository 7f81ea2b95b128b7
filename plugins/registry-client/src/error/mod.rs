//! Failures of requests as errors of the core: a kind, a sentence, a hint, and whether to try again.

mod body;
mod reason;
mod remedy;
mod status;
mod transport;
mod transport_error;

pub(crate) use body::ErrorBody;
pub use reason::Reason;
pub(crate) use remedy::{CHANGED, NO_REGISTRY, SHA256_ONLY};
pub(crate) use status::{LONG_NAME, explain, refusal};
pub use status::{Meaning, Refusal};
pub(crate) use transport::{Peer, transport};
pub(crate) use transport_error::{BrokenExchange, find, innermost};
pub use transport_error::{Phase, TransportError};
