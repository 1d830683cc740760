//! What the tests share: the sample base, small bases of their own, a fixed day.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::{Date, date};
use tempfile::TempDir;
use zhisuan_apps::rag::{Answer, AskOptions, KnowledgeBase, Outcome, Sentence};

/// The day on which all tests ask.
pub(crate) const DAY: Date = date(2026, 1, 15);

/// A path below the examples.
pub(crate) fn example(path: &str) -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    examples.join(path)
}

/// The sample base.
pub(crate) fn sample() -> KnowledgeBase {
    KnowledgeBase::load(&example("knowledge")).unwrap()
}

/// A base of given files in a folder that lives as long as the first value.
pub(crate) fn base_of(files: &[(&str, &[u8])]) -> (TempDir, KnowledgeBase) {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let base = KnowledgeBase::load(dir.path()).unwrap();
    (dir, base)
}

/// The answer on [`DAY`].
pub(crate) fn ask(base: &KnowledgeBase, question: &str) -> Answer {
    base.ask(question, AskOptions::on(DAY)).unwrap()
}

/// The sentences of an answer; none when there was no source.
pub(crate) fn sentences(answer: &Answer) -> &[Sentence] {
    match &answer.outcome {
        Outcome::Answered { sentences, .. } => sentences,
        Outcome::NoSource { .. } => &[],
    }
}

/// All sentences of an answer in one text.
pub(crate) fn text(answer: &Answer) -> String {
    let texts = sentences(answer)
        .iter()
        .map(|sentence| sentence.text.as_str());
    texts.collect::<Vec<_>>().join("\n")
}
