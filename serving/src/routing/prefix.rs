//! Pure: which replica has the beginning of a prompt in its cache, as far as the gateway knows.
//!
//! The leading text of a prompt is cut into chunks, each hashed together with all before it. A
//! replica that answered is remembered for every hash of the chain, so the longest chain that it is
//! remembered for is about the part of the prompt that it need not read again.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use zhisuan_proto::v1::generate_request::Input;

const CHUNK_BYTES: usize = 256;
/// Longer prompts are told apart by their first 64 KiB.
const MAX_CHUNKS: usize = 256;
/// Replicas remembered for one chunk; a busy prefix lives on several.
const HOLDERS: usize = 4;

/// Hashes of a prompt's leading chunks, each including all before it.
pub(crate) type Chain = Vec<u64>;

/// The chain of a prompt. Replicas keep tenants' caches apart, so chains do too.
pub(crate) fn chain(model: &str, tenant: &str, input: Option<&Input>) -> Chain {
    let mut cutter = Cutter::new(model, tenant);
    match input {
        None => {}
        Some(Input::Prompt(text)) => cutter.push(text.as_bytes()),
        Some(Input::TokenIds(tokens)) => {
            for id in &tokens.ids {
                cutter.push(&id.to_le_bytes());
            }
        }
        Some(Input::Chat(chat)) => {
            for tool in &chat.tools {
                cutter.push(tool.name.as_bytes());
                cutter.push(tool.parameters.as_bytes());
            }
            for message in &chat.messages {
                cutter.push(message.role.as_bytes());
                cutter.push(b"\0");
                cutter.push(message.content.as_bytes());
            }
        }
    }
    cutter.chain
}

struct Cutter {
    hasher: DefaultHasher,
    filled: usize,
    chain: Chain,
}

impl Cutter {
    fn new(model: &str, tenant: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (model, tenant).hash(&mut hasher);
        Self {
            hasher,
            filled: 0,
            chain: Vec::new(),
        }
    }

    fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.chain.len() < MAX_CHUNKS {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.filled));
            self.hasher.write(now);
            self.filled += now.len();
            bytes = later;
            if self.filled == CHUNK_BYTES {
                self.chain.push(self.hasher.finish());
                self.filled = 0;
            }
        }
    }
}

/// Who answered which chunks, the most recent ones only.
#[derive(Debug)]
pub(crate) struct Memory {
    most: usize,
    clock: u64,
    chunks: HashMap<u64, Chunk>,
    by_age: BTreeMap<u64, u64>,
}

#[derive(Debug)]
struct Chunk {
    /// The latest last.
    holders: Vec<u64>,
    used: u64,
}

impl Memory {
    /// Remembers at most `most` chunks.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            clock: 0,
            chunks: HashMap::new(),
            by_age: BTreeMap::new(),
        }
    }

    /// Chunks from the beginning that `replica` is remembered for.
    pub(crate) fn matched(&self, chain: &[u64], replica: u64) -> usize {
        chain
            .iter()
            .take_while(|hash| {
                let chunk = self.chunks.get(hash);
                chunk.is_some_and(|chunk| chunk.holders.contains(&replica))
            })
            .count()
    }

    /// `replica` read the prompt.
    pub(crate) fn learn(&mut self, chain: &[u64], replica: u64) {
        for &hash in chain {
            self.clock += 1;
            let now = self.clock;
            let chunk = self.chunks.entry(hash).or_insert_with(|| Chunk {
                holders: Vec::new(),
                used: now,
            });
            self.by_age.remove(&chunk.used);
            chunk.used = now;
            chunk.holders.retain(|holder| *holder != replica);
            if chunk.holders.len() == HOLDERS {
                chunk.holders.remove(0);
            }
            chunk.holders.push(replica);
            self.by_age.insert(now, hash);
            if self.chunks.len() > self.most
                && let Some((_, oldest)) = self.by_age.pop_first()
            {
                self.chunks.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Memory, chain};
    use zhisuan_proto::v1::generate_request::Input;
    use zhisuan_proto::v1::{Chat, ChatMessage};

    fn said(contents: &[&str]) -> Input {
        let messages = contents.iter().map(|content| ChatMessage {
            role: "user".to_owned(),
            content: (*content).to_owned(),
            ..ChatMessage::default()
        });
        Input::Chat(Chat {
            messages: messages.collect(),
            ..Chat::default()
        })
    }

    #[test]
    fn a_longer_conversation_begins_with_the_chain_of_the_shorter() {
        let (policy, question) = ("政策全文。".repeat(100), "第二问".repeat(50));
        let short = chain("m", "t", Some(&said(&[&policy])));
        let long = chain("m", "t", Some(&said(&[&policy, &question])));
        assert!(short.len() >= 5 && long.len() > short.len());
        assert_eq!(long[..short.len()], short[..]);
        assert_ne!(chain("m", "u", Some(&said(&[&policy])))[0], short[0]);
        assert!(chain("m", "t", Some(&said(&["short"]))).is_empty());
        let huge = Input::Prompt("x".repeat(10_000_000));
        assert_eq!(chain("m", "t", Some(&huge)).len(), 256);
    }

    #[test]
    fn the_longest_match_counts_and_memory_is_bounded() {
        let mut memory = Memory::new(10);
        memory.learn(&[1, 2, 3], 7);
        memory.learn(&[1, 2], 8);
        assert_eq!(memory.matched(&[1, 2, 3, 4], 7), 3);
        assert_eq!(memory.matched(&[1, 2, 3, 4], 8), 2);
        assert_eq!(memory.matched(&[9, 1], 7), 0, "only from the beginning");
        for replica in 10..20 {
            memory.learn(&[1], replica);
        }
        assert_eq!(memory.matched(&[1], 7), 0, "four holders of a chunk");
        for hash in 100..1_000 {
            memory.learn(&[hash], 7);
        }
        assert!(memory.chunks.len() <= 10 && memory.by_age.len() <= 10);
        assert_eq!(memory.matched(&[2], 7), 0, "the oldest is forgotten");
        assert_eq!(memory.matched(&[999], 7), 1);
    }
}
