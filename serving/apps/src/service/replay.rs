//! Answers that were given, made again.

use std::sync::Arc;

use serde::Serialize;
use tokio::task::spawn_blocking;

use super::{PATIENCE, Qa, question};
use crate::answer::{
    Answer, Asked, Base, Maker, Queued, generate_anew, question_digest, still_stands,
};

const RULES_CHANGED: &str = "程序的规则已更新，当时的回答按存档原样给出";

/// An answer that was made again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replayed {
    /// Id of the answer.
    pub id: String,
    /// Whether the same text came out; none where it could not be made again.
    pub same: Option<bool>,
    /// Why it could not, or what differs.
    pub why: String,
    /// The answer as it was kept.
    pub answer: Answer,
}

impl Qa {
    /// Makes an answer again and compares.
    pub async fn replay(&self, id: &str) -> Option<Replayed> {
        let answer = self.kept(id).await?;
        let base = self.base();
        let (asked, answer) = {
            let base = Arc::clone(&base);
            let found = spawn_blocking(move || (asked(&base, &answer), answer)).await;
            found.ok()?
        };
        let asked = match asked {
            Ok(asked) => asked,
            Err(why) => return Some(told(None, why, answer)),
        };
        if answer.made_by == Maker::Extract {
            let work = self.in_turn(move |turn| again(&base, &asked, answer, turn));
            return work.await.ok();
        }
        let (extract, by_words) = {
            let base = Arc::clone(&base);
            let both = self.in_turn(move |turn| {
                let extract = base.answer_in_turn(&asked, turn);
                (extract, base.answer_by_words(&asked))
            });
            both.await.ok()?
        };
        // It may rest on what words alone found, where a model failed.
        let rests = |on: &Answer| still_stands(&base, on, &answer);
        let extract = if !rests(&extract) && rests(&by_words) {
            by_words
        } else {
            extract
        };
        Some(self.written_again(&base, extract, answer).await)
    }

    /// A model's words are checked again, and written again where the same model is there.
    async fn written_again(&self, base: &Base, extract: Answer, answer: Answer) -> Replayed {
        if extract.hashes.configuration != answer.hashes.configuration {
            return told(None, RULES_CHANGED, answer);
        }
        if !still_stands(base, &extract, &answer) {
            let why = "存档的句子重新核对时与出处不一致，请报告给维护人员";
            return told(Some(false), why, answer);
        }
        let Maker::Model { model } = &answer.made_by else {
            return told(None, "", answer);
        };
        let Some(writer) = self.writer().filter(|writer| writer.name() == *model) else {
            let why = "改写模型不在，没有重写；存档的每句重新核对过，仍与出处一致";
            return told(None, why, answer);
        };
        let made = generate_anew(base, extract, writer.as_ref(), PATIENCE).await;
        let new = made.answer;
        if new.sentences == answer.sentences && new.hashes == answer.hashes {
            return told(Some(true), "", answer);
        }
        let why = if made.drafts.fault.is_some() {
            "改写模型这次没有写完；存档的每句重新核对过，仍与出处一致"
        } else if new.hashes.model != answer.hashes.model {
            "改写模型重新部署过，写法不同；存档的每句重新核对过，仍与出处一致"
        } else {
            "改写模型这次的写法不同；存档的每句重新核对过，仍与出处一致"
        };
        told(None, why, answer)
    }
}

fn told(same: Option<bool>, why: &str, answer: Answer) -> Replayed {
    Replayed {
        id: answer.id.clone(),
        same,
        why: why.to_owned(),
        answer,
    }
}

/// What was asked for an answer to come, or why it is not known any more. What the log does not
/// hold of the question (place and breadth) is found again by its digest.
fn asked(base: &Base, answer: &Answer) -> Result<Asked, &'static str> {
    if base.published().digest != answer.hashes.base {
        return Err("知识库在此之后有新的发布，当时的回答按存档原样给出");
    }
    let versions = base.published().versions.iter();
    let mut places: Vec<Option<String>> = versions.map(|v| v.head.place.clone()).collect();
    places.push(None);
    places.sort();
    places.dedup();
    let mut candidates = places
        .iter()
        .flat_map(|place| question::breadths(answer, place.as_deref()));
    let found = candidates.find(|asked| question_digest(asked) == answer.hashes.question);
    found.ok_or("问题存档前遮去了个人号码，无法逐字重算，当时的回答按存档原样给出")
}

/// The same question on the same base must give the same text.
fn again(base: &Base, asked: &Asked, answer: Answer, turn: Box<dyn Queued>) -> Replayed {
    let again = if answer.hashes.model.is_empty() {
        let again = base.answer_by_words(asked);
        drop(turn);
        again
    } else {
        base.answer_in_turn(asked, turn)
    };
    if again.hashes == answer.hashes && again.sentences == answer.sentences {
        told(Some(true), "", answer)
    } else if again.hashes.configuration != answer.hashes.configuration {
        told(None, RULES_CHANGED, answer)
    } else if again.hashes.model.is_empty() && base.is_helped() {
        told(None, "所用模型这次没有回答，请稍后再试", answer)
    } else if again.hashes.model != answer.hashes.model {
        told(None, "所用模型已更换，当时的回答按存档原样给出", answer)
    } else {
        told(
            Some(false),
            "重算的结果与存档不同，请报告给维护人员",
            answer,
        )
    }
}
