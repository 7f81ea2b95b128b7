//! The one retry policy: what is tried again, how often, after which pause, and how much of it a host gets.
//!
//! [`RetryPolicy`] holds the values, [`Attempts`] the repetitions of one request, [`RetryState`] what is known of the
//! host: its budget and its health. Requests, small bodies, blobs, tokens and uploads all go by these.

mod attempts;
mod policy;
mod state;

pub(crate) use attempts::{Attempts, FailedTry};
pub use policy::RetryPolicy;
pub(crate) use policy::is_transient;
pub(crate) use state::RetryState;
