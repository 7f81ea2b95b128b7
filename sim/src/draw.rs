//! Decisions that follow from a seed and names alone.
//!
//! None is taken from a sequence: without one image or one fault, all others stay as they are, so that a failure can be
//! shrunk.

/// A point in the tree of decisions of a seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    /// Returns the root of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x9e37_79b9_7f4a_7c15))
    }

    /// Returns the point below this one with a name.
    #[must_use]
    pub(crate) fn at(self, name: &str) -> Self {
        let bytes = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(mix(self.0 ^ bytes))
    }

    /// Returns the point below this one with a number.
    #[must_use]
    pub(crate) fn nth(self, number: u64) -> Self {
        Self(mix(self.0 ^ mix(number.wrapping_add(1))))
    }

    /// Returns 64 bits.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// Returns a number below `end`, or 0.
    pub(crate) fn below(self, end: u64) -> u64 {
        if end == 0 { 0 } else { mix(self.0) % end }
    }

    /// Returns a number in 0..1.
    #[expect(clippy::cast_precision_loss, reason = "a share needs no 64 bits")]
    pub(crate) fn unit(self) -> f64 {
        (mix(self.0) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns true with this probability.
    pub(crate) fn chance(self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Returns bytes.
    pub(crate) fn bytes(self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        let mut word = self.0;
        while bytes.len() < length {
            word = mix(word);
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

/// The finalizer of splitmix64.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
