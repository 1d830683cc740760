//! The network that reads sentences beside the gate of words: when it is asked, and what happens
//! where its vectors do not come.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use zhisuan_apps::answer::{Base, Outcome};
use zhisuan_apps::retrieve::{Embedder, ModelFault, Side};

use crate::support::{ask, sample};

const QUESTIONS: [&str; 4] = [
    "居住证补办多少钱？",
    "居住证补办要多少钱",
    "护照有效期多久？",
    "狗证在哪里办？",
];

/// Vectors that say nothing but are always the same.
struct Drawn {
    name: &'static str,
    /// Whether it gives sentences vectors.
    reads: bool,
    sentences: Arc<Mutex<Vec<String>>>,
}

impl Drawn {
    fn of(name: &'static str, reads: bool) -> (Self, Arc<Mutex<Vec<String>>>) {
        let sentences = Arc::default();
        let drawn = Self {
            name,
            reads,
            sentences: Arc::clone(&sentences),
        };
        (drawn, sentences)
    }
}

impl Embedder for Drawn {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn embed(&self, texts: &[String], side: Side) -> Result<Vec<Vec<f32>>, ModelFault> {
        if side == Side::Sentence {
            self.sentences.lock().unwrap().extend_from_slice(texts);
            if !self.reads {
                return Err(ModelFault("no vectors".to_owned()));
            }
        }
        let vector = |text: &String| {
            let digest = Sha256::digest(text.as_bytes());
            let numbers = (0..12_u8).flat_map(|turn| {
                digest
                    .into_iter()
                    .map(move |byte| byte.wrapping_mul(turn + 1))
            });
            numbers.map(|byte| f32::from(byte) - 127.5).collect()
        };
        Ok(texts.iter().map(vector).collect())
    }
}

fn base(model: Drawn) -> Base {
    Base::build(Arc::new(sample().published()), Some(Arc::new(model))).unwrap()
}

#[test]
fn where_a_model_fails_words_alone_answer_and_the_answer_says_so() {
    let (deaf, asked) = Drawn::of("multilingual-e5-small", false);
    let (deaf, alone) = (base(deaf), sample().base());
    for question in QUESTIONS {
        let (one, two) = (ask(&deaf, question), ask(&alone, question));
        assert_eq!(one.hashes, two.hashes, "{question}");
        assert_eq!(one.id, two.id, "{question}");
    }
    let first = ask(&deaf, QUESTIONS[0]);
    assert_eq!(first.outcome, Outcome::Answered);
    assert_eq!(first.hashes.model, "");
    let before = asked.lock().unwrap().len();
    ask(&deaf, QUESTIONS[0]);
    assert!(
        asked.lock().unwrap().len() > before,
        "the model is asked again: that answer is not kept"
    );
}

#[test]
fn without_a_reader_for_its_vectors_a_model_only_finds() {
    let (other, never) = Drawn::of("another-model", true);
    let other = base(other);
    let answer = ask(&other, QUESTIONS[0]);
    assert_ne!(answer.hashes.model, "");
    assert!(never.lock().unwrap().is_empty());
}

#[test]
fn a_sentence_is_given_a_vector_once_and_equal_bases_answer_alike() {
    let (one, seen) = Drawn::of("multilingual-e5-small", true);
    let (two, _) = Drawn::of("multilingual-e5-small", true);
    let (one, two) = (base(one), base(two));
    for question in QUESTIONS {
        let (left, right) = (ask(&one, question), ask(&two, question));
        assert_eq!(
            (left.outcome, left.id),
            (right.outcome, right.id),
            "{question}"
        );
    }
    let seen = seen.lock().unwrap();
    let different: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(
        different.len(),
        seen.len(),
        "each sentence is asked for once"
    );
    assert!(seen.iter().any(|text| text.contains("居住证")));
}
