//! The BM25 index over passages, in memory.

use tantivy::collector::TopDocs;
use tantivy::columnar::Column;
use tantivy::indexer::NoMergePolicy;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};
use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{Index, Searcher, TantivyDocument, Term};

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
        Ok(Self {
            searcher,
            numbers,
            fields,
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
    pub(crate) fn top(&self, terms: &[String], limit: usize) -> tantivy::Result<Vec<(u32, f32)>> {
        let fields = [
            (self.fields.title, TITLE_BOOST),
            (self.fields.path, PATH_BOOST),
            (self.fields.text, 1.0),
        ];
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::with_capacity(terms.len() * 3);
        for term in terms {
            for (field, boost) in fields {
                let term = Term::from_field_text(field, term);
                let query: Box<dyn Query> =
                    Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs));
                clauses.push((Occur::Should, Box::new(BoostQuery::new(query, boost))));
            }
        }
        let collector = TopDocs::with_limit(limit.max(1)).order_by_score();
        let top = self
            .searcher
            .search(&BooleanQuery::new(clauses), &collector)?;
        let mut found: Vec<(u32, f32)> = top
            .into_iter()
            .filter_map(|(score, address)| {
                let column = self.numbers.get(address.segment_ord as usize)?;
                let number = column.first(address.doc_id)?;
                Some((u32::try_from(number).ok()?, score))
            })
            .collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        Ok(found)
    }
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
