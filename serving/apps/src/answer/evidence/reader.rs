//! Whether a sentence answers a question: a small network over what the words show, what the
//! question bank says and, where a model for vectors is served, what both mean.
//!
//! A retrieval score cannot tell a near miss from a hit, and words alone cannot tell
//! `执照弄没影了` from one. The weights were learned from questions whose answers are known, by
//! `examples/evaluation/train.py`: `reader.txt` belongs to one model for vectors, `words.txt` needs
//! none, only the bank.

use std::sync::LazyLock;

use super::gate::{SIGNALS, signals};
use super::grade::Grade;
use crate::answer::bank::{LIKES, Likes};

/// What the network gets beside vectors: signals of the words, the sentence's value, how far it
/// falls behind the best one, and what the bank says. The cosine of the vectors comes last.
pub(crate) const FEATURES: usize = SIGNALS + 2 + LIKES;
/// Whose vectors the weights were trained on.
const MODEL: &str = "multilingual-e5-small";

static BY_MEANING: LazyLock<Option<Reader>> =
    LazyLock::new(|| Reader::parse(include_str!("reader.txt")));
static BY_WORDS: LazyLock<Option<Reader>> =
    LazyLock::new(|| Reader::parse(include_str!("words.txt")));

/// The network: both vectors centred and projected; their product and distance with the features
/// into one hidden layer; log-odds.
#[derive(Debug)]
pub(crate) struct Reader {
    centre: Vec<f32>,
    /// One row for each number of the projected vector.
    projection: Vec<Vec<f32>>,
    /// Mean and spread of each feature, the cosine last.
    mean: Vec<f32>,
    spread: Vec<f32>,
    /// One row for each hidden unit, its bias last.
    hidden: Vec<Vec<f32>>,
    /// Weights of the hidden units, then of the features, then the bias.
    out: Vec<f32>,
    bar: f64,
}

/// A vector as the network sees it.
#[derive(Debug)]
pub(crate) struct Look {
    unit: Vec<f32>,
    projected: Vec<f32>,
}

/// The features of a sentence of some value, where the best one of all has another; pure.
pub(crate) fn features(grade: &Grade, (value, best): (f64, f64), likes: &Likes) -> [f64; FEATURES] {
    let mut all = [0.0; FEATURES];
    let words = signals(grade).into_iter().chain([value, value - best]);
    for (slot, number) in all.iter_mut().zip(words.chain(likes.numbers())) {
        *slot = number;
    }
    all
}

/// What is left of features where no vectors are to be had: the bank speaks by words alone.
pub(crate) fn by_words(mut features: [f64; FEATURES]) -> [f64; FEATURES] {
    let by_meaning = features.iter_mut().rev().take(LIKES / 2);
    by_meaning.for_each(|number| *number = 0.0);
    features
}

impl Reader {
    /// The reader for the vectors of a model; none where none was trained.
    pub(crate) fn of(model: &str) -> Option<&'static Self> {
        BY_MEANING.as_ref().filter(|_| model == MODEL)
    }

    /// The reader that needs no vectors.
    pub(crate) fn of_words() -> Option<&'static Self> {
        BY_WORDS.as_ref()
    }

    /// Reads weights: lines of numbers under lines that name them, each row of a matrix a scale and
    /// whole numbers; none where something is missing or of another size.
    fn parse(text: &str) -> Option<Self> {
        let reader = Self {
            centre: matrix(text, "centre")?.pop().unwrap_or_default(),
            projection: matrix(text, "projection")?,
            mean: matrix(text, "mean")?.pop()?,
            spread: matrix(text, "spread")?.pop()?,
            hidden: matrix(text, "hidden")?,
            out: matrix(text, "out")?.pop()?,
            bar: f64::from(*matrix(text, "bar")?.pop()?.first()?),
        };
        let seen = 2 * reader.projection.len() + FEATURES + 1;
        let fits = reader
            .projection
            .iter()
            .all(|row| row.len() == reader.centre.len())
            && reader.mean.len() == FEATURES + 1
            && reader.spread.len() == FEATURES + 1
            && reader.hidden.iter().all(|row| row.len() == seen + 1)
            && reader.out.len() == reader.hidden.len() + FEATURES + 2;
        fits.then_some(reader)
    }

    /// A vector centred, of length one, and projected.
    pub(crate) fn look(&self, vector: &[f32]) -> Look {
        let own = normal(vector.iter().copied());
        let unit = normal(own.iter().zip(&self.centre).map(|(own, mean)| own - mean));
        let projected = self.projection.iter().map(|row| dot(row, &unit)).collect();
        Look { unit, projected }
    }

    /// Log-odds that a sentence answers the question, above the bar; pure.
    pub(crate) fn margin(
        &self,
        question: &Look,
        sentence: &[f32],
        features: &[f64; FEATURES],
    ) -> f64 {
        let sentence = self.look(sentence);
        let cosine = dot(&question.unit, &sentence.unit);
        let features = features.iter().map(|number| *number as f32).chain([cosine]);
        let scaled: Vec<f32> = features
            .zip(self.mean.iter().zip(&self.spread))
            .map(|(number, (mean, spread))| (number - mean) / spread)
            .collect();
        let pairs = || question.projected.iter().zip(&sentence.projected);
        let seen: Vec<f32> = pairs()
            .map(|(q, s)| q * s)
            .chain(pairs().map(|(q, s)| (q - s).abs()))
            .chain(scaled.iter().copied())
            .chain([1.0])
            .collect();
        let units = self.hidden.iter().map(|row| gelu(dot(row, &seen)));
        let last: Vec<f32> = units.chain(scaled.iter().copied()).chain([1.0]).collect();
        f64::from(dot(&self.out, &last)) - self.bar
    }
}

/// The rows under a name.
fn matrix(text: &str, name: &str) -> Option<Vec<Vec<f32>>> {
    let mut lines = text.lines().skip_while(|line| *line != name);
    lines.next()?;
    let rows = lines.take_while(|line| line.starts_with(|c: char| c.is_ascii_digit() || c == '-'));
    rows.map(row).collect()
}

/// A scale, then whole numbers.
fn row(line: &str) -> Option<Vec<f32>> {
    let (scale, numbers) = line.split_once(' ')?;
    let scale: f32 = scale.parse().ok()?;
    let whole = |number: &str| number.parse::<i16>().ok();
    let numbers = numbers
        .split(' ')
        .map(|n| Some(scale * f32::from(whole(n)?)));
    numbers.collect()
}

fn normal(vector: impl Iterator<Item = f32> + Clone) -> Vec<f32> {
    let length = vector.clone().map(|x| x * x).sum::<f32>().sqrt();
    vector.map(|x| x / length.max(f32::MIN_POSITIVE)).collect()
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

/// GELU by its tanh form.
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + (0.797_884_6 * (x + 0.044_715 * x * x * x)).tanh())
}

#[cfg(test)]
mod tests {
    use super::{BY_MEANING, FEATURES, Reader, matrix};

    const WEIGHTS: &str = include_str!("reader.txt");

    #[test]
    fn the_weights_fit_their_model_and_no_other() {
        assert!(Reader::of("multilingual-e5-small").is_some() && Reader::of_words().is_some());
        assert!(Reader::of("bge-small-zh").is_none());
        assert!(Reader::parse(&WEIGHTS.replace("projection", "rejection")).is_none());
        let short = WEIGHTS.replacen(" 1 ", " ", 1);
        assert!(Reader::parse(&short).is_none(), "a row of another length");
        assert!(matrix(WEIGHTS, "mean").is_some_and(|rows| rows.len() == 1));
    }

    #[test]
    fn the_same_is_nearer_than_the_opposite_and_nothing_breaks() {
        let Some(reader) = BY_MEANING.as_ref() else {
            unreachable!("the weights are read above");
        };
        let vector: Vec<f32> = (0..384).map(|n| (n as f32 * 0.7).sin()).collect();
        let against: Vec<f32> = vector.iter().map(|x| -x).collect();
        let question = reader.look(&vector);
        let features = [0.0; FEATURES];
        let same = reader.margin(&question, &vector, &features);
        assert!(same.is_finite() && same > reader.margin(&question, &against, &features));
        // Vectors of another width or of nothing give some odds, never a fault.
        assert!(reader.margin(&question, &[], &features).is_finite());
        assert!(
            reader
                .margin(&reader.look(&[0.0; 3]), &vector, &features)
                .is_finite()
        );
    }
}
