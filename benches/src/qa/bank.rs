//! Answers with a question bank and with vectors, and the scan of many vectors by itself. No model
//! runs: what is measured is what the product does with vectors, not what a model needs for them.

use super::askers::{ask_together, service};
use super::{MIB, NOW_MS, WARM_UP, asked, maker, resident_mib, timed};
use crate::args::Args;
use crate::report::Row;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Instant;
use zhisuan_apps::answer::Base;
use zhisuan_apps::kb::{Library, Published, QUESTION_BANK, Version};
use zhisuan_apps::retrieve::{DenseIndex, Embedder, ModelFault, Side};

/// Numbers of a vector, as small encoders give them.
const WIDTH: usize = 384;
/// Rows added to an index in one go.
const BATCH: usize = 1024;
/// Scans of each size.
const SCANS: usize = 30;
/// Nearest rows that are taken of a scan, as an answer takes them.
const NEAREST: usize = 50;

/// Ways to ask about a section of a text.
const WAYS: [&str; 6] = [
    "{text}里{section}是怎么定的",
    "想了解{text}的{section}，应该看哪一条",
    "{text}对{section}有没有说法",
    "我家属于{text}，{section}按什么来",
    "{section}这一块{text}是怎么讲的",
    "按{text}，{section}要注意什么",
];
/// Ways to ask what no generated text says.
const OTHER_WAYS: [&str; 6] = [
    "{text}能不能跟宠物寄养一起办，{section}怎么算",
    "{text}的{section}外国游客适用吗",
    "{text}可以用积分抵扣{section}吗",
    "在{text}里面{section}由哪位局长签字",
    "{text}的{section}明年会取消吗",
    "夜里十二点去办{text}，{section}还一样吗",
];
/// What people say before they ask.
const BEFORE: [&str; 5] = ["", "请问", "麻烦问下，", "你好，", "我想问问"];

/// What the rows are measured over.
pub(super) struct Sizes {
    /// Questions of the bank.
    bank: usize,
    vectors: usize,
}

impl Sizes {
    pub(super) fn of(args: &Args) -> Result<Self> {
        Ok(Self {
            bank: args.number("bank", 25_000)?,
            vectors: args.number("vectors", 1_000_000)?,
        })
    }
}

/// Vectors drawn from the text they stand for: the same for the same text, near to nothing else.
struct Drawn;

impl Embedder for Drawn {
    fn name(&self) -> String {
        format!("drawn-{WIDTH} (no model)")
    }

    fn embed(&self, texts: &[String], _side: Side) -> Result<Vec<Vec<f32>>, ModelFault> {
        let drawn = texts.iter().map(|text| {
            // Without a key of its own this hasher gives the same in every run.
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            vector(&mut hasher.finish())
        });
        Ok(drawn.collect())
    }
}

/// A vector of numbers between minus one and one (SplitMix64).
fn vector(state: &mut u64) -> Vec<f32> {
    let mut number = || {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as i32 as f32 / i32::MAX as f32
    };
    (0..WIDTH).map(|_| number()).collect()
}

/// Rows with a bank and vectors over what the library has published, those of the scans, and what
/// is to be known of them.
/// `questions` are those of the rows without; the first warm up.
pub(super) fn rows(
    library: &Library,
    (questions, fresh): (&[String], &[String]),
    askers: usize,
    sizes: &Sizes,
) -> Result<(Vec<Row>, String)> {
    let (published, brought) = bring_in(library, sizes.bank)?;
    let before = resident_mib()?;
    let begin = Instant::now();
    let base = Base::build(published, Some(Arc::new(Drawn)))?;
    let built = begin.elapsed().as_secs_f64();
    let memory = resident_mib()? - before;
    let (_, vectors) = base.index_bytes();
    for question in fresh.iter().take(WARM_UP) {
        base.answer(&asked(question));
    }
    let qa = service(base);
    let (together, outcomes) = ask_together(&qa, questions, askers)?;
    let base = qa.base();
    let alone = fresh.iter().skip(WARM_UP);
    let alone = alone.map(|question| timed(|| base.answer(&asked(question))));
    let mut rows = vec![
        Row::new(
            format!("answer with bank and drawn vectors, {askers} askers"),
            "ms",
            together,
        ),
        Row::new(
            "answer with bank and drawn vectors, one asker",
            "ms",
            alone.collect(),
        ),
        Row::new("bank brought in", "questions/s", vec![brought]),
        Row::new(
            "index with bank and drawn vectors built in",
            "s",
            vec![built],
        ),
        Row::new(
            "memory, index with bank and drawn vectors",
            "MiB",
            vec![memory],
        ),
        Row::new(
            "memory of the vectors, passages and bank",
            "MiB",
            vec![vectors as f64 / MIB],
        ),
    ];
    let note = format!(
        "the rows with a bank have one of {} generated questions, each with the first sentence of a passage, one in \
         three about what no text says, and vectors of {WIDTH} numbers drawn from the text by a hash: no model runs, \
         and what they find means nothing; outcomes with them: {outcomes:?}",
        base.published().bank.len()
    );
    drop((base, qa));
    rows.extend(scans(sizes)?);
    Ok((rows, note))
}

/// The time of one scan over many vectors and over a tenth as many, exact and by a sketch.
fn scans(sizes: &Sizes) -> Result<Vec<Row>> {
    let few = (sizes.vectors / 10).max(1);
    let mut index = DenseIndex::default();
    let mut state = 1;
    let mut rows = Vec::new();
    let mut count = 0;
    for size in [few, sizes.vectors] {
        while count < size {
            let more = BATCH.min(size - count);
            let batch: Vec<Vec<f32>> = (0..more).map(|_| vector(&mut state)).collect();
            index.extend(&batch)?;
            count += more;
        }
        let exact = format!("one exact scan, {size} vectors of {WIDTH}");
        rows.push(Row::new(exact, "ms", scanned(&index, &mut state)));
        let made = timed(|| index.settle()) / 1e3;
        let sketched = format!("one scan by a sketch, {size} vectors of {WIDTH}");
        rows.push(Row::new(sketched, "ms", scanned(&index, &mut state)));
        rows.push(Row::new(
            format!("sketch of {size} made in"),
            "s",
            vec![made],
        ));
    }
    Ok(rows)
}

/// How long it takes to find the nearest of an index, again and again.
fn scanned(index: &DenseIndex, state: &mut u64) -> Vec<f64> {
    let mut taken = Vec::new();
    for scan in 0..=SCANS {
        let query = vector(state);
        let ms = timed(|| index.cosines(&query).map(|found| found.top(NEAREST)));
        // The first one finds the memory cold.
        if scan > 0 {
            taken.push(ms);
        }
    }
    taken
}

/// Brings a bank in as a folder does, and answers what is published with it and how many questions
/// a second were taken.
fn bring_in(library: &Library, count: usize) -> Result<(Arc<Published>, f64)> {
    let published = library.published("qa").context("the base is not there")?;
    let folder = tempfile::tempdir()?;
    let (file, made) = bank(&published, count)?;
    std::fs::write(folder.path().join(QUESTION_BANK), file)?;
    let begin = Instant::now();
    let done = library.import_folder("qa", folder.path(), &maker(), NOW_MS)?;
    let brought = made as f64 / begin.elapsed().as_secs_f64();
    ensure!(
        done.questions == made,
        "{} of {made} generated questions were taken; the first left out: {:?}",
        done.questions,
        done.left_out.first()
    );
    let published = library.published("qa").context("the base is not there")?;
    Ok((published, brought))
}

/// The JSONL of a bank, and how many questions it has: fewer than `count` only where the passages
/// have been asked about in every way. Question after question goes to the next text, each time to
/// another of its passages, whose first sentence is the quote; one in three asks what no text says.
fn bank(published: &Published, count: usize) -> Result<(String, usize)> {
    let versions = &published.versions;
    let ways = WAYS.len() * BEFORE.len();
    let (mut file, mut made, mut round) = (String::new(), 0, 0);
    while made < count {
        let begun = made;
        for (at, version) in versions.iter().enumerate() {
            let passages = version.passages.len();
            if made == count || round >= passages * ways {
                continue;
            }
            let passage = (at + round) % passages;
            let unanswered = (at + round) % 3 == 2;
            let (quote, question) = one(version, passage, round / passages, unanswered)
                .with_context(|| format!("a passage without a sentence in {}", version.id))?;
            let line = json!({
                "document": version.id.document, "quote": quote,
                "questions": [question], "answers": !unanswered,
            });
            writeln!(file, "{line}")?;
            made += 1;
        }
        if made == begun {
            break;
        }
        round += 1;
    }
    Ok((file, made))
}

/// A quote and a way to ask about it.
fn one(version: &Version, at: usize, way: usize, unanswered: bool) -> Option<(&str, String)> {
    let passage = version.passages.get(at)?;
    let quote = version.text.get(passage.sentences.first()?.clone())?;
    let text = version.head.title.split("管理办法").next()?;
    // A passage's headings are those of its text and its section.
    let section = passage.path.last()?;
    let ways = if unanswered { OTHER_WAYS } else { WAYS };
    let asked = ways.get(way % ways.len())?;
    let before = BEFORE.get(way / ways.len() % BEFORE.len())?;
    let asked = asked.replace("{text}", text).replace("{section}", section);
    Some((quote.trim(), format!("{before}{asked}")))
}
