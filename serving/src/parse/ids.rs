//! Names of calls.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Nine letters and digits: what the strictest templates (Mistral's) accept.
const LENGTH: usize = 9;

/// Names for the calls of one answer, all from one seed.
#[derive(Debug, Clone)]
pub(crate) struct CallIds {
    state: u64,
}

impl CallIds {
    /// The same seed gives the same names; take a random one for each answer.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next name (SplitMix64).
    pub(super) fn next(&mut self) -> String {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (0..LENGTH)
            .map(|_| {
                let digit = DIGITS[(z % 62) as usize];
                z /= 62;
                char::from(digit)
            })
            .collect()
    }
}
