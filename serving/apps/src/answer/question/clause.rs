//! Questions that ask two things at once.

/// Longest question that is divided, in characters; longer ones are stories.
const DIVIDED: usize = 60;
/// Fewest characters of a part.
const PART: usize = 4;

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
    let short = |part: &String| part.chars().count() < PART;
    if parts.len() < 2 || parts.iter().any(short) {
        return whole();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::clauses;

    #[test]
    fn two_things_asked_at_once() {
        assert_eq!(clauses("补报名是哪几天?校服费多少?").len(), 2);
        assert_eq!(clauses("你好,居住证多少钱").len(), 1);
        assert_eq!(clauses(&"长".repeat(99)).len(), 1);
    }
}
