//! Typing errors of people who type by sound: a pair of characters that no text has is replaced by
//! one that sounds the same and that the texts have.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::is_han;

/// The common characters (first level of GB 2312), by syllable without tone, one a line.
const SOUNDS: &str = include_str!("sounds.txt");
/// Characters that are taken for each other by their look.
const LOOKS: &[&str] = &["券卷", "己已", "未末", "贷货"];
/// Unknown pairs that are tried in one question.
const TRIED: usize = 48;

static ALIKE: LazyLock<HashMap<char, Vec<char>>> = LazyLock::new(|| {
    let mut groups: HashMap<String, Vec<char>> = HashMap::new();
    for (syllable, chars) in SOUNDS.lines().filter_map(|line| line.split_once(' ')) {
        let group = groups.entry(merged(syllable)).or_default();
        group.extend(chars.chars());
    }
    let mut alike: HashMap<char, Vec<char>> = HashMap::new();
    let looks = LOOKS.iter().map(|group| group.chars().collect::<Vec<_>>());
    for group in groups.into_values().chain(looks) {
        for char in &group {
            let others = group.iter().filter(|other| *other != char);
            alike.entry(*char).or_default().extend(others);
        }
    }
    for others in alike.values_mut() {
        others.sort_unstable();
    }
    alike
});

/// A syllable as many speakers say it: flat and retroflex, front and back nasal are one.
fn merged(syllable: &str) -> String {
    let flat = syllable
        .replace("zh", "z")
        .replace("ch", "c")
        .replace("sh", "s");
    flat.replace("ing", "in").replace("eng", "en")
}

/// A folded question with its typing errors mended; `known` says whether the texts or the tables
/// have a pair of characters, and how often.
pub(crate) fn mended(folded: &str, known: &mut dyn FnMut(&str) -> u64) -> String {
    let mut chars: Vec<char> = folded.chars().collect();
    let mut tried = 0;
    let mut at = 0;
    while at + 1 < chars.len() && tried < TRIED {
        let unknown = count(&chars, at, known).is_some_and(|count| count == 0);
        if unknown {
            tried += 1;
            let better = [at, at + 1]
                .into_iter()
                .filter_map(|place| best(&chars, place, known))
                .max_by_key(|(gain, often, _, _)| (*gain, *often));
            if let Some((_, _, place, char)) = better
                && let Some(wrong) = chars.get_mut(place)
            {
                *wrong = char;
            }
        }
        at += 1;
    }
    chars.into_iter().collect()
}

/// How often the pair that begins at `at` is known; none where it is no pair of ideographs.
fn count(chars: &[char], at: usize, known: &mut dyn FnMut(&str) -> u64) -> Option<u64> {
    let pair = chars.get(at..at + 2)?;
    pair.iter()
        .all(|char| is_han(*char))
        .then(|| known(&pair.iter().collect::<String>()))
}

/// The best other character at a place: it makes known pairs where the one that stands there makes
/// none, or two where that makes one.
fn best(
    chars: &[char],
    place: usize,
    known: &mut dyn FnMut(&str) -> u64,
) -> Option<(usize, u64, usize, char)> {
    let mut beside = |chars: &[char]| {
        let before = place.checked_sub(1).and_then(|at| count(chars, at, known));
        let pairs = [before, count(chars, place, known)];
        let good: Vec<u64> = pairs.into_iter().flatten().filter(|c| *c > 0).collect();
        (good.len(), good.into_iter().max().unwrap_or(0))
    };
    let (now, _) = beside(chars);
    let mut changed = chars.to_vec();
    let mut found: Option<(usize, u64, usize, char)> = None;
    for other in ALIKE.get(chars.get(place)?)? {
        *changed.get_mut(place)? = *other;
        let (good, often) = beside(&changed);
        let enough = good > now;
        let better =
            found.is_none_or(|(gain, most, _, _)| (good - now.min(good), often) > (gain, most));
        if enough && better {
            found = Some((good - now, often, place, *other));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::mended;

    fn mend(question: &str, texts: &str) -> String {
        mended(question, &mut |pair| texts.matches(pair).count() as u64)
    }

    #[test]
    fn errors_of_sound_are_mended() {
        assert_eq!(mend("公祖房条建", "公租房的条件"), "公租房条件");
        assert_eq!(mend("停车厂泊卫", "停车场有泊位"), "停车场泊位");
        assert_eq!(mend("算力卷", "算力券"), "算力券");
    }

    #[test]
    fn what_the_texts_have_and_what_nothing_sounds_like_stays() {
        assert_eq!(mend("居住证", "居住证"), "居住证");
        assert_eq!(mend("戴眼镜a1", "护照照片"), "戴眼镜a1");
        assert_eq!(mend("", ""), "");
    }
}
