//! Hostile questions and texts: refused with a reason or answered, never a panic.

use proptest::prelude::*;
use zhisuan_apps::rag::{AskOptions, MAX_QUESTION_CHARS, MAX_TOP_K};

use crate::support::{DAY, ask, base_of, sample, sentences};

#[test]
fn unusable_questions_are_refused_by_field() {
    let base = sample();
    let options = AskOptions::on(DAY);
    for question in ["", " \n\t\u{3000}", &"长".repeat(MAX_QUESTION_CHARS + 1)] {
        let error = base.ask(question, options).unwrap_err();
        assert_eq!(
            (error.code(), error.field()),
            ("bad_field", Some("question"))
        );
    }
    for top_k in [0, MAX_TOP_K + 1, usize::MAX] {
        let error = base
            .ask("居住证", AskOptions { top_k, ..options })
            .unwrap_err();
        assert_eq!(error.field(), Some("top_k"));
        assert!(error.to_string().contains("50"), "{error}");
    }
}

#[test]
fn noise_is_answered_with_no_source() {
    let base = sample();
    for question in [
        "\u{0}\u{1}\u{7f}",
        "？？？",
        "\u{202e}\u{200b}",
        "' OR 1=1 --",
        "title:* AND text:[a TO z]",
        "<script>alert(1)</script>",
        "🦀🦀🦀",
        &"啊".repeat(MAX_QUESTION_CHARS),
    ] {
        let answer = ask(&base, question);
        assert!(sentences(&answer).is_empty(), "{question}: {answer:?}");
    }
}

#[test]
fn an_empty_base_has_no_source_and_nobody_to_name() {
    let (_dir, base) = base_of(&[]);
    assert!(sentences(&ask(&base, "居住证多少钱")).is_empty());
    assert!(base.hand_over().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_can_be_loaded_and_any_question_asked(
        text in "[\\PC\n]{0,200}",
        question in "\\PC{1,60}",
    ) {
        let (_dir, base) = base_of(&[("a.md", text.as_bytes())]);
        for passage in base.passages() {
            let raw = &base.documents()[passage.document].raw;
            for span in &passage.sentences {
                prop_assert!(raw.get(span.clone()).is_some());
            }
        }
        if let Ok(answer) = base.ask(&question, AskOptions::on(DAY)) {
            for sentence in sentences(&answer) {
                prop_assert!(text.contains(&sentence.text));
            }
        }
    }
}
