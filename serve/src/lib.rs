//! A registry over an OCI image layout in a directory.

pub mod access;
