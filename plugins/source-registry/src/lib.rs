//! List and fetch from a registry: `[list] use = "registry"`, `[fetch] use = "registry"`.
//!
//! What goes over the wire is the registry client's; here are the rules that say what is wanted.

mod config;
mod exclusive;
mod list;
mod rules;

pub use config::{FetchConfig, ListConfig, RuleConfig};
pub use list::RegistryList;

#[cfg(test)]
mod tests;
