//! A filter that asks a policy service about each image, over HTTP.
//!
//! * `config`: what is written in the pipeline
//! * `filter`: the stage, which asks in [`Filter::check`](sealift_core::stage::Filter::check)
//! * `question`: what the service is told, and what it may answer
//!
//! Question and answer are those of Open Policy Agent's data API, so a policy is a few lines of Rego and no service has
//! to be written.

mod config;
mod filter;
mod question;

pub use config::Policy;

#[cfg(test)]
mod tests;
