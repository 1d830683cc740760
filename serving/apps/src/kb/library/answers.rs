//! Answers that were given: kept for reload and replay, and written into the chain.

use serde_json::{Map, Value, json};
use zhisuan_chain::sm3_hex;

use super::{Library, LibraryError};
use crate::answer::Answer;
use crate::audit::Link;
use crate::kb::store::answers::{answer, drop_answers, erase_answer, keep_answer, salt};
use crate::kb::store::log::seen;
use crate::kb::store::{Deed, KeptAnswer};
use crate::staff::Person;

impl Library {
    /// Writes an answer into the chain and keeps it. It may be shown only after this: what the
    /// chain cannot take is not said. `None` where the library has no chain.
    pub fn keep_answer(
        &self,
        base: &str,
        answer: &Answer,
        now_ms: i64,
    ) -> Result<Option<Link>, LibraryError> {
        let salt = self.salt_of(&answer.id)?;
        // The chain is written first and without the desk: answers do not wait for each other.
        let link = match &self.0.chain {
            Some(chain) => Some(chain.append_blocking(event(base, answer, &salt, now_ms))?),
            None => None,
        };
        let place = link.clone().unwrap_or(Link {
            seq: 0,
            hash: String::new(),
        });
        self.desk().store.change(|transaction| {
            keep_answer(transaction, base, answer, &salt, &place, now_ms)?;
            if let Some(link) = &link {
                seen(transaction, link)?;
            }
            Ok::<_, LibraryError>(())
        })?;
        Ok(link)
    }

    /// An answer that was given.
    pub fn answer(&self, id: &str) -> Result<KeptAnswer, LibraryError> {
        let kept = answer(self.desk().store.read(), id)?;
        kept.ok_or_else(|| LibraryError::not_found("回答", id))
    }

    /// Forgets what was asked and answered. The chain stays whole: it holds only a digest over a
    /// salt that is forgotten too.
    pub fn erase_answer(&self, id: &str, person: &Person, now_ms: i64) -> Result<(), LibraryError> {
        super::desk::must_check(person)?;
        let kept = self.answer(id)?;
        let mut desk = self.desk();
        desk.store.change(|transaction| {
            erase_answer(transaction, id)?;
            let deed = Deed {
                at_ms: now_ms,
                base: &kept.base,
                person,
                action: "erase",
                object: id.to_owned(),
                detail: json!({ "seq": kept.link.seq }),
            };
            Ok::<_, LibraryError>(deed.write(transaction)?)
        })?;
        self.tell_chain(&desk.store)
    }

    /// Forgets the answers that were given before a moment, and what was said of them; how many
    /// answers there were. The chain keeps their lines, which say nothing without the salts, and a
    /// line that so many were dropped.
    pub fn drop_answers(
        &self,
        base: &str,
        before_ms: i64,
        now_ms: i64,
    ) -> Result<usize, LibraryError> {
        let retention = Person::both("retention", "到期清理");
        let mut desk = self.desk();
        let dropped = desk.store.change(|transaction| {
            let dropped = drop_answers(transaction, base, before_ms)?;
            if dropped > 0 {
                let deed = Deed {
                    at_ms: now_ms,
                    base,
                    person: &retention,
                    action: "drop_answers",
                    object: base.to_owned(),
                    detail: json!({ "answers": dropped, "before_ms": before_ms }),
                };
                deed.write(transaction)?;
            }
            Ok::<_, LibraryError>(dropped)
        })?;
        self.tell_chain(&desk.store)?;
        Ok(dropped)
    }

    fn salt_of(&self, id: &str) -> Result<Vec<u8>, LibraryError> {
        if let Some(known) = salt(self.desk().store.read(), id)? {
            return Ok(known);
        }
        let mut fresh = vec![0_u8; 16];
        getrandom::fill(&mut fresh).map_err(|error| LibraryError::Random(error.to_string()))?;
        Ok(fresh)
    }
}

/// What the chain keeps of an answer. Of the question, and of the answer's id which is made of it,
/// there are only salted digests, so that nobody can guess it once the salt is gone; the rest says
/// nothing about who asked.
fn event(base: &str, answer: &Answer, salt: &[u8], now_ms: i64) -> Map<String, Value> {
    let cited: Vec<String> = answer
        .sentences
        .iter()
        .flat_map(|sentence| &sentence.citations)
        .map(|cited| {
            let (start, end) = (cited.start_byte, cited.end_byte);
            format!("{}@{}#{start}-{end}", cited.document, cited.version)
        })
        .collect();
    let hashes = &answer.hashes;
    let salted = |text: &str| sm3_hex(&[salt, text.as_bytes()].concat());
    Map::from_iter(
        [
            ("kind", json!("answer")),
            ("at_ms", json!(now_ms)),
            ("base", json!(base)),
            ("answer_id", json!(salted(&answer.id))),
            ("as_of", json!(answer.as_of)),
            ("outcome", json!(answer.outcome)),
            ("question", json!(salted(&hashes.question))),
            ("index", json!(hashes.base)),
            ("model", json!(hashes.model)),
            ("configuration", json!(hashes.configuration)),
            ("answer", json!(hashes.answer)),
            ("cited", json!(cited)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}
