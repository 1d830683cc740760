//! The BM25 index over passages, in memory.

use tantivy::columnar::Column;
use tantivy::indexer::NoMergePolicy;
use tantivy::query::{Bm25StatisticsProvider, Bm25Weight};
use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{Index, Searcher, SegmentReader, TantivyDocument, Term};

use super::best::{best, order};
use super::scores::Scores;
use super::tokenize::HanTokenizer;

/// Name under which the tokenizer is registered.
const TOKENIZER: &str = "han";
/// Memory for building, in bytes: enough that a hundred thousand passages are few segments.
const WRITER_BYTES: usize = 64_000_000;
/// How much a hit in the title counts against one in the text.
const TITLE_BOOST: f32 = 1.6;
/// How much a hit in the headings counts against one in the text.
const PATH_BOOST: f32 = 0.6;

/// A searchable set of passages, numbered as they were added.
pub(crate) struct PassageIndex {
    searcher: Searcher,
    numbers: Vec<Column<u64>>,
    fields: Fields,
    /// Fields that are searched, with how much they count and their average length in terms.
    searched: [(Field, f32, f32); 3],
    bytes: u64,
}

#[derive(Clone, Copy)]
struct Fields {
    number: Field,
    title: Field,
    path: Field,
    text: Field,
}

/// The folded text of one passage.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) title: String,
    pub(crate) path: String,
    pub(crate) text: String,
}

impl PassageIndex {
    /// Builds the index; entry `n` is passage `n`. One thread builds it and nothing is merged, so
    /// that equal passages give an equal index.
    pub(crate) fn build(entries: impl Iterator<Item = Entry>) -> tantivy::Result<Self> {
        let (schema, fields) = schema();
        let index = Index::create_in_ram(schema);
        index
            .tokenizers()
            .register(TOKENIZER, TextAnalyzer::from(HanTokenizer));
        let mut writer = index.writer_with_num_threads(1, WRITER_BYTES)?;
        writer.set_merge_policy(Box::new(NoMergePolicy));
        for (at, entry) in entries.enumerate() {
            let mut document = TantivyDocument::default();
            document.add_u64(fields.number, at as u64);
            document.add_text(fields.title, &entry.title);
            document.add_text(fields.path, &entry.path);
            document.add_text(fields.text, &entry.text);
            writer.add_document(document)?;
        }
        writer.commit()?;
        let searcher = index.reader()?.searcher();
        let numbers = searcher
            .segment_readers()
            .iter()
            .map(|segment| segment.fast_fields().u64("number"))
            .collect::<tantivy::Result<Vec<_>>>()?;
        let bytes = searcher.space_usage()?.total().get_bytes();
        let average = |field, boost| {
            let tokens = searcher.total_num_tokens(field)? as f32;
            let average = tokens / searcher.num_docs().max(1) as f32;
            Ok::<_, tantivy::TantivyError>((field, boost, average))
        };
        let searched = [
            average(fields.title, TITLE_BOOST)?,
            average(fields.path, PATH_BOOST)?,
            average(fields.text, 1.0)?,
        ];
        Ok(Self {
            searcher,
            numbers,
            fields,
            searched,
            bytes,
        })
    }

    /// Passages in the index.
    pub(crate) fn len(&self) -> u64 {
        self.searcher.num_docs()
    }

    /// Bytes of the index, all in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// In how many passages a term stands, in the text or in its headings.
    pub(crate) fn found_in(&self, term: &str) -> u64 {
        let count = |field| {
            let term = Term::from_field_text(field, term);
            self.searcher.doc_freq(&term).unwrap_or(0)
        };
        count(self.fields.text).max(count(self.fields.path))
    }

    /// The best passages for a set of terms, best first, with their BM25 scores.
    ///
    /// Questions have dozens of terms, and most stand in thousands of passages: adding up one
    /// term after the other over all passages is several times quicker than skipping among that
    /// many lists (the library's block-max WAND), and the sums do not depend on the order of
    /// passages.
    pub(crate) fn top(&self, terms: &[String], limit: usize) -> tantivy::Result<Vec<(u32, f32)>> {
        let weights = self.weights(terms)?;
        let mut found = Vec::new();
        let segments = self.searcher.segment_readers().iter();
        for (segment, numbers) in segments.zip(&self.numbers) {
            let scores = scores(segment, &weights)?;
            let top = best(&scores, limit, |_| true).into_iter();
            let top = top.take_while(|(_, score)| *score > 0.0);
            found.extend(top.filter_map(|(at, score)| {
                let number = numbers.first(at)?;
                Some((u32::try_from(number).ok()?, score))
            }));
        }
        found.sort_unstable_by(|a, b| order(*a, *b));
        found.truncate(limit);
        Ok(found)
    }

    /// What each term counts in each field that has it.
    fn weights(&self, terms: &[String]) -> tantivy::Result<Vec<(Term, Bm25Weight)>> {
        let mut weights = Vec::with_capacity(terms.len() * self.searched.len());
        for (field, boost, average) in self.searched {
            for term in terms {
                let term = Term::from_field_text(field, term);
                let count = self.searcher.doc_freq(&term)?;
                if count > 0 {
                    let all = self.searcher.num_docs();
                    let weight = Bm25Weight::for_one_term_without_explain(count, all, average);
                    weights.push((term, weight.boost_by(boost)));
                }
            }
        }
        Ok(weights)
    }
}

/// The score of every passage of a segment.
fn scores(segment: &SegmentReader, weights: &[(Term, Bm25Weight)]) -> tantivy::Result<Scores> {
    let mut scores = Scores::noughts(segment.max_doc() as usize);
    for (term, weight) in weights {
        let inverted = segment.inverted_index(term.field())?;
        let lengths = segment.get_fieldnorms_reader(term.field())?;
        let option = IndexRecordOption::WithFreqs;
        let Some(mut block) = inverted.read_block_postings(term, option)? else {
            continue;
        };
        while block.block_len() > 0 {
            for (at, count) in block.docs().iter().zip(block.freqs()) {
                if let Some(score) = scores.get_mut(*at as usize) {
                    *score += weight.score(lengths.fieldnorm_id(*at), *count);
                }
            }
            block.advance();
        }
    }
    Ok(scores)
}

fn schema() -> (Schema, Fields) {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(TOKENIZER)
        .set_index_option(IndexRecordOption::WithFreqs);
    let options = TextOptions::default().set_indexing_options(indexing);
    let mut schema = Schema::builder();
    let fields = Fields {
        number: schema.add_u64_field("number", FAST),
        title: schema.add_text_field("title", options.clone()),
        path: schema.add_text_field("path", options.clone()),
        text: schema.add_text_field("text", options),
    };
    (schema.build(), fields)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use tantivy::collector::TopDocs;
    use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};

    use super::*;

    /// What the library finds for the same terms, by entry.
    fn by_library(index: &PassageIndex, terms: &[String]) -> Vec<(u32, f32)> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for (field, boost, _) in index.searched {
            for term in terms {
                let term = Term::from_field_text(field, term);
                let query = TermQuery::new(term, IndexRecordOption::WithFreqs);
                let query = BoostQuery::new(Box::new(query), boost);
                clauses.push((Occur::Should, Box::new(query)));
            }
        }
        let collector = TopDocs::with_limit(7).order_by_score();
        let top = index
            .searcher
            .search(&BooleanQuery::new(clauses), &collector);
        let entry = |segment: u32, at| index.numbers.get(segment as usize)?.first(at);
        let found = top.into_iter().flatten().filter_map(|(score, address)| {
            Some((entry(address.segment_ord, address.doc_id)? as u32, score))
        });
        found.collect()
    }

    #[test]
    fn scores_are_those_of_the_library() {
        let entries = (0..500_usize).map(|at| Entry {
            title: format!("第{}号办法", at / 7),
            path: "收费标准".repeat(at % 3),
            text: format!("每户{}元，{}办理", at % 13, "材料".repeat(at % 11)),
        });
        let index = PassageIndex::build(entries).unwrap();
        for question in ["第3号材料费", "每户12元收费", "办法", "没有"] {
            let terms: Vec<String> = super::super::terms(question)
                .iter()
                .map(|term| term.text.to_owned())
                .collect();
            let (own, theirs) = (index.top(&terms, 7).unwrap(), by_library(&index, &terms));
            let scores = |found: &[(u32, f32)]| -> Vec<i32> {
                let round = |(_, score): &(u32, f32)| (score * 1e4).round() as i32;
                found.iter().map(round).collect()
            };
            let near = scores(&own).into_iter().zip(scores(&theirs));
            assert_eq!(own.len(), theirs.len(), "{question}");
            assert!(
                { near }.all(|(one, two)| (one - two).abs() <= 1),
                "{own:?} {theirs:?}"
            );
        }
    }
}
