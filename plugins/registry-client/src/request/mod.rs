//! One request, from the question to an answer that somebody can use: paced, logged in, redirected, repeated.

mod answer;
mod api;
mod ask;
mod backoff;
mod ceilings;
mod clock;
mod exchange;
mod level;
mod pace;
mod quota;
mod retry_after;
mod send;
mod whole;

pub(crate) use answer::Answer;
pub use api::{ApiAnswer, ApiCall};
pub(crate) use ask::{Ask, To};
pub(crate) use backoff::Backoff;
pub(crate) use ceilings::Ceilings;
pub(crate) use clock::sent_at;
pub(crate) use exchange::refused;
pub(crate) use level::{Levels, Place};
pub(crate) use pace::Pace;
pub(crate) use quota::{Quota, time as time_words};
pub(crate) use retry_after::read as retry_after;
