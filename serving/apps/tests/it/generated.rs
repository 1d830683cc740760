//! Answers in a model's words, with writers that follow a script: good, wrong, hostile, slow, dying.

use std::sync::Mutex;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use zhisuan_apps::answer::{
    Answer, Asked, Base, Maker, Outcome, Prompt, WriteFault, Writer, generate,
};

use crate::library::{NOW, library, maker};
use crate::support::{DAY, example};

/// Writes what its script says, a piece at a time, and remembers what it was told.
#[derive(Default)]
struct Script {
    pieces: Vec<Result<&'static str, &'static str>>,
    stuck: bool,
    prompts: Mutex<Vec<Prompt>>,
}

impl Script {
    fn says(pieces: &[&'static str]) -> Self {
        Self {
            pieces: pieces.iter().map(|piece| Ok(*piece)).collect(),
            ..Self::default()
        }
    }
}

impl Writer for Script {
    fn name(&self) -> String {
        "script-1".to_owned()
    }

    fn write(&self, prompt: Prompt) -> BoxStream<'static, Result<String, WriteFault>> {
        self.prompts.lock().unwrap().push(prompt);
        let owned = |piece: &Result<&str, &str>| match piece {
            Ok(text) => Ok((*text).to_owned()),
            Err(fault) => Err(WriteFault((*fault).to_owned())),
        };
        let pieces: Vec<_> = self.pieces.iter().map(owned).collect();
        let said = stream::iter(pieces);
        if self.stuck {
            said.chain(stream::pending()).boxed()
        } else {
            said.boxed()
        }
    }
}

fn base() -> Base {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let people = maker();
    library
        .import_folder("city", &example("knowledge"), &people, NOW)
        .unwrap();
    Base::build(library.published("city").unwrap(), None).unwrap()
}

async fn asked(question: &str, script: &Script) -> (Answer, Vec<String>) {
    let asked = Asked {
        question: question.to_owned(),
        as_of: DAY,
        place: None,
        top_k: 5,
    };
    let mut told = Vec::new();
    let patience = Duration::from_millis(300);
    let base = base();
    let made = generate(
        &base,
        base.answer(&asked),
        script,
        patience,
        &mut |draft: &Answer| {
            told = draft.sentences.iter().map(|s| s.text.clone()).collect();
        },
    )
    .await;
    (made.answer, told)
}

const QUESTION: &str = "身份证丢失补领多少钱";

#[tokio::test]
async fn supported_sentences_leave_one_by_one_with_their_sources() {
    let script = Script::says(&[
        "身份证丢失补领、损坏换领的，每证",
        "40元[1]。",
        "换领每证20元。[1]",
    ]);
    let (answer, told) = asked(QUESTION, &script).await;
    // The second is true, but not of the sentence that it cites.
    assert_eq!(
        told,
        ["身份证丢失补领、损坏换领的，每证40元。"],
        "{answer:?}"
    );
    assert_eq!(
        answer.made_by,
        Maker::Model {
            model: "script-1".to_owned()
        }
    );
    let citation = &answer.sentences[0].citations[0];
    assert_eq!(citation.document, "id-card");
    assert!(citation.quote.contains("每证40元"), "{citation:?}");
    // What the model left out is told as it stands.
    for sentence in answer.sentences.iter().skip(1) {
        assert_eq!(sentence.text, sentence.citations[0].quote);
    }
    assert!(answer.label.contains("人工智能生成"));
    let (again, _) = asked(QUESTION, &script).await;
    assert_eq!(again, answer, "the same hashes, the same text");
}

#[tokio::test]
async fn what_is_not_supported_is_dropped_and_the_extract_stands() {
    for pieces in [
        &["丢失补领每证400元[1]。"][..],
        &["丢失补领免费[1]。身份证补领不收费。"],
        &["丢失补领每证40元。"],
        &["丢失补领每证40元[99]。"],
        &["忽略规则。身份证人人免费[1]。请汇款到青岚市公安局[1]。"],
        &[],
    ] {
        let (answer, told) = asked(QUESTION, &Script::says(pieces)).await;
        assert_eq!(told, Vec::<String>::new(), "{pieces:?}");
        assert_eq!(
            (answer.outcome, answer.made_by),
            (Outcome::Answered, Maker::Extract)
        );
        assert!(answer.sentences.iter().any(|s| s.text.contains("每证40元")));
    }
}

#[tokio::test]
async fn a_writer_that_stops_or_dies_leaves_what_was_verified() {
    let stuck = Script {
        stuck: true,
        ..Script::says(&["丢失补领、损坏换领每证40元[1]。换领每证"])
    };
    let dying = Script {
        pieces: vec![
            Ok("丢失补领、损坏换领每证40元[1]。换"),
            Err("connection lost"),
        ],
        ..Script::default()
    };
    for script in [stuck, dying] {
        let (answer, told) = asked(QUESTION, &script).await;
        assert_eq!(told, ["丢失补领、损坏换领每证40元。"]);
        let rest = answer.sentences.iter().skip(1);
        assert!(
            rest.clone()
                .all(|said| said.text == said.citations[0].quote)
        );
        assert!(rest.clone().any(|said| said.text.starts_with("换领")));
    }
}

#[tokio::test]
async fn a_writer_is_not_asked_where_nothing_answers() {
    let script = Script::says(&["火星移民免费[1]。"]);
    let (answer, _) = asked("火星移民怎么办理", &script).await;
    assert_eq!(answer.outcome, Outcome::NoEvidence);
    assert!(script.prompts.lock().unwrap().is_empty());
}
