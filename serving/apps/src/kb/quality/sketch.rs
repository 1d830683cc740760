//! Pure: a short picture of a text, by which near-duplicates are found (bottom-k of shingles; Broder,
//! On the resemblance and containment of documents, 1997).

use std::collections::BTreeSet;

use crate::kb::script::{half_width, is_han, simple};

/// Characters of a shingle.
const SHINGLE: usize = 8;
/// Hashes kept.
const KEPT: usize = 256;
/// Words of a sieve: 16384 bits, of which a sketch sets one in 64.
const SIEVE_WORDS: usize = 256;
/// Hashes of another sketch that a sieve looks at, and how many of them it must have.
const SIEVED: usize = 32;
const SIEVED_LEAST: usize = 4;

/// The smallest hashes of a text's shingles, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sketch {
    hashes: Vec<u64>,
}

impl Sketch {
    /// The sketch of a text. Script, width, blanks and signs do not matter.
    pub fn of(text: &str) -> Self {
        let chars: Vec<char> = text
            .chars()
            .map(|char| simple(half_width(char)))
            .filter(|char| is_han(*char) || char.is_ascii_alphanumeric())
            .collect();
        let mut least = BTreeSet::new();
        for shingle in chars.windows(SHINGLE) {
            let hash = hash(shingle);
            if least.len() < KEPT {
                least.insert(hash);
            } else if least.last().is_some_and(|most| hash < *most) && least.insert(hash) {
                least.pop_last();
            }
        }
        Self {
            hashes: least.into_iter().collect(),
        }
    }

    /// How much two texts have in common: their resemblance in thousandths; 0 for texts that are
    /// too short to compare.
    pub fn likeness(&self, other: &Self) -> u32 {
        let (mut left, mut right, mut shared, mut seen) = (0, 0, 0_u32, 0);
        // No branch hangs on which hash is the smaller: that is as random as they are.
        while seen < KEPT
            && let (Some(one), Some(two)) = (self.hashes.get(left), other.hashes.get(right))
        {
            seen += 1;
            shared += u32::from(one == two);
            left += usize::from(one <= two);
            right += usize::from(two <= one);
        }
        // A sketch that holds all of a text's shingles has no larger ones left out.
        let rest = self.hashes.len() + other.hashes.len() - left - right;
        let seen = seen + rest.min(KEPT - seen);
        (shared * 1000).checked_div(seen as u32).unwrap_or(0)
    }

    /// As bytes, for keeping.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes
            .iter()
            .flat_map(|hash| hash.to_le_bytes())
            .collect()
    }

    /// From kept bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let hashes = bytes
            .as_chunks::<8>()
            .0
            .iter()
            .map(|eight| u64::from_le_bytes(*eight));
        Self {
            hashes: hashes.collect(),
        }
    }
}

/// Tells quickly that most other sketches are nothing like one: a base has thousands.
#[derive(Debug)]
pub(super) struct Sieve {
    /// A bit for each hash of the sketch, by its lowest bits.
    bits: [u64; SIEVE_WORDS],
    full: bool,
}

impl Sieve {
    pub(super) fn of(sketch: &Sketch) -> Self {
        let mut bits = [0; SIEVE_WORDS];
        for hash in &sketch.hashes {
            if let Some(word) = bits.get_mut(word(*hash)) {
                *word |= 1 << (hash % 64);
            }
        }
        let full = sketch.hashes.len() == KEPT;
        Self { bits, full }
    }

    /// False for sketches whose likeness to this one is below 600.
    ///
    /// Of two texts that much alike each of the smallest hashes of one is the other's too with a
    /// chance of at least 0.6: that fewer than [`SIEVED_LEAST`] of [`SIEVED`] are happens once in
    /// ten thousand million pairs.
    pub(super) fn may_be_alike(&self, other: &Sketch) -> bool {
        if !self.full || other.hashes.len() < KEPT {
            return true;
        }
        let has = |hash: &&u64| {
            let word = self.bits.get(word(**hash)).copied().unwrap_or_default();
            word >> (**hash % 64) & 1 == 1
        };
        let first = other.hashes.iter().take(SIEVED);
        first.filter(has).count() >= SIEVED_LEAST
    }
}

/// The word of a sieve in which a hash has its bit.
fn word(hash: u64) -> usize {
    (hash / 64) as usize % SIEVE_WORDS
}

/// FNV-1a over the characters, mixed once more (the finalizer of splitmix64), so that the smallest
/// hashes are a fair sample.
fn hash(chars: &[char]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for char in chars {
        hash = (hash ^ u64::from(*char)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Sieve, Sketch};

    #[test]
    fn likeness_follows_the_share_of_equal_text() {
        let lines: Vec<String> = (0..60)
            .map(|n| {
                format!(
                    "第{n}条办理居住证应当提交第{}号材料并说明理由。",
                    n * 7919 % 1000
                )
            })
            .collect();
        let whole = Sketch::of(&lines.join("\n"));
        assert_eq!(whole.likeness(&whole), 1000);
        let nearly = Sketch::of(&lines[..57].join("\n"));
        assert!(whole.likeness(&nearly) > 850);
        let half = Sketch::of(&lines[..30].join("\n"));
        assert!(Sieve::of(&whole).may_be_alike(&nearly) && Sieve::of(&nearly).may_be_alike(&whole));
        let share = whole.likeness(&half);
        assert!((300..700).contains(&share), "{share}");
        let other = Sketch::of("完全不同的一篇文字，讲的是婚姻登记需要带哪些证件和照片。");
        assert!(whole.likeness(&other) < 50);
        assert_eq!(Sketch::of("短").likeness(&whole), 0);
        assert_eq!(Sketch::from_bytes(&whole.to_bytes()), whole);
    }

    #[test]
    fn the_sieve_keeps_all_that_is_alike_and_little_else() {
        // Lines that share no wording, as texts of different matters do.
        let line = |n: usize| (0..20).map(move |k| 0x4e00 + (n * 7919 + k * k * 104_729) % 5_003);
        let text = |from: usize, to: usize| {
            let chars = (from..to).flat_map(line);
            let chars = chars.filter_map(|code| char::from_u32(code as u32));
            Sketch::of(&chars.collect::<String>())
        };
        let whole = text(0, 100);
        let sieve = Sieve::of(&whole);
        let mut kept = 0;
        for shift in 0..300 {
            let other = text(shift, shift + 100);
            let may = sieve.may_be_alike(&other);
            assert!(may || whole.likeness(&other) < 600, "{shift}");
            kept += usize::from(may);
        }
        assert!(kept < 150, "{kept}");
    }
}
