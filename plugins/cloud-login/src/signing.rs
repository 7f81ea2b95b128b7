//! Signatures of requests: AWS SigV4, Alibaba ACS3-HMAC-SHA256, Tencent TC3-HMAC-SHA256, Huawei SDK-HMAC-SHA256.
//!
//! All of them sign the same canonical text of a request (method, path, query, headers, hash of the body); they differ in
//! the key and in what is put in front of its hash.

use std::{collections::BTreeMap, time::SystemTime};

use http::{HeaderName, HeaderValue, Request, header};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::{digest, hmac};
use sealift_core::error::{Error, ErrorKind, Result};

use crate::Keys;

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes a value for a query as signatures want it.
pub fn encode(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

/// Returns an HMAC-SHA256 as lower-case hexadecimal digits.
pub fn hex_hmac(key: &[u8], text: &str) -> String {
    hex(&hmac_sha256(key, text))
}

/// AWS Signature Version 4.
pub struct SigV4<'a> {
    /// The access key.
    pub keys: &'a Keys,
    /// The region, such as `eu-west-1`.
    pub region: &'a str,
    /// The name of the service in signatures, such as `ecr`.
    pub service: &'a str,
}

/// Alibaba Cloud's `ACS3-HMAC-SHA256`.
pub struct Acs3<'a> {
    /// The access key.
    pub keys: &'a Keys,
    /// The operation, such as `GetAuthorizationToken`.
    pub action: &'a str,
    /// The version of the API, such as `2018-12-01`.
    pub version: &'a str,
    /// A text that no other request has.
    pub nonce: String,
}

/// Tencent Cloud's `TC3-HMAC-SHA256`.
pub struct Tc3<'a> {
    /// The access key.
    pub keys: &'a Keys,
    /// The service, which is the first part of the host of its API: `tcr`.
    pub service: &'a str,
    /// The operation, such as `CreateInstanceToken`.
    pub action: &'a str,
    /// The version of the API, such as `2019-09-24`.
    pub version: &'a str,
    /// The region, where the operation has one.
    pub region: &'a str,
}

/// Huawei Cloud's `SDK-HMAC-SHA256`.
pub struct SdkHmac<'a> {
    /// The access key.
    pub keys: &'a Keys,
}

impl SigV4<'_> {
    /// Adds date, session token and `Authorization` to a request. Its query must be encoded by [`encode`].
    ///
    /// # Errors
    /// If a value cannot stand in a header.
    pub fn sign(&self, request: &mut Request<String>, now: SystemTime) -> Result<()> {
        let time = utc(now, "%Y%m%dT%H%M%SZ");
        let day = &time[..8];
        set(request, "x-amz-date", &time)?;
        if let Some(token) = &self.keys.session_token {
            set(request, "x-amz-security-token", token.expose())?;
        }
        let (canonical, signed) = canonical(request);
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(&canonical));
        let first = format!("AWS4{}", self.keys.secret.expose());
        let parts = [day, self.region, self.service, "aws4_request"];
        let key = parts.iter().fold(first.into_bytes(), |key, part| hmac_sha256(&key, part));
        let (id, signature) = (self.keys.id.expose(), hex_hmac(&key, &text));
        let value = format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}");
        set(request, "authorization", &value)
    }
}

impl Acs3<'_> {
    /// Adds the headers of the operation and `Authorization` to a request. Its query must be encoded by [`encode`].
    ///
    /// # Errors
    /// If a value cannot stand in a header.
    pub fn sign(&self, request: &mut Request<String>, now: SystemTime) -> Result<()> {
        let hash = sha256(request.body());
        for (name, value) in [
            ("x-acs-action", self.action),
            ("x-acs-version", self.version),
            ("x-acs-date", &utc(now, "%Y-%m-%dT%H:%M:%SZ")),
            ("x-acs-signature-nonce", &self.nonce),
            ("x-acs-content-sha256", &hash),
        ] {
            set(request, name, value)?;
        }
        if let Some(token) = &self.keys.session_token {
            set(request, "x-acs-security-token", token.expose())?;
        }
        let (canonical, signed) = canonical(request);
        let text = format!("ACS3-HMAC-SHA256\n{}", sha256(&canonical));
        let signature = hex_hmac(self.keys.secret.expose().as_bytes(), &text);
        let id = self.keys.id.expose();
        let value = format!("ACS3-HMAC-SHA256 Credential={id},SignedHeaders={signed},Signature={signature}");
        set(request, "authorization", &value)
    }
}

impl Tc3<'_> {
    /// Adds the headers of the operation and `Authorization` to a request.
    ///
    /// # Errors
    /// If a value cannot stand in a header.
    pub fn sign(&self, request: &mut Request<String>, now: SystemTime) -> Result<()> {
        let (time, day) = (utc(now, "%s"), utc(now, "%Y-%m-%d"));
        // Signed are `Content-Type` and `Host`, which must be; other values would have to be in lower case.
        let (canonical, signed) = canonical(request);
        let scope = format!("{day}/{}/tc3_request", self.service);
        let text = format!("TC3-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(&canonical));
        let first = format!("TC3{}", self.keys.secret.expose());
        let parts = [&day, self.service, "tc3_request"];
        let key = parts.iter().fold(first.into_bytes(), |key, part| hmac_sha256(&key, part));
        let (id, signature) = (self.keys.id.expose(), hex_hmac(&key, &text));
        let value = format!("TC3-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}");
        for (name, value) in [
            ("x-tc-action", self.action),
            ("x-tc-version", self.version),
            ("x-tc-region", self.region),
            ("x-tc-timestamp", &time),
        ] {
            set(request, name, value)?;
        }
        if let Some(token) = &self.keys.session_token {
            set(request, "x-tc-token", token.expose())?;
        }
        set(request, "authorization", &value)
    }
}

impl SdkHmac<'_> {
    /// Adds date and `Authorization` to a request, whose path and query must be encoded by [`encode`].
    ///
    /// # Errors
    /// If a value cannot stand in a header.
    pub fn sign(&self, request: &mut Request<String>, now: SystemTime) -> Result<()> {
        let time = utc(now, "%Y%m%dT%H%M%SZ");
        set(request, "x-sdk-date", &time)?;
        // Of the headers the date is enough, as in Huawei's own SDK. Paths end with a slash there.
        let path = format!("{}/", request.uri().path().trim_end_matches('/'));
        let (canonical, signed) = canonical_of(request, &path, &BTreeMap::from([("x-sdk-date", time.clone())]));
        let text = format!("SDK-HMAC-SHA256\n{time}\n{}", sha256(&canonical));
        let signature = hex_hmac(self.keys.secret.expose().as_bytes(), &text);
        let id = self.keys.id.expose();
        let value = format!("SDK-HMAC-SHA256 Access={id}, SignedHeaders={signed}, Signature={signature}");
        set(request, "authorization", &value)
    }
}

/// Returns the canonical text of a request, and the names of its headers. Signed are `Host`, `Content-Type` and what
/// begins with `x-`.
fn canonical(request: &Request<String>) -> (String, String) {
    let (uri, mut headers) = (request.uri(), BTreeMap::new());
    if let Some(host) = uri.authority() {
        headers.insert("host", host.as_str().to_owned());
    }
    for (name, value) in request.headers() {
        if *name == header::CONTENT_TYPE || name.as_str().starts_with("x-") {
            headers.insert(name.as_str(), value.to_str().unwrap_or_default().trim().to_owned());
        }
    }
    canonical_of(request, uri.path(), &headers)
}

/// Returns the same with these headers.
fn canonical_of(request: &Request<String>, path: &str, headers: &BTreeMap<&str, String>) -> (String, String) {
    let uri = request.uri();
    let mut query: Vec<&str> = uri.query().unwrap_or_default().split('&').collect();
    query.sort_unstable();
    let signed = headers.keys().copied().collect::<Vec<_>>().join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let (method, query) = (request.method(), query.join("&"));
    let hash = sha256(request.body());
    (format!("{method}\n{path}\n{query}\n{lines}\n{signed}\n{hash}"), signed)
}

fn set(request: &mut Request<String>, name: &'static str, value: &str) -> Result<()> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| Error::new(ErrorKind::Denied, format!("a key has characters that cannot stand in `{name}`")))?;
    value.set_sensitive(true);
    request.headers_mut().insert(HeaderName::from_static(name), value);
    Ok(())
}

fn utc(time: SystemTime, format: &str) -> String {
    Timestamp::try_from(time).unwrap_or_default().strftime(format).to_string()
}

fn sha256(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn hmac_sha256(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
