//! Digests (SM3, GB/T 32905-2016) of all that an answer depends on.

use std::sync::LazyLock;

use sm3::{Digest, Sm3};

use super::record::{Answer, Asked, Hashes};

/// The rules of this build, as their own source: a changed rule is another configuration.
const RULES: &[&str] = &[
    include_str!("ask.rs"),
    include_str!("bank/likeness.rs"),
    include_str!("bank/mod.rs"),
    include_str!("bank/places.rs"),
    include_str!("bank/words.rs"),
    include_str!("base.rs"),
    include_str!("choices.rs"),
    include_str!("cite.rs"),
    include_str!("compose.rs"),
    include_str!("day.rs"),
    include_str!("evidence/gate.rs"),
    include_str!("evidence/grade.rs"),
    include_str!("evidence/kinds.rs"),
    include_str!("evidence/reader.rs"),
    include_str!("evidence/reader.txt"),
    include_str!("evidence/select.rs"),
    include_str!("evidence/view.rs"),
    include_str!("evidence/weigh.rs"),
    include_str!("evidence/words.txt"),
    include_str!("find.rs"),
    include_str!("gather.rs"),
    include_str!("generate/check.rs"),
    include_str!("generate/mod.rs"),
    include_str!("generate/prompt.rs"),
    include_str!("generate/sources.rs"),
    include_str!("generate/split.rs"),
    include_str!("head.rs"),
    include_str!("help.rs"),
    include_str!("hand_over.rs"),
    include_str!("narrow.rs"),
    include_str!("question/clause.rs"),
    include_str!("question/day.rs"),
    include_str!("question/matter.rs"),
    include_str!("question/mod.rs"),
    include_str!("question/place.rs"),
    include_str!("question/route.rs"),
    include_str!("question/words.rs"),
    include_str!("rank.rs"),
    include_str!("reply.rs"),
    include_str!("rerank.rs"),
    include_str!("search.rs"),
    include_str!("verify/amounts.rs"),
    include_str!("verify/denials.rs"),
    include_str!("verify/keywords.rs"),
    include_str!("verify/mod.rs"),
    include_str!("verify/names.rs"),
    include_str!("verify/polarity.rs"),
    include_str!("verify/segment.rs"),
    include_str!("question/places.txt"),
    include_str!("../kb/conflict/statement.rs"),
    include_str!("../kb/quantity.rs"),
    include_str!("../kb/script.rs"),
    include_str!("../retrieve/best.rs"),
    include_str!("../retrieve/dense.rs"),
    include_str!("../retrieve/fuse.rs"),
    include_str!("../retrieve/index.rs"),
    include_str!("../retrieve/models.rs"),
    include_str!("../retrieve/scan.rs"),
    include_str!("../retrieve/sketch.rs"),
    include_str!("../retrieve/synonyms.rs"),
    include_str!("../retrieve/tokenize.rs"),
    include_str!("../retrieve/typos.rs"),
    include_str!("../retrieve/sounds.txt"),
    include_str!("../retrieve/synonyms.txt"),
];

static CONFIGURATION: LazyLock<String> = LazyLock::new(|| digest(RULES));

/// SM3 over parts, each preceded by its length, so that no two lists of parts are one text.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut sm3 = Sm3::new();
    for part in parts {
        sm3.update((part.len() as u64).to_be_bytes());
        sm3.update(part.as_bytes());
    }
    hex::encode(sm3.finalize())
}

/// Digest of a question with its day, place and breadth.
pub(crate) fn of_question(asked: &Asked) -> String {
    let place = asked.place.as_deref().unwrap_or("");
    let (day, breadth) = (asked.as_of.to_string(), asked.top_k.to_string());
    digest(&["question", &asked.question, &day, place, &breadth])
}

/// The digests that are known before anything is answered.
pub(crate) fn before(asked: &Asked, base: &str, model: &str) -> Hashes {
    Hashes {
        question: of_question(asked),
        base: base.to_owned(),
        model: if model.is_empty() {
            String::new()
        } else {
            digest(&["model", model])
        },
        configuration: CONFIGURATION.clone(),
        prompt: String::new(),
        answer: String::new(),
    }
}

/// Fills in the digest of what is said, and the answer's name.
pub(crate) fn seal(answer: &mut Answer) {
    let said = (
        &answer.outcome,
        &answer.reason,
        &answer.sentences,
        &answer.notices,
        &answer.conflicts,
        &answer.choices,
        &answer.nearest,
    );
    // Plain data of strings and numbers always has a JSON form.
    let said = serde_json::to_string(&said).unwrap_or_default();
    answer.hashes.answer = digest(&["answer", &said]);
    let hashes = &answer.hashes;
    let mut parts = vec![
        "id",
        &hashes.question,
        &hashes.base,
        &hashes.model,
        &hashes.configuration,
        &hashes.answer,
    ];
    // Answers that no model wrote keep the names that they had before there were prompts.
    if !hashes.prompt.is_empty() {
        parts.push(&hashes.prompt);
    }
    let name = digest(&parts);
    name.get(..32).unwrap_or(&name).clone_into(&mut answer.id);
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_eq!(digest(&[]).len(), 64);
    }
}
