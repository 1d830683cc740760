//! The BM25 index over passages, in memory.

use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};
use tantivy::schema::{
    Field, INDEXED, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{Index, IndexReader, TantivyDocument, Term, doc};

use super::tokenize::HanTokenizer;

/// Name under which the tokenizer is registered.
const TOKENIZER: &str = "han";
/// Memory for building, in bytes; the least that tantivy accepts.
const WRITER_BYTES: usize = 15_000_000;
/// How much a hit in the title counts against one in the text.
const TITLE_BOOST: f32 = 1.6;
/// How much a hit in the heading counts against one in the text.
const SECTION_BOOST: f32 = 0.6;

/// A searchable set of passages, numbered as they were added.
pub(crate) struct PassageIndex {
    reader: IndexReader,
    number: Field,
    title: Field,
    section: Field,
    text: Field,
}

/// The folded text of one passage.
pub(crate) struct Entry<'a> {
    pub(crate) title: &'a str,
    pub(crate) section: &'a str,
    pub(crate) text: &'a str,
}

impl PassageIndex {
    /// Builds the index; entry `n` is passage `n`.
    pub(crate) fn build<'a>(entries: impl Iterator<Item = Entry<'a>>) -> tantivy::Result<Self> {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(TOKENIZER)
            .set_index_option(IndexRecordOption::WithFreqs);
        let options = TextOptions::default().set_indexing_options(indexing);
        let mut schema = Schema::builder();
        let number = schema.add_u64_field("number", INDEXED | STORED);
        let title = schema.add_text_field("title", options.clone());
        let section = schema.add_text_field("section", options.clone());
        let text = schema.add_text_field("text", options);
        let index = Index::create_in_ram(schema.build());
        let analyzer = TextAnalyzer::from(HanTokenizer);
        index.tokenizers().register(TOKENIZER, analyzer);
        let mut writer = index.writer_with_num_threads(1, WRITER_BYTES)?;
        for (at, entry) in entries.enumerate() {
            writer.add_document(doc!(
                number => at as u64,
                title => entry.title,
                section => entry.section,
                text => entry.text,
            ))?;
        }
        writer.commit()?;
        Ok(Self {
            reader: index.reader()?,
            number,
            title,
            section,
            text,
        })
    }

    /// The best passages for a set of terms, best first, with their BM25 scores.
    pub(crate) fn top(&self, terms: &[String], limit: usize) -> tantivy::Result<Vec<(usize, f32)>> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::with_capacity(terms.len() * 3);
        for term in terms {
            let fields = [
                (self.title, TITLE_BOOST),
                (self.section, SECTION_BOOST),
                (self.text, 1.0),
            ];
            for (field, boost) in fields {
                let term = Term::from_field_text(field, term);
                let query = TermQuery::new(term, IndexRecordOption::WithFreqs);
                let query: Box<dyn Query> = Box::new(query);
                clauses.push((Occur::Should, Box::new(BoostQuery::new(query, boost))));
            }
        }
        let searcher = self.reader.searcher();
        let collector = TopDocs::with_limit(limit.max(1)).order_by_score();
        let top = searcher.search(&BooleanQuery::new(clauses), &collector)?;
        let mut found = Vec::with_capacity(top.len());
        for (score, address) in top {
            let stored: TantivyDocument = searcher.doc(address)?;
            if let Some(number) = stored.get_first(self.number).and_then(|v| v.as_u64()) {
                found.push((number as usize, score));
            }
        }
        Ok(found)
    }
}
