//! A model that puts the first passages in order: used while it is served, and missed by nobody.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use zhisuan_apps::answer::Base;
use zhisuan_apps::retrieve::{ModelFault, Reranker};

use crate::support::{ask, asked, base_of, sample};

const QUESTION: &str = "居住证补办多少钱？";

/// Finds the passages best that hold a word.
#[derive(Default)]
struct Fond {
    word: &'static str,
    broken: AtomicBool,
    /// What it was asked.
    read: Mutex<Vec<(String, usize)>>,
}

impl Reranker for Fond {
    fn name(&self) -> String {
        format!("fond of {}", self.word)
    }

    fn scores(&self, question: &str, passages: &[String]) -> Result<Vec<f32>, ModelFault> {
        let mut read = self.read.lock().unwrap();
        read.push((question.to_owned(), passages.len()));
        if self.broken.load(Ordering::Relaxed) {
            return Err(ModelFault("out of order".to_owned()));
        }
        let score = |text: &String| if text.contains(self.word) { 0.9 } else { 0.1 };
        Ok(passages.iter().map(score).collect())
    }
}

fn base(model: &Arc<Fond>) -> Base {
    sample().base().reranked_by(Some(model.clone()))
}

#[test]
fn of_texts_that_are_equal_by_words_the_one_that_it_prefers_comes_first_and_it_is_named() {
    let texts: Vec<(String, String)> = (0..40)
        .map(|at| {
            let hall = format!("第{at}号场馆");
            let text = format!(
                "---\n标题: {hall}租用指南\n状态: 现行\n---\n# {hall}租用指南\n\n## 收费标准\n\n羽毛球场地每小时四十元。\n"
            );
            (format!("hall-{at:02}.md"), text)
        })
        .collect();
    let files: Vec<(&str, &[u8])> = texts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()))
        .collect();
    let (_dir, folder) = base_of(&files);
    let fond = Arc::new(Fond {
        word: "第17号",
        ..Fond::default()
    });
    let (plain, with) = (folder.base(), folder.base().reranked_by(Some(fond.clone())));
    let asked = asked("羽毛球场地每小时多少钱");
    let first = |base: &Base| base.search(&asked).first().map(|hit| hit.document.clone());
    assert_ne!(first(&plain).as_deref(), Some("hall-17"));
    assert_eq!(first(&with).as_deref(), Some("hall-17"));
    let read = fond.read.lock().unwrap();
    assert!(read.iter().all(|(_, passages)| *passages == 24), "{read:?}");
    assert_eq!(with.reranker().as_deref(), Some("fond of 第17号"));
}

#[test]
fn where_it_fails_the_answer_is_that_of_words_and_it_is_asked_again_next_time() {
    let plain = sample().base();
    let fond = Arc::new(Fond {
        word: "居住证",
        broken: AtomicBool::new(true),
        ..Fond::default()
    });
    let with = base(&fond);
    let answer = ask(&with, QUESTION);
    assert_eq!(answer.id, ask(&plain, QUESTION).id);
    assert_eq!(
        fond.read.lock().unwrap().len(),
        1,
        "one failure ends the help"
    );
    fond.broken.store(false, Ordering::Relaxed);
    assert_ne!(ask(&with, QUESTION).hashes.model, "");
}
