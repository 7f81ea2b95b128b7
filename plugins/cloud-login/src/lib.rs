//! What logins of clouds share: keys, signatures, requests to APIs, and temporary logins that are renewed.
//!
//! No SDK: an API for logins is one signed request. The plugins are crates of their own (`login-*`).
//!
//! A plugin implements [`Issuer`], and [`TemporaryLogin`] makes a provider of it, which asks once for each registry:
//!
//! ```
//! use sealift_cloud_login::{Api, Issuer, TemporaryLogin, http::Request, text};
//! use sealift_core::{async_trait, error::{Error, ErrorKind, Result}, login::{Login, LoginProvider}, secret::Secret};
//!
//! struct Acme { api: Api, key: Option<Secret> }
//!
//! #[async_trait]
//! impl Issuer for Acme {
//!     fn has_credentials(&self) -> bool {
//!         self.key.is_some()
//!     }
//!
//!     async fn issue(&self, registry: &str) -> Result<Option<Login>> {
//!         let Some(key) = &self.key else { return Ok(None) };
//!         let root = self.api.root("https://api.acme.example");
//!         let request = Request::post(format!("{root}/tokens?registry={registry}"))
//!             .header("authorization", format!("Bearer {}", key.expose()))
//!             .body(String::new())
//!             .map_err(|error| Error::new(ErrorKind::Unsupported, error.to_string()))?;
//!         let answer = self.api.ask(&request).await?;
//!         let token = Secret::new(text(&answer, "/token", root)?);
//!         Ok(Some(Login::basic("robot", token, "`acme` with `ACME_KEY`")))
//!     }
//! }
//!
//! # fn provider(acme: Acme) -> Box<dyn LoginProvider> {
//! Box::new(TemporaryLogin::new(acme))
//! # }
//! ```

mod api;
mod keys;
mod signing;
mod temporary;

pub use api::{
    Api, LIST, LOGIN, check_region, epoch_millis, epoch_seconds, millis, read_token, rfc3339, seconds, text,
    unreadable, with_body,
};
pub use http;
pub use keys::{KeyNames, Keys, variable};
pub use signing::{Acs3, SdkHmac, SigV4, Tc3, encode, hex_hmac};
pub use temporary::{Issuer, TemporaryLogin};
