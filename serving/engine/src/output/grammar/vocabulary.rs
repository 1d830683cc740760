//! A model's tokens as the grammar engine sees them: a trie over their bytes.

use crate::error::EngineError;
use crate::tokenizer::TextTokenizer;
use llguidance::ParserFactory;
use llguidance::api::ParserLimits;
use llguidance::earley::SlicedBiasComputer;
use std::sync::{Arc, OnceLock};
use toktrie::{InferenceCapabilities, TokRxInfo, TokTrie, TokenId, TokenizerEnv};

/// Makes grammars for one model. Cheap to make and to clone: the trie (some 20 MB and 0.3 s for
/// 150 000 tokens) is built by [`GrammarFactory::warm`], or when the first constraint comes.
#[derive(Clone)]
pub(crate) struct GrammarFactory {
    tokenizer: Arc<TextTokenizer>,
    vocab: usize,
    ends: Arc<[u32]>,
    parsers: Arc<OnceLock<Result<ParserFactory, EngineError>>>,
}

impl GrammarFactory {
    /// For a model with `vocab` logits a row (at least as many as the tokenizer's tokens).
    pub(crate) fn new(tokenizer: Arc<TextTokenizer>, vocab: usize) -> Self {
        let ends = (0..vocab as u32).filter(|id| tokenizer.is_end(*id));
        Self {
            ends: ends.collect(),
            tokenizer,
            vocab,
            parsers: Arc::new(OnceLock::new()),
        }
    }

    /// Builds what all constraints need; the first of them would wait for it.
    pub(crate) fn warm(&self) {
        if let Err(error) = self.parsers() {
            tracing::debug!(%error, "this model takes no constraints");
        }
    }

    pub(super) fn vocab(&self) -> usize {
        self.vocab
    }

    pub(super) fn parsers(&self) -> Result<&ParserFactory, EngineError> {
        self.parsers
            .get_or_init(|| build(Arc::clone(&self.tokenizer), self.vocab, &self.ends))
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Tokens that end a text.
    pub(super) fn ends(&self) -> Arc<[u32]> {
        Arc::clone(&self.ends)
    }
}

fn build(
    tokenizer: Arc<TextTokenizer>,
    vocab: usize,
    ends: &[u32],
) -> Result<ParserFactory, EngineError> {
    let Some(first) = ends.first() else {
        return Err(EngineError::unsupported(
            "受约束的输出：该模型没有结束词元，无法表示输出已完成",
        ));
    };
    let words: Vec<Vec<u8>> = (0..vocab as u32).map(|id| word(&tokenizer, id)).collect();
    let trie = TokTrie::from(&TokRxInfo::new(vocab as u32, *first), &words).with_eos_tokens(ends);
    let env: toktrie::TokEnv = Arc::new(Tokens { trie, tokenizer });
    let capabilities = InferenceCapabilities {
        ff_tokens: true,
        ..InferenceCapabilities::default()
    };
    let mut factory = ParserFactory::new(&env, capabilities, &SlicedBiasComputer::general_slices())
        .map_err(|e| EngineError::Internal {
            detail: e.to_string(),
        })?;
    *factory.limits_mut() = limits();
    factory.quiet();
    Ok(factory)
}

/// What one grammar may cost: some 20 ms to begin with, some 15 ms for one mask, and memory.
fn limits() -> ParserLimits {
    ParserLimits {
        max_grammar_size: 100_000,
        max_lexer_states: 50_000,
        verbose_errors: false,
        ..ParserLimits::default()
    }
}

/// Bytes of a token; control tokens are marked so that no text can mean them.
fn word(tokenizer: &TextTokenizer, id: u32) -> Vec<u8> {
    if tokenizer.is_control(id) {
        let mut word = vec![TokTrie::SPECIAL_TOKEN_MARKER];
        word.extend_from_slice(tokenizer.token_text(Some(id)).as_bytes());
        word
    } else {
        tokenizer.token_bytes(id).to_vec()
    }
}

struct Tokens {
    trie: TokTrie,
    tokenizer: Arc<TextTokenizer>,
}

impl TokenizerEnv for Tokens {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.trie.tokenize_with_greedy_fallback(bytes, |text| {
            let tokens = self.tokenizer.encode_data(text).unwrap_or_default();
            // A tokenizer that normalises would write something else than the grammar asks for.
            if self.trie.decode_raw(&tokens) == text.as_bytes() {
                tokens
            } else {
                self.trie.greedy_tokenize(text.as_bytes())
            }
        })
    }
}
