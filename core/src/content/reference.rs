//! References: how people name images.
//!
//! `docker.io`, `index.docker.io` and `registry-1.docker.io` are one registry; a single path element there lives
//! under `library/`. The first element names a registry if it is `localhost`, has a dot, a colon or an upper-case
//! letter; otherwise the image is at Docker Hub.

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Digest, DigestError};
use crate::text;

const DOCKER_HUB: &str = "docker.io";

/// A repository: a registry host and a path there.
///
/// Cheap to clone; the names are shared.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    registry: Arc<str>,
    path: Arc<str>,
}

/// A tag: up to 128 characters of `[A-Za-z0-9_.-]`, the first one no `.` and no `-` (distribution-spec).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(Arc<str>);

/// A version of a repository: a tag, which can move, or a digest, which cannot.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Reference {
    /// By tag.
    Tag(Tag),
    /// By digest.
    Digest(Digest),
}

/// One image: a repository and a version of it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageRef {
    /// The repository.
    pub repository: Repository,
    /// The tag or digest.
    pub reference: Reference,
}

/// A reference as people write it: an image, and perhaps the tag that stands beside its digest.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FullReference {
    /// The image. A digest counts more than a tag.
    pub image: ImageRef,
    /// The tag that stands beside a digest, as in `app:v1@sha256:…`: what the image is called, not what is read.
    pub beside: Option<Tag>,
}

/// Errors of parsing a reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// There is nothing.
    #[error("the name is empty")]
    Empty,
    /// The registry part is no host.
    #[error("`{0}` is not a registry host")]
    Host(String),
    /// There is a URL.
    #[error("`{0}` begins a URL, and a name begins with its registry")]
    Scheme(&'static str),
    /// There is a login in front of the host.
    #[error(
        "there is a login in the address: leave out what stands before its `@`, and give it by `docker login` or in a \
             file of logins"
    )]
    Login,
    /// Paths are lower case: `[a-z0-9]+` joined by `.`, `_`, `__` or dashes, elements separated by `/`.
    #[error("`{0}` is not a repository path: lower-case letters, digits and single separators `.` `_` `-` only")]
    Path(String),
    /// Longer than any registry takes.
    #[error("the repository name has {0} characters, more than 255")]
    Long(usize),
    /// No tag.
    #[error("`{0}` is not a tag: up to 128 letters, digits, `_`, `.` and `-`, not starting with `.` or `-`")]
    Tag(String),
    /// No digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// A digest stands where an image was expected.
    #[error("`{0}` is a digest alone, and an image needs its repository")]
    DigestAlone(String),
    /// A repository was expected, a tag or digest is there.
    #[error("`{0}` has a tag or digest where only a repository is expected")]
    Versioned(String),
    /// An image was expected, neither tag nor digest is there.
    #[error("`{0}` has neither tag nor digest")]
    Unversioned(String),
}

impl Repository {
    /// A repository from its two parts. `path` is taken as it is, without `library/`. A host is kept in lower case, because
    /// names of hosts mean the same in any case (RFC 4343).
    ///
    /// # Errors
    /// If one of them is not valid.
    pub fn new(registry: &str, path: &str) -> Result<Self, ReferenceError> {
        let lower = lower_case(registry);
        let registry = if is_docker_hub(registry) { DOCKER_HUB } else { &lower };
        // Who splits a URL at its first slash has half of the scheme in either part.
        if registry.ends_with(':') && path.starts_with('/') {
            refuse_url(&format!("{registry}/{path}"))?;
        }
        // The same of a password with a slash, which a message about the host would show.
        if path.contains('@') {
            refuse_login(&format!("{registry}/{path}"))?;
        }
        check_host(registry)?;
        check_path(path)?;
        Ok(Self { registry: registry.into(), path: path.into() })
    }

    /// The registry, such as `quay.io`, `docker.io` or `[::1]:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path at the registry, such as `library/nginx`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The image with this tag.
    pub fn with_tag(&self, tag: &Tag) -> ImageRef {
        ImageRef { repository: self.clone(), reference: Reference::Tag(tag.clone()) }
    }

    /// The image with this digest.
    pub fn with_digest(&self, digest: &Digest) -> ImageRef {
        ImageRef { repository: self.clone(), reference: Reference::Digest(digest.clone()) }
    }

    /// Splits a text into a repository and what follows it: nothing, `:…` or `@…`, both without the sign.
    ///
    /// What follows is not looked at: it may be one tag, or a list, or an expression.
    ///
    /// # Errors
    /// If the repository part is not valid.
    pub fn parse_prefix(text: &str) -> Result<(Self, ReferenceSuffix<'_>), ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        refuse_login(text)?;
        refuse_url(text)?;
        // It would be a tag of `docker.io/library/sha256`.
        if text.parse::<Digest>().is_ok() {
            return Err(ReferenceError::DigestAlone(text.to_owned()));
        }
        let (host, rest) = split_host(text);
        // The first `:` or `@` after the host ends the path: a path has neither.
        let (path, suffix) = match rest.find([':', '@']) {
            Some(at) if rest.as_bytes()[at] == b':' => (&rest[..at], ReferenceSuffix::Colon(&rest[at + 1..])),
            Some(at) => (&rest[..at], ReferenceSuffix::At(&rest[at + 1..])),
            None => (rest, ReferenceSuffix::None),
        };
        let repository = match host {
            Some(host) if !is_docker_hub(host) => Self::new(host, path)?,
            _ if path.contains('/') => Self::new(DOCKER_HUB, path)?,
            _ => {
                check_path(path)?;
                Self::new(DOCKER_HUB, &format!("library/{path}"))?
            }
        };
        Ok((repository, suffix))
    }
}

/// The text after a repository name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceSuffix<'a> {
    /// Nothing.
    None,
    /// The text after a colon.
    Colon(&'a str),
    /// The text after an `@`.
    At(&'a str),
}

impl Tag {
    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag that lists the referrers of a digest where there is no API for that (distribution-spec v1.1, "Referrers
    /// tag schema"). None if the digest is longer than a tag may be, as that of sha512 is.
    pub fn referrers_tag(subject: &Digest) -> Option<Self> {
        format!("{}-{}", subject.algorithm().name(), subject.hex()).parse().ok()
    }

    /// The digest that it is about, if its name says so: the fallback tag of referrers (`sha256-<hex>`,
    /// distribution-spec v1.1), or cosign's (`sha256-<hex>.sig`, `.att`, `.sbom`).
    pub fn referenced_digest(&self) -> Option<Digest> {
        let (algorithm, rest) = self.0.split_once('-')?;
        let hex = rest.split_once('.').map_or(rest, |(hex, _)| hex);
        format!("{algorithm}:{hex}").parse().ok()
    }
}

impl std::ops::Deref for Tag {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Reference {
    /// The tag, if it is one.
    pub fn tag(&self) -> Option<&Tag> {
        match self {
            Self::Tag(tag) => Some(tag),
            Self::Digest(_) => None,
        }
    }

    /// The digest, if it is one.
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Tag(_) => None,
            Self::Digest(digest) => Some(digest),
        }
    }
}

impl ImageRef {
    /// Reads a reference; without tag and digest it means `latest`, as everywhere in the field.
    ///
    /// `repo:tag@sha256:…` is that digest; [`Reference`] keeps the tag, too.
    ///
    /// # Errors
    /// If it is not valid.
    pub fn parse_or_latest(text: &str) -> Result<Self, ReferenceError> {
        FullReference::parse_or_latest(text).map(|reference| reference.image)
    }
}

impl FullReference {
    /// Reads a reference; without tag and digest it means `latest`.
    ///
    /// # Errors
    /// If it is not valid.
    pub fn parse_or_latest(text: &str) -> Result<Self, ReferenceError> {
        match Self::from_str(text) {
            Err(ReferenceError::Unversioned(_)) => format!("{text}:latest").parse(),
            other => other,
        }
    }
}

/// Returns a host in lower case. One without dot and port stays as it is: in lower case it would be read as the first element
/// of a path at Docker Hub.
fn lower_case(host: &str) -> Cow<'_, str> {
    let is_certain = host.contains(['.', ':']) || host.eq_ignore_ascii_case("localhost");
    match is_certain && host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(host.to_ascii_lowercase()),
        false => Cow::Borrowed(host),
    }
}

fn is_docker_hub(host: &str) -> bool {
    [DOCKER_HUB, "index.docker.io", "registry-1.docker.io"].iter().any(|name| name.eq_ignore_ascii_case(host))
}

/// The host in front of the first `/`, if that is one.
fn split_host(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((first, rest))
            // A colon right before the slash begins no port: `nginx:/^1\./` is an expression over Docker Hub's tags.
            if !first.ends_with(':')
                && (first == "localhost"
                    || first.contains(['.', ':', '[', '@'])
                    || first.chars().any(char::is_uppercase)) =>
        {
            (Some(first), rest)
        }
        _ => (None, text),
    }
}

/// Prefixes of names copied from a browser or from the command line of another program.
const SCHEMES: [&str; 4] = ["https://", "http://", "docker://", "oci://"];

fn refuse_url(text: &str) -> Result<(), ReferenceError> {
    let scheme = SCHEMES.into_iter().find(|scheme| text.starts_with(scheme));
    scheme.map_or(Ok(()), |scheme| Err(ReferenceError::Scheme(scheme)))
}

/// Refuses `name:password@host/…` and `token@host/…`. A digest follows an `@`, too, and so may a part of an expression.
fn refuse_login(text: &str) -> Result<(), ReferenceError> {
    let name = text.split_once(":/").filter(|(_, rest)| !rest.starts_with('/')).map_or(text, |(name, _)| name);
    match name.rsplit_once('@') {
        Some((login, host)) if !login.is_empty() && (host.contains('/') || text::has_login(name)) => {
            Err(ReferenceError::Login)
        }
        _ => Ok(()),
    }
}

fn check_host(host: &str) -> Result<(), ReferenceError> {
    if host.is_empty() {
        return Err(ReferenceError::Empty);
    }
    refuse_login(host)?;
    refuse_url(host)?;
    let bad = || ReferenceError::Host(host.to_owned());
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or_else(bad)?;
            address.parse::<std::net::Ipv6Addr>().map_err(|_| bad())?;
            ("v6", port.strip_prefix(':').or(if port.is_empty() { None } else { Some("x") }))
        }
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let port_is_fine = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number > 0));
    if host.len() <= 255 && name.split('.').all(label) && port_is_fine && fits_url(name) { Ok(()) } else { Err(bad()) }
}

/// Returns true if a URL can have this name of a host. A URL takes a name that ends with a number for an IPv4 address, and
/// decodes labels that begin with `xn--` (URL standard, "host parser").
#[cfg(feature = "idna")]
fn fits_url(name: &str) -> bool {
    url::Host::parse(name).is_ok()
}

#[cfg(not(feature = "idna"))]
fn fits_url(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    !is_number || name.parse::<std::net::Ipv4Addr>().is_ok()
}

fn check_path(path: &str) -> Result<(), ReferenceError> {
    if path.len() > 255 {
        return Err(ReferenceError::Long(path.len()));
    }
    if path.split('/').all(is_path_element) { Ok(()) } else { Err(ReferenceError::Path(path.to_owned())) }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` (distribution-spec, "Pulling manifests").
fn is_path_element(element: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = element.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    if !word(*first) || !word(*last) {
        return false;
    }
    bytes
        .split(|byte| word(*byte))
        .filter(|separator| !separator.is_empty())
        .all(|separator| matches!(separator, b"." | b"_" | b"__") || separator.iter().all(|byte| *byte == b'-'))
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let first = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let other = |byte: u8| first(byte) || byte == b'.' || byte == b'-';
        match text.as_bytes() {
            [head, tail @ ..] if tail.len() < 128 && first(*head) && tail.iter().all(|b| other(*b)) => {
                Ok(Self(text.into()))
            }
            _ => Err(ReferenceError::Tag(text.chars().take(160).collect())),
        }
    }
}

impl FromStr for Repository {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        match Self::parse_prefix(text)? {
            (repository, ReferenceSuffix::None) => Ok(repository),
            _ => Err(ReferenceError::Versioned(text.to_owned())),
        }
    }
}

impl FromStr for ImageRef {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        text.parse().map(|FullReference { image, .. }| image)
    }
}

impl FromStr for FullReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (repository, suffix) = Repository::parse_prefix(text)?;
        let (version, beside) = match suffix {
            ReferenceSuffix::None => return Err(ReferenceError::Unversioned(text.to_owned())),
            ReferenceSuffix::At(digest) => (Reference::Digest(digest.parse()?), None),
            ReferenceSuffix::Colon(rest) => match rest.split_once('@') {
                Some((tag, digest)) => (Reference::Digest(digest.parse()?), Some(tag.parse()?)),
                None => (Reference::Tag(rest.parse()?), None),
            },
        };
        Ok(Self { image: ImageRef { repository, reference: version }, beside })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.reference.tag().is_some() { ':' } else { '@' };
        write!(f, "{}{sign}{}", self.repository, self.reference)
    }
}

impl fmt::Display for FullReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImageRef { repository, reference: version } = &self.image;
        match &self.beside {
            Some(tag) => write!(f, "{repository}:{tag}@{version}"),
            None => self.image.fmt(f),
        }
    }
}

macro_rules! as_text {
    ($($name:ty),+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

as_text!(Repository, Tag, ImageRef, FullReference);

#[cfg(test)]
mod tests;
