//! Digests: the names of bytes.
//!
//! A digest that came from a server ends up in URLs and in file names, so the only way to get a [`Digest`]
//! is to parse it: algorithm known, hexadecimal digits lower case and of the right number (image-spec,
//! "Digests"; CVE-2024-3727 is what happens otherwise).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256, Sha512};

/// A hash algorithm that content may be named by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256, what nearly all content uses.
    Sha256,
    /// SHA-512, the other one that image-spec registers.
    Sha512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// The name before the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

/// The hash of some bytes, and by that their name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(Repr);

/// The digits of the longest digest.
const LONGEST: usize = 128;

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Repr {
    Sha256([u8; 32]),
    Sha512(Box<[u8; 64]>), // rare, so boxed: a digest stays small in the maps that hold many
}

impl Digest {
    /// The SHA-256 digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Repr::Sha256(Sha256::digest(bytes).into()))
    }

    /// Returns true if `bytes` have this digest.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        self.algorithm().digest_of(bytes) == *self
    }

    /// Returns the algorithm of the digest.
    pub const fn algorithm(&self) -> Algorithm {
        match self.0 {
            Repr::Sha256(_) => Algorithm::Sha256,
            Repr::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The part after the colon: lower-case hexadecimal digits, safe in a path.
    pub fn hex(&self) -> String {
        self.digits(&mut [0; LONGEST]).to_owned()
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> String {
        self.digits(&mut [0; LONGEST])[..12].to_owned()
    }

    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Sha256(bytes) => bytes,
            Repr::Sha512(bytes) => &bytes[..],
        }
    }

    /// The digits, written into a place for them: every request has one of these, and formatting each byte by itself
    /// would be a tenth of what a request costs.
    fn digits<'a>(&self, place: &'a mut [u8; LONGEST]) -> &'a str {
        let bytes = self.bytes();
        for (pair, byte) in place.as_chunks_mut().0.iter_mut().zip(bytes) {
            *pair = [byte >> 4, byte & 15].map(|half| b"0123456789abcdef"[usize::from(half)]);
        }
        std::str::from_utf8(&place[..2 * bytes.len()]).expect("digits are ASCII")
    }
}

impl Algorithm {
    /// Returns the digest of some bytes.
    pub fn digest_of(self, bytes: &[u8]) -> Digest {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        hasher.finish()
    }

    /// A hasher for content that arrives in pieces.
    pub fn hasher(self) -> Hasher {
        Hasher(match self {
            Self::Sha256 => State::Sha256(Sha256::new()),
            Self::Sha512 => State::Sha512(Box::new(Sha512::new())),
        })
    }
}

/// Hashes content that arrives in pieces.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Sha256(Sha256),
    Sha512(Box<Sha512>),
}

impl Hasher {
    /// Takes the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of everything that was taken.
    pub fn finish(self) -> Digest {
        Digest(match self.0 {
            State::Sha256(state) => Repr::Sha256(state.finalize().into()),
            State::Sha512(state) => Repr::Sha512(Box::new(state.finalize().into())),
        })
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

/// Errors of parsing a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// There is no colon.
    #[error("a digest is `algorithm:hex`, such as `sha256:` and 64 digits")]
    NoAlgorithm,
    /// The algorithm is not supported, so content could not be verified.
    #[error("digest algorithm `{0}` is not supported, expected `sha256` or `sha512`")]
    UnknownAlgorithm(String),
    /// Wrong number of digits.
    #[error("a {} digest has {} hexadecimal digits, this one has {found}", .algorithm.name(), .expected)]
    Length {
        /// The algorithm that was named.
        algorithm: Algorithm,
        /// The number of digits for this algorithm.
        expected: usize,
        /// The number of digits found.
        found: usize,
    },
    /// Something other than `0-9a-f`; upper case is not allowed by image-spec.
    #[error("a digest has lower-case hexadecimal digits only")]
    NotHex,
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, hex) = text.split_once(':').ok_or(DigestError::NoAlgorithm)?;
        match algorithm {
            "sha256" => {
                let mut bytes = [0; 32];
                decode(Algorithm::Sha256, hex, &mut bytes)?;
                Ok(Self(Repr::Sha256(bytes)))
            }
            "sha512" => {
                let mut bytes = Box::new([0; 64]);
                decode(Algorithm::Sha512, hex, &mut bytes[..])?;
                Ok(Self(Repr::Sha512(bytes)))
            }
            other => Err(DigestError::UnknownAlgorithm(other.chars().take(32).collect())),
        }
    }
}

fn decode(algorithm: Algorithm, hex: &str, out: &mut [u8]) -> Result<(), DigestError> {
    if hex.len() != out.len() * 2 {
        return Err(DigestError::Length { algorithm, expected: out.len() * 2, found: hex.chars().count() });
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(DigestError::NotHex),
    };
    for (slot, pair) in out.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *slot = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(())
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm().name())?;
        f.write_str(":")?;
        f.write_str(self.digits(&mut [0; LONGEST]))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_parses_back() {
        let digest = Digest::of(b"hello");
        assert_eq!(digest.to_string(), "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }

    #[test]
    fn sha512_is_a_digest_too() {
        let mut hasher = Algorithm::Sha512.hasher();
        hasher.update(b"hel");
        hasher.update(b"lo");
        let digest = hasher.finish();
        assert_eq!(digest.hex().len(), 128);
        assert_eq!(digest.to_string().parse(), Ok(digest.clone()));
        assert!(digest.matches(b"hello") && !digest.matches(b"hellO"));
    }

    #[test]
    fn nothing_that_could_leave_a_directory_is_a_digest() {
        let hex = "a".repeat(64);
        for text in [
            "",
            "sha256",
            "sha256:",
            "sha256:../../x",
            "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "blake3:aa",
            &format!("sha256:{}", hex.to_uppercase()),
            &format!("sha256:{}", &hex[1..]),
            &format!("sha256:{hex}a"),
            &format!("sha256:{}\0", &hex[1..]),
            &format!("SHA256:{hex}"),
            &format!("sha256:{}é", &hex[2..]),
            &"sha256:".repeat(2000),
        ] {
            assert!(text.parse::<Digest>().is_err(), "{text:?}");
        }
    }
}
