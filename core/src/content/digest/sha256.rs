//! SHA-256, of which two can advance side by side.

use sha2::block_api::compress256;

use super::pair;

const BLOCK: usize = 64;

/// Where every hash starts (FIPS 180-4, section 5.3.3).
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// A hash on its way. How a block leads to the next state is the library's; here is what lies around that, because the
/// library's own hashes cannot be advanced two at a time.
#[derive(Clone)]
pub(super) struct Sha256 {
    state: [u32; 8],
    /// The beginning of a block that is not complete.
    begun: [u8; BLOCK],
    /// Bytes that were taken.
    taken: u64,
}

impl Sha256 {
    pub(super) fn new() -> Self {
        Self { state: START, begun: [0; BLOCK], taken: 0 }
    }

    /// Takes the next bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        let (blocks, rest) = self.complete(bytes).as_chunks();
        compress256(&mut self.state, blocks);
        self.taken += (blocks.len() * BLOCK) as u64;
        self.begin(rest);
    }

    /// Takes the next bytes of two hashes, which is faster than first the ones and then the others.
    pub(super) fn update_both([one, other]: [&mut Self; 2], [ones, others]: [&[u8]; 2]) {
        let (ones, others) = (one.complete(ones), other.complete(others));
        let together = ones.len().min(others.len()) / BLOCK * BLOCK;
        let ([(now, later), (others_now, others_later)], states) =
            ([ones.split_at(together), others.split_at(together)], [&mut one.state, &mut other.state]);
        pair::compress(states, [now.as_chunks().0, others_now.as_chunks().0]);
        one.taken += together as u64;
        other.taken += together as u64;
        one.update(later);
        other.update(others_later);
    }

    /// The hash of everything that was taken (FIPS 180-4, section 5.1.1).
    pub(super) fn finish(mut self) -> [u8; 32] {
        let bits = self.taken * 8;
        self.update(&[0x80]);
        let zeros = (2 * BLOCK - size_of_val(&bits) - self.at()) % BLOCK;
        self.update(&[0; BLOCK][..zeros]);
        self.update(&bits.to_be_bytes());
        let mut hash = [0; 32];
        for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(self.state) {
            *bytes = word.to_be_bytes();
        }
        hash
    }

    /// How much of a block was begun.
    fn at(&self) -> usize {
        (self.taken % BLOCK as u64) as usize
    }

    /// Completes a block that was begun; what is left over of `bytes` starts a new one.
    fn complete<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let at = self.at();
        if at == 0 {
            return bytes;
        }
        let (now, later) = bytes.split_at(bytes.len().min(BLOCK - at));
        self.begin(now);
        if self.at() == 0 {
            compress256(&mut self.state, &[self.begun]);
        }
        later
    }

    /// Keeps bytes that complete no block, or just the one that was begun.
    fn begin(&mut self, bytes: &[u8]) {
        let at = self.at();
        self.begun[at..at + bytes.len()].copy_from_slice(bytes);
        self.taken += bytes.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use sha2::Digest as _;

    use super::*;

    proptest! {
        #[test]
        fn whatever_the_pieces_are_it_is_the_hash_of_the_whole(pieces in vec(vec(any::<u8>(), 0..300), 0..6)) {
            let mut hash = Sha256::new();
            pieces.iter().for_each(|piece| hash.update(piece));
            prop_assert_eq!(hash.finish(), <[u8; 32]>::from(sha2::Sha256::digest(pieces.concat())));
        }

        #[test]
        fn two_side_by_side_are_what_each_is_alone(
            pieces in vec((vec(any::<u8>(), 0..700), vec(any::<u8>(), 0..700)), 0..6),
        ) {
            let (mut one, mut other) = (Sha256::new(), Sha256::new());
            for (ones, others) in &pieces {
                Sha256::update_both([&mut one, &mut other], [ones, others]);
            }
            let (ones, others): (Vec<_>, Vec<_>) = pieces.into_iter().unzip();
            prop_assert_eq!(one.finish(), <[u8; 32]>::from(sha2::Sha256::digest(ones.concat())));
            prop_assert_eq!(other.finish(), <[u8; 32]>::from(sha2::Sha256::digest(others.concat())));
        }
    }
}
