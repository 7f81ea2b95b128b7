//! List and fetch from a registry.
