//! The tests of the workspace need it: real registries as processes, doubles that fail on demand, certificates.

pub mod allocations;
pub mod book;
pub mod canary;
pub mod cloud;
pub mod content;
pub mod fault;
pub mod harbor;
pub mod nginx;
pub mod program;
pub mod proxy;
pub mod registry;
pub mod tls;
pub mod token_service;
