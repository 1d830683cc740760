//! The invariant: no sentence is shown as sourced unless its source bytes contain it.

use std::fs;

use sha2::{Digest, Sha256};
use zhisuan_apps::rag::{AskOptions, KnowledgeBase, Outcome, Sentence, Status};

use crate::support::{DAY, ask, base_of, sample, sentences, text};

const GUIDE: &str = "---\n标题: 风筝放飞许可办事指南\n发布机构: 云麓市体育局\n适用地区: 云麓市\n\
    状态: 现行\n生效日期: 2024-01-01\n---\n# 指南\n\n## 收费标准\n\n每只风筝收取3元。\n";

#[test]
fn every_passage_is_a_byte_range_of_its_file() {
    let base = sample();
    assert!(base.documents().len() >= 24);
    for passage in base.passages() {
        let raw = &base.documents()[passage.document].raw;
        let mut last = 0;
        for span in &passage.sentences {
            assert!(span.start >= last && span.end > span.start, "{span:?}");
            let sentence = &raw[span.clone()];
            assert_eq!(sentence, sentence.trim());
            assert!(!sentence.starts_with("- ") && !sentence.contains('\n'));
            last = span.end;
        }
    }
}

#[test]
fn every_sentence_stands_in_its_file_at_its_range() {
    let base = sample();
    let mut checked = 0;
    for document in base.documents() {
        let Some(question) = &document.sample_question else {
            continue;
        };
        let answer = ask(&base, question);
        let own = |sentence: &Sentence| sentence.citations[0].document_id == document.id;
        let answered = sentences(&answer).iter().any(own);
        assert!(answered, "the page offers {question}, but: {answer:?}");
        for sentence in sentences(&answer) {
            assert!(!sentence.citations.is_empty());
            for citation in &sentence.citations {
                let source = base.document(&citation.document_id).unwrap();
                let file = base.source_bytes(source).unwrap();
                let range = citation.start_byte..citation.end_byte;
                assert_eq!(&file[range], sentence.text.as_bytes());
                assert_eq!(citation.sha256, hex::encode(Sha256::digest(&file)));
                checked += 1;
            }
        }
    }
    assert!(checked > 40, "only {checked} citations");
}

#[test]
fn a_tampered_file_drops_its_sentences() {
    let (dir, base) = base_of(&[("kite.md", GUIDE.as_bytes())]);
    let before = ask(&base, "放风筝收费吗，风筝许可多少钱");
    assert_eq!(text(&before), "每只风筝收取3元。");
    let tampered = GUIDE.replace("3元", "9元");
    fs::write(dir.path().join("kite.md"), tampered).unwrap();
    let after = ask(&base, "放风筝收费吗，风筝许可多少钱");
    match after.outcome {
        Outcome::NoSource { reason, .. } => assert_eq!(reason, "source_changed"),
        Outcome::Answered { sentences, .. } => panic!("{sentences:?}"),
    }
    fs::remove_file(dir.path().join("kite.md")).unwrap();
    assert!(sentences(&ask(&base, "风筝许可多少钱")).is_empty());
    let again = KnowledgeBase::load(dir.path()).unwrap();
    assert!(again.documents().is_empty());
}

#[test]
fn a_citation_that_points_elsewhere_is_a_fault() {
    let (_dir, base) = base_of(&[("kite.md", GUIDE.as_bytes())]);
    let answer = ask(&base, "风筝许可多少钱");
    let sentence = &sentences(&answer)[0];
    let mut citation = sentence.citations[0].clone();
    let file = GUIDE.as_bytes();
    assert!(citation.verify(&sentence.text, file).is_ok());
    assert!(citation.verify("每只风筝收取4元。", file).is_err());
    citation.start_byte -= 3;
    assert!(citation.verify(&sentence.text, file).is_err());
    citation.start_byte = usize::MAX;
    assert!(citation.verify(&sentence.text, file).is_err());
}

#[test]
fn drafts_and_repealed_texts_are_labelled_and_come_after_texts_in_force() {
    let base = sample();
    for (question, status) in [
        ("夜间停车证每个月多少钱", Status::Draft),
        ("暂住证工本费多少", Status::Repealed),
    ] {
        let answer = ask(&base, question);
        let Outcome::Answered { sentences, notices } = &answer.outcome else {
            panic!("{question}: {answer:?}");
        };
        assert_eq!(sentences[0].citations[0].status, status);
        assert!(notices.iter().any(|notice| notice.status == status));
    }
    let twin = |status: &str| GUIDE.replace("现行", status);
    let (old, draft) = (twin("失效"), twin("草案"));
    let (_dir, base) = base_of(&[
        ("a-repealed.md", old.as_bytes()),
        ("b-draft.md", draft.as_bytes()),
        ("c-in-force.md", GUIDE.as_bytes()),
    ]);
    let hits = base.search("风筝许可多少钱", AskOptions::on(DAY)).unwrap();
    let order: Vec<_> = hits.iter().map(|hit| hit.status).collect();
    assert_eq!(order, [Status::InForce, Status::Draft, Status::Repealed]);
}

#[test]
fn the_status_follows_the_day() {
    let text = GUIDE.replace("状态: 现行", "状态: 失效\n失效日期: 2025-01-01");
    let (_dir, base) = base_of(&[("kite.md", text.as_bytes())]);
    let document = base.document("kite").unwrap();
    let on = |day: &str| document.status_on(day.parse().unwrap());
    assert_eq!(on("2023-12-31"), Status::NotYet);
    assert_eq!(on("2024-06-01"), Status::InForce);
    assert_eq!(on("2025-01-01"), Status::Repealed);
}

#[test]
fn traditional_questions_find_simplified_texts_and_the_reverse() {
    let base = sample();
    let simplified = ask(&base, "護照辦理要多少錢？");
    assert_eq!(
        sentences(&simplified)[0].citations[0].document_id,
        "passport"
    );
    let traditional = ask(&base, "长者饭堂每餐补贴多少钱");
    assert!(
        text(&traditional).contains("每餐補貼3元"),
        "{traditional:?}"
    );
}
