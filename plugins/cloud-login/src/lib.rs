//! What logins of clouds share: keys, signatures, requests to APIs, and temporary logins that are renewed.
//!
//! No SDK: an API for logins is one signed request. The plugins are crates of their own (`login-*`).

mod api;
mod keys;
mod signing;
mod temporary;

pub use api::{
    Api, LIST, LOGIN, check_region, epoch_millis, epoch_seconds, millis, read_token, rfc3339, seconds, text,
    unreadable, with_body,
};
pub use keys::{KeyNames, Keys, variable};
pub use signing::{Acs3, SdkHmac, SigV4, Tc3, encode, hex_hmac};
pub use temporary::{Issuer, TemporaryLogin};
