//! Uploads of blobs: mounted from another repository, or sent.

mod begin;
mod location;
mod mount;
mod parts;
mod progress;
mod send;
mod stall_detector;
mod upload;

pub(crate) use begin::{begin, offer};
