//! A push that writes each image into a file of its own, which `docker load`, `podman load`, `ctr images import` and
//! `skopeo` read: for machines that have no registry.
//!
//! * `config`: what is written in the pipeline
//! * `push`: the stage: what the engine asks and hands over
//! * `incoming`: where blobs wait until their image is written
//! * `run_directory`: the directory for them, and what a killed run left of its own
//! * `archive`: the file: an OCI image layout in a tar, written whole or not at all

mod archive;
mod config;
mod incoming;
mod push;
mod run_directory;

pub use config::Archive;

#[cfg(test)]
mod tests;
