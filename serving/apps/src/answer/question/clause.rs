//! Questions of several clauses: two things asked at once, or a story before what is asked.

/// Longest question that is divided, in characters; longer ones are stories.
const DIVIDED: usize = 60;
/// Fewest characters of a part that does not ask.
const PART: usize = 4;

/// Words of a clause that asks.
const ASKS: [&str; 20] = [
    "多少", "几", "什么", "啥", "哪", "怎", "咋", "谁", "吗", "何", "是否", "能否", "可否", "多久",
    "多长", "多大", "多高", "多远", "多快", "呢",
];

/// The clauses of a folded question that ask; the others only tell the asker's story. The last one
/// where none asks.
pub(crate) fn asking(folded: &str) -> Vec<&str> {
    let ends = |char: char| char.is_whitespace() || ",;:?!。，；：？！".contains(char);
    let parts: Vec<&str> = folded.split(ends).filter(|part| !part.is_empty()).collect();
    let asking: Vec<&str> = parts.iter().copied().filter(|part| asks(part)).collect();
    match (asking.is_empty(), parts.last()) {
        (true, Some(last)) => vec![last],
        _ => asking,
    }
}

/// Whether a clause asks: by a word, by `能不能`, by a last `不` or `没`.
fn asks(clause: &str) -> bool {
    let chars: Vec<char> = clause.chars().collect();
    let turned =
        |three: &[char]| three.first() == three.last() && matches!(three.get(1), Some('不' | '没'));
    ASKS.iter().any(|word| clause.contains(word))
        || clause.ends_with(['不', '没'])
        || chars.windows(3).any(turned)
}

/// The parts of a folded question, in order; the whole question alone where it has one part.
pub(crate) fn clauses(folded: &str) -> Vec<String> {
    let whole = || vec![folded.to_owned()];
    if folded.chars().count() > DIVIDED {
        return whole();
    }
    let parts: Vec<String> = folded
        .split(['?', '!', '。', ',', ';', '，', '；', '\n'])
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect();
    let short = |part: &String| part.chars().count() < PART && !asks(part);
    if parts.len() < 2 || parts.iter().any(short) {
        return whole();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::{asking, clauses};

    #[test]
    fn a_story_does_not_ask() {
        let story = "我姑在国外快不行了,急着见最后一面,护照最快几天能拿";
        assert_eq!(asking(story), ["护照最快几天能拿"]);
        assert_eq!(asking("那天人多,到底开不开"), ["到底开不开"]);
        assert_eq!(asking("算力券抵扣比例"), ["算力券抵扣比例"]);
        assert!(asking("?!").is_empty());
    }

    #[test]
    fn two_things_asked_at_once() {
        assert_eq!(clauses("补报名是哪几天?校服费多少?").len(), 2);
        assert_eq!(clauses("残疾证多久能办好,在哪办").len(), 2);
        assert_eq!(clauses("你好,居住证多少钱").len(), 1);
        assert_eq!(clauses(&"长".repeat(99)).len(), 1);
    }
}
