//! The dense leg: one vector for every passage, eight bits a number.

use super::best;
use super::models::ModelFault;
use super::scan::{bar_of, mean_and_most, products};
use super::scores::Scores;
use super::sketch::Sketch;

/// From so many rows on a sketch says which of them are compared.
const ASKS: usize = 50_000;
/// About so many rows are compared then, at least, and as a share of all.
const COMPARED: usize = 2_000;
const COMPARED_SHARE: usize = 32;

/// Unit vectors with eight bits a number; row `n` belongs to passage `n`.
#[derive(Debug, Default)]
pub struct DenseIndex {
    width: usize,
    numbers: Vec<i8>,
    /// What a step of each row is worth.
    scales: Vec<f32>,
    /// Tells what is worth comparing, where comparing all takes too long.
    sketch: Option<Sketch>,
}

impl DenseIndex {
    /// Adds rows, which must be as wide as those before.
    pub fn extend(&mut self, rows: &[Vec<f32>]) -> Result<(), ModelFault> {
        self.sketch = None;
        for row in rows {
            if self.scales.is_empty() {
                self.width = row.len();
            }
            if row.len() != self.width || row.is_empty() {
                let (found, width) = (row.len(), self.width);
                return Err(ModelFault(format!(
                    "向量宽度是 {found}，应为 {width}，请检查嵌入模型"
                )));
            }
            let (numbers, scale) = quantized(row);
            self.numbers.extend(numbers);
            self.scales.push(scale);
        }
        Ok(())
    }

    /// To be called after the last row: makes a sketch where there are so many rows that comparing
    /// a question with each of them takes too long.
    pub fn settle(&mut self) {
        self.settle_at(ASKS);
    }

    fn settle_at(&mut self, least: usize) {
        if self.scales.len() >= least {
            let row = |at: usize| self.row(at).map_or_else(Vec::new, unit);
            self.sketch = Some(Sketch::of(self.scales.len(), row));
        }
    }

    fn row(&self, at: usize) -> Option<(&[i8], f32)> {
        let numbers = self.numbers.get(at * self.width..(at + 1) * self.width)?;
        Some((numbers, *self.scales.get(at)?))
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let sketch = self.sketch.as_ref().map_or(0, Sketch::bytes);
        self.numbers.len() + self.scales.len() * size_of::<f32>() + sketch
    }

    /// The cosine of every row with a vector; none for a vector of another width. With a sketch it
    /// is exact for the rows that look nearest, and about right for the others.
    pub fn cosines(&self, query: &[f32]) -> Option<Cosines> {
        if query.len() != self.width || self.width == 0 {
            return None;
        }
        let (query, scale) = quantized(query);
        let wide: Vec<i16> = query.iter().copied().map(i16::from).collect();
        let all = if let Some(sketch) = &self.sketch {
            let mut all = sketch.estimates(&unit((&query, scale)));
            let compared = (all.len() / COMPARED_SHARE).max(COMPARED);
            let bar = bar_of(&all, compared);
            let near = (0..all.len())
                .zip(&*all)
                .filter(|(_, about)| **about >= bar);
            let rows = near.filter_map(|(at, _)| Some((at, self.row(at)?)));
            let rows: Vec<(usize, (&[i8], f32))> = rows.collect();
            let numbers = rows.iter().map(|(_, (numbers, _))| *numbers);
            let products = products(numbers, &wide, |_, product| product as f32);
            for ((at, (_, step)), product) in rows.iter().zip(&*products) {
                if let Some(slot) = all.get_mut(*at) {
                    *slot = product * step * scale;
                }
            }
            all
        } else {
            let rows = self.numbers.chunks_exact(self.width);
            let step = |at: usize| self.scales.get(at).unwrap_or(&0.0);
            products(rows, &wide, |at, product| product as f32 * step(at) * scale)
        };
        let (mean, best) = mean_and_most(&all);
        Some(Cosines { all, mean, best })
    }
}

/// How near each row is to one vector.
#[derive(Debug, Default)]
pub struct Cosines {
    all: Scores,
    mean: f32,
    best: f32,
}

impl Cosines {
    /// The cosine of each row.
    pub fn all(&self) -> &[f32] {
        &self.all
    }

    /// The nearest rows, best first.
    pub fn top(&self, limit: usize) -> Vec<(u32, f32)> {
        best(&self.all, limit, |_| true)
    }

    /// How near a row is among all: one for the nearest, zero for the mean of all. Models of one
    /// kind press all cosines into a narrow band, each into another.
    pub fn nearness(&self, row: usize) -> f32 {
        let own = self.all.get(row).copied().unwrap_or(self.mean);
        (own - self.mean) / (self.best - self.mean).max(f32::EPSILON)
    }
}

/// The numbers of a vector of length one.
fn unit((numbers, step): (&[i8], f32)) -> Vec<f32> {
    numbers.iter().map(|x| f32::from(*x) * step).collect()
}

/// A vector of length one in steps of its largest number's 127th part.
fn quantized(vector: &[f32]) -> (Vec<i8>, f32) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    let largest = vector.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    if !(length.is_finite() && length > 0.0) {
        return (vec![0; vector.len()], 0.0);
    }
    let step = largest / 127.0;
    let numbers = vector.iter().map(|x| (x / step).round() as i8).collect();
    (numbers, step / length)
}

#[cfg(test)]
mod tests {
    use super::DenseIndex;

    #[test]
    fn the_nearest_rows_come_first() {
        let mut index = DenseIndex::default();
        let rows = [
            vec![1.0, 0.0, 0.1],
            vec![0.0, 2.0, 0.0],
            vec![0.7, 0.7, 0.0],
        ];
        assert_eq!(index.extend(&rows), Ok(()));
        let cosines = index.cosines(&[0.9, 0.1, 0.0]).unwrap_or_default();
        let top = cosines.top(2);
        assert_eq!(top.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 2]);
        assert!((top[0].1 - 0.984).abs() < 0.02, "{top:?}");
        assert!((cosines.nearness(0) - 1.0).abs() < 1e-6);
        assert!(cosines.nearness(1) < 0.0 && cosines.nearness(9) == 0.0);
    }

    #[test]
    fn a_sketch_finds_what_comparing_all_finds() {
        // Vectors that differ mostly along some directions, as those of texts do.
        let number = |row: usize, at: usize| ((row * 31 + at * 17) % 101) as f32 / 50.0 - 1.0;
        let vector = |row: usize| -> Vec<f32> {
            let ways = (0..96).map(|at| {
                let along = (0..24)
                    .map(|way| number(row * 7 + way * 13, way) * number(at * 3 + 1, way * 5 + 2));
                along.sum::<f32>() + 0.2 * number(row, at + 40)
            });
            ways.collect()
        };
        let rows: Vec<Vec<f32>> = (0..6_000).map(vector).collect();
        let (mut plain, mut sketched) = (DenseIndex::default(), DenseIndex::default());
        assert!(plain.extend(&rows).is_ok() && sketched.extend(&rows).is_ok());
        sketched.settle_at(6_000);
        plain.settle_at(6_001);
        assert!(plain.sketch.is_none() && sketched.bytes() > plain.bytes());
        let (mut found, mut wanted) = (0, 0);
        for row in (0..6_000).step_by(250) {
            let query: Vec<f32> = vector(row + 6_000);
            let exact = plain.cosines(&query).unwrap_or_default();
            let about = sketched.cosines(&query).unwrap_or_default();
            let (exact_top, top) = (exact.top(50), about.top(50));
            assert_eq!(exact_top.first(), top.first(), "{row}");
            found += exact_top.iter().filter(|one| top.contains(one)).count();
            wanted += exact_top.len();
            let last = exact.top(6_000).last().map_or(0, |(at, _)| *at as usize);
            assert!((exact.nearness(last) - about.nearness(last)).abs() < 0.25);
        }
        assert!(found * 100 >= wanted * 98, "{found} of {wanted}");
    }

    #[test]
    fn widths_must_agree_and_nothing_else_breaks() {
        let mut index = DenseIndex::default();
        assert!(index.cosines(&[1.0]).is_none());
        let odd = [vec![0.0, 0.0], vec![f32::NAN, 1.0]];
        assert_eq!(index.extend(&odd), Ok(()));
        assert!(index.extend(&[vec![1.0]]).is_err());
        let cosines = index.cosines(&[1.0, 0.0]).unwrap_or_default();
        assert_eq!(cosines.top(9).len(), 2);
    }
}
