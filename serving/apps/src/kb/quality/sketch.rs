//! Pure: a short picture of a text, by which near-duplicates are found (bottom-k of shingles; Broder,
//! On the resemblance and containment of documents, 1997).

use std::collections::BTreeSet;

use crate::kb::script::{half_width, is_han, simple};

/// Characters of a shingle.
const SHINGLE: usize = 8;
/// Hashes kept.
const KEPT: usize = 256;

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
        let (mut left, mut right) = (
            self.hashes.iter().peekable(),
            other.hashes.iter().peekable(),
        );
        let (mut seen, mut shared) = (0_u32, 0_u32);
        while let (Some(one), Some(two)) = (left.peek(), right.peek()) {
            if seen as usize >= KEPT {
                break;
            }
            seen += 1;
            match one.cmp(two) {
                std::cmp::Ordering::Less => drop(left.next()),
                std::cmp::Ordering::Greater => drop(right.next()),
                std::cmp::Ordering::Equal => {
                    shared += 1;
                    left.next();
                    right.next();
                }
            }
        }
        // A sketch that holds all of a text's shingles has no larger ones left out.
        let rest = left.count() + right.count();
        let seen = seen + rest.min(KEPT.saturating_sub(seen as usize)) as u32;
        (shared * 1000).checked_div(seen).unwrap_or(0)
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
    use super::Sketch;

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
        let share = whole.likeness(&half);
        assert!((300..700).contains(&share), "{share}");
        let other = Sketch::of("完全不同的一篇文字，讲的是婚姻登记需要带哪些证件和照片。");
        assert!(whole.likeness(&other) < 50);
        assert_eq!(Sketch::of("短").likeness(&whole), 0);
        assert_eq!(Sketch::from_bytes(&whole.to_bytes()), whole);
    }
}
