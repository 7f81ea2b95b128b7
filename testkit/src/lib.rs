//! Tiny images, in-memory stages and conformance suites for plugin authors.

pub mod allocations;
pub mod book;
pub mod canary;
pub mod conformance;
pub mod content;
pub mod fault;
pub mod harbor;
pub mod images;
pub mod memory;
pub mod program;
pub mod proxy;
pub mod registry;
pub mod tls;
pub mod token_service;
