//! Connections: how to reach a host, and whether what answers is who it should be.

mod clients;
mod proxy;
mod resolver;
mod sniff;
mod tls;
mod verify;

pub(crate) use clients::{Clients, Lane, PROXY};
pub(crate) use proxy::Proxies;
pub(crate) use resolver::Whereabouts;
pub(crate) use sniff::{Spoken, sniff};
#[cfg(test)]
pub(crate) use tls::install_crypto;
pub(crate) use tls::{Trust, from_certs_d, read_ca, read_identity};
