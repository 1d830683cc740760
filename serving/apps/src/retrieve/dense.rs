//! The dense leg: one vector for every passage, eight bits a number, scanned exactly.

use super::models::ModelFault;

/// Unit vectors with eight bits a number; row `n` belongs to passage `n`.
#[derive(Debug, Default)]
pub struct DenseIndex {
    width: usize,
    numbers: Vec<i8>,
    /// What a step of each row is worth.
    scales: Vec<f32>,
}

impl DenseIndex {
    /// Adds rows, which must be as wide as those before.
    pub fn extend(&mut self, rows: &[Vec<f32>]) -> Result<(), ModelFault> {
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

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.numbers.len() + self.scales.len() * size_of::<f32>()
    }

    /// The cosine of every row with a vector; none for a vector of another width.
    pub fn cosines(&self, query: &[f32]) -> Option<Cosines> {
        if query.len() != self.width || self.width == 0 {
            return None;
        }
        let (query, scale) = quantized(query);
        let rows = self.numbers.chunks_exact(self.width).zip(&self.scales);
        let all: Vec<f32> = rows
            .map(|(row, step)| dot(row, &query) as f32 * step * scale)
            .collect();
        let mean = all.iter().sum::<f32>() / all.len().max(1) as f32;
        let best = all.iter().copied().fold(mean, f32::max);
        Some(Cosines { all, mean, best })
    }
}

/// How near each row is to one vector.
#[derive(Debug, Default)]
pub struct Cosines {
    all: Vec<f32>,
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
        let mut scored: Vec<(u32, f32)> = (0_u32..).zip(self.all.iter().copied()).collect();
        let order =
            |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0));
        if limit < scored.len() {
            scored.select_nth_unstable_by(limit, order);
            scored.truncate(limit);
        }
        scored.sort_unstable_by(order);
        scored
    }

    /// How near a row is among all: one for the nearest, zero for the mean of all. Models of one
    /// kind press all cosines into a narrow band, each into another.
    pub fn nearness(&self, row: usize) -> f32 {
        let own = self.all.get(row).copied().unwrap_or(self.mean);
        (own - self.mean) / (self.best - self.mean).max(f32::EPSILON)
    }
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

/// The inner product; written so that the compiler makes wide instructions of it.
fn dot(left: &[i8], right: &[i8]) -> i32 {
    let pairs = left.iter().zip(right);
    pairs
        .map(|(a, b)| i32::from(i16::from(*a)) * i32::from(*b))
        .sum()
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
