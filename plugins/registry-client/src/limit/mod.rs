//! Limits of one host: how much is asked at once, how fast, and the pauses that it asks for.

mod ceilings;
mod clock;
mod level;
mod pace;
mod retry_after;

pub(crate) use ceilings::Ceilings;
pub(crate) use clock::sent_at;
pub(crate) use level::{Levels, Place};
pub(crate) use pace::Pace;
pub(crate) use retry_after::read as retry_after;
