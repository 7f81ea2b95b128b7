//! Two SHA-256 states at once.
//!
//! The instructions that x86-64 processors have for SHA-256 take longer than it takes to start the next one, and in one
//! hash each needs what the one before it makes: half of the time the unit waits. Two hashes do not need each other, so
//! their instructions fill each other's gaps, and both are done in about a third more than the time of one. Where a
//! processor has no such instructions, one follows the other.

use sha2::block_api::compress256;

type Blocks<'a> = &'a [[u8; 64]];

/// Advances two states by as many blocks each.
pub(super) fn compress(states: [&mut [u32; 8]; 2], blocks: [Blocks<'_>; 2]) {
    debug_assert_eq!(blocks[0].len(), blocks[1].len());
    #[cfg(target_arch = "x86_64")]
    if sha_ni::is_there() {
        // SAFETY: the processor has what the function was compiled for.
        return unsafe { sha_ni::compress(states, blocks) };
    }
    for (state, blocks) in states.into_iter().zip(blocks) {
        compress256(state, blocks);
    }
}

/// Whether two at once are faster than one after the other.
pub(super) fn is_worthwhile() -> bool {
    #[cfg(target_arch = "x86_64")]
    return sha_ni::is_there();
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

#[cfg(target_arch = "x86_64")]
mod sha_ni {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_loadu_si128, _mm_set_epi64x, _mm_setzero_si128,
        _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32,
        _mm_storeu_si128,
    };

    use super::Blocks;

    /// FIPS 180-4, section 4.2.2.
    #[rustfmt::skip]
    const ROUNDS: [[[u32; 4]; 4]; 4] = [
        [[0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5], [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
         [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3], [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174]],
        [[0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc], [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
         [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7], [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967]],
        [[0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13], [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
         [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3], [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070]],
        [[0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5], [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
         [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208], [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2]],
    ];

    pub(super) fn is_there() -> bool {
        is_x86_feature_detected!("sha") && is_x86_feature_detected!("ssse3") && is_x86_feature_detected!("sse4.1")
    }

    /// The eight words of a state in the two registers that the instructions want.
    #[derive(Clone, Copy)]
    struct State {
        abef: __m128i,
        cdgh: __m128i,
    }

    #[target_feature(enable = "sha,ssse3,sse4.1")]
    pub(super) fn compress(states: [&mut [u32; 8]; 2], blocks: [Blocks<'_>; 2]) {
        let mut two = [load(states[0]), load(states[1])];
        for (one, other) in blocks[0].iter().zip(blocks[1]) {
            let before = two;
            let mut words = [words(one), words(other)];
            sixteen_rounds(&mut two, &words, &ROUNDS[0]);
            // Three times and no loop: a loop took a fifth longer.
            next_sixteen_rounds(&mut two, &mut words, &ROUNDS[1]);
            next_sixteen_rounds(&mut two, &mut words, &ROUNDS[2]);
            next_sixteen_rounds(&mut two, &mut words, &ROUNDS[3]);
            for (state, before) in two.iter_mut().zip(before) {
                state.abef = _mm_add_epi32(state.abef, before.abef);
                state.cdgh = _mm_add_epi32(state.cdgh, before.cdgh);
            }
        }
        for (state, words) in two.into_iter().zip(states) {
            store(state, words);
        }
    }

    type Words = [[__m128i; 4]; 2];

    /// The first sixteen rounds of either hash.
    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn sixteen_rounds(two: &mut [State; 2], words: &Words, constants: &[[u32; 4]; 4]) {
        four_rounds::<0>(two, words, constants);
        four_rounds::<1>(two, words, constants);
        four_rounds::<2>(two, words, constants);
        four_rounds::<3>(two, words, constants);
    }

    /// Sixteen more rounds over the words that follow these.
    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn next_sixteen_rounds(two: &mut [State; 2], words: &mut Words, constants: &[[u32; 4]; 4]) {
        next_words::<0>(words);
        four_rounds::<0>(two, words, constants);
        next_words::<1>(words);
        four_rounds::<1>(two, words, constants);
        next_words::<2>(words);
        four_rounds::<2>(two, words, constants);
        next_words::<3>(words);
        four_rounds::<3>(two, words, constants);
    }

    /// Four rounds of either hash, over the words that stand at `AT`.
    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn four_rounds<const AT: usize>(two: &mut [State; 2], words: &Words, constants: &[[u32; 4]; 4]) {
        // SAFETY: sixteen bytes are there; they need no alignment.
        let constants = unsafe { _mm_loadu_si128(constants[AT].as_ptr().cast()) };
        for (state, words) in two.iter_mut().zip(words) {
            let words = _mm_add_epi32(words[AT], constants);
            state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, words);
            state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, _mm_shuffle_epi32(words, 0x0E));
        }
    }

    /// The message schedule of either hash: the four words that follow these sixteen take the place of the oldest four,
    /// which stand at `AT`.
    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn next_words<const AT: usize>(words: &mut Words) {
        for words in words {
            let [oldest, older, newer, newest] = [0, 1, 2, 3].map(|place| words[(AT + place) % 4]);
            let sum = _mm_add_epi32(_mm_sha256msg1_epu32(oldest, older), _mm_alignr_epi8(newest, newer, 4));
            words[AT] = _mm_sha256msg2_epu32(sum, newest);
        }
    }

    /// The words of a block, most significant byte first.
    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn words(block: &[u8; 64]) -> [__m128i; 4] {
        let swapped = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
        let mut words = [_mm_setzero_si128(); 4];
        for (words, bytes) in words.iter_mut().zip(block.as_chunks::<16>().0) {
            // SAFETY: sixteen bytes are there; they need no alignment.
            *words = _mm_shuffle_epi8(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }, swapped);
        }
        words
    }

    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn load(state: &[u32; 8]) -> State {
        // SAFETY: two times sixteen bytes are there; they need no alignment.
        let (dcba, hgfe) =
            unsafe { (_mm_loadu_si128(state.as_ptr().cast()), _mm_loadu_si128(state.as_ptr().add(4).cast())) };
        let (cdab, efgh) = (_mm_shuffle_epi32(dcba, 0xB1), _mm_shuffle_epi32(hgfe, 0x1B));
        State { abef: _mm_alignr_epi8(cdab, efgh, 8), cdgh: _mm_blend_epi16(efgh, cdab, 0xF0) }
    }

    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn store(State { abef, cdgh }: State, state: &mut [u32; 8]) {
        let (feba, dchg) = (_mm_shuffle_epi32(abef, 0x1B), _mm_shuffle_epi32(cdgh, 0xB1));
        let (dcba, hgfe) = (_mm_blend_epi16(feba, dchg, 0xF0), _mm_alignr_epi8(dchg, feba, 8));
        // SAFETY: there is room for two times sixteen bytes; they need no alignment.
        unsafe {
            _mm_storeu_si128(state.as_mut_ptr().cast(), dcba);
            _mm_storeu_si128(state.as_mut_ptr().add(4).cast(), hgfe);
        }
    }
}
