//! A sketch of many vectors: where each lies along the few directions in which they differ most
//! (principal components, Pearson 1901). It has a sixth of their bytes to scan; what looks near is
//! compared exactly afterwards.

use super::scan::products;
use super::scores::Scores;

/// Directions of a sketch.
const DIRECTIONS: usize = 64;
/// Vectors from which the directions are learned, at most.
const LEARNED_FROM: usize = 4096;
/// Turns of the orthogonal iteration: the directions only have to be good, not exact.
const TURNS: usize = 12;

/// The sketch of all rows of an index; made once, by rules alone.
#[derive(Debug)]
pub(super) struct Sketch {
    /// What all vectors have in common.
    mean: Vec<f32>,
    /// One row for each direction.
    directions: Vec<Vec<f32>>,
    /// What a step along each direction is worth.
    steps: Vec<f32>,
    /// Of each vector its place along every direction, in steps.
    places: Vec<i8>,
}

impl Sketch {
    /// The sketch of vectors of length one, all of one width; `vector` gives one by its row.
    pub(super) fn of(count: usize, vector: impl Fn(usize) -> Vec<f32>) -> Self {
        let every = count.div_ceil(LEARNED_FROM).max(1);
        let sample: Vec<Vec<f32>> = (0..count).step_by(every).map(&vector).collect();
        let mean = mean(&sample);
        let directions = directions(&spread(&sample, &mean));
        let place = |vector: &[f32]| -> Vec<f32> {
            let own: Vec<f32> = vector.iter().zip(&mean).map(|(x, mean)| x - mean).collect();
            directions.iter().map(|along| dot(along, &own)).collect()
        };
        let mut furthest = vec![0.0_f32; directions.len()];
        for vector in &sample {
            for (most, x) in furthest.iter_mut().zip(place(vector)) {
                *most = most.max(x.abs());
            }
        }
        // The sample may miss the furthest of all: those are clipped, and compared exactly anyway
        // when they look near.
        let steps: Vec<f32> = furthest.iter().map(|most| most.max(1e-6) / 127.0).collect();
        let mut places = Vec::with_capacity(count * directions.len());
        for row in 0..count {
            let steps = place(&vector(row)).into_iter().zip(&steps);
            places.extend(steps.map(|(x, step)| (x / step).round().clamp(-127.0, 127.0) as i8));
        }
        Self {
            mean,
            directions,
            steps,
            places,
        }
    }

    /// About the cosine of each row with a vector of length one.
    pub(super) fn estimates(&self, query: &[f32]) -> Scores {
        let along = self.directions.iter().zip(&self.steps);
        let along: Vec<f32> = along.map(|(way, step)| dot(way, query) * step).collect();
        let most = along
            .iter()
            .fold(f32::MIN_POSITIVE, |most, x| most.max(x.abs()));
        let step = most / f32::from(i16::MAX);
        let along: Vec<i16> = along.iter().map(|x| (x / step) as i16).collect();
        let common = dot(&self.mean, query);
        let rows = self.places.chunks_exact(along.len().max(1));
        products(rows, &along, |_, near| common + near as f32 * step)
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let directions = self.directions.iter().map(Vec::len).sum::<usize>();
        self.places.len() + (directions + self.mean.len() + self.steps.len()) * size_of::<f32>()
    }
}

fn mean(rows: &[Vec<f32>]) -> Vec<f32> {
    let mut mean = vec![0.0; rows.first().map_or(0, Vec::len)];
    for row in rows {
        for (sum, x) in mean.iter_mut().zip(row) {
            *sum += x / rows.len() as f32;
        }
    }
    mean
}

/// How the numbers of the rows vary together, about their mean.
fn spread(rows: &[Vec<f32>], mean: &[f32]) -> Vec<Vec<f32>> {
    let mut spread = vec![vec![0.0; mean.len()]; mean.len()];
    for row in rows {
        let own: Vec<f32> = row.iter().zip(mean).map(|(x, mean)| x - mean).collect();
        for (line, x) in spread.iter_mut().zip(&own) {
            for (sum, y) in line.iter_mut().zip(&own) {
                *sum += x * y;
            }
        }
    }
    spread
}

/// The directions in which a spread is widest, by orthogonal iteration from fixed beginnings.
fn directions(spread: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let width = spread.len();
    let mut state = 1_u32;
    let mut drawn = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from((state >> 16) as u16) / 32_768.0 - 1.0
    };
    let begin = (0..DIRECTIONS.min(width)).map(|_| (0..width).map(|_| drawn()).collect());
    let mut ways: Vec<Vec<f32>> = begin.collect();
    for _ in 0..TURNS {
        for way in &mut ways {
            *way = spread.iter().map(|line| dot(line, way)).collect();
        }
        straighten(&mut ways);
    }
    ways
}

/// Makes each direction one long and square to those before it (Gram and Schmidt); one that is
/// nothing beside them stays nothing.
fn straighten(ways: &mut [Vec<f32>]) {
    for at in 0..ways.len() {
        let (before, rest) = ways.split_at_mut(at);
        let Some(way) = rest.first_mut() else {
            continue;
        };
        for other in before.iter() {
            let shared = dot(way, other);
            for (x, y) in way.iter_mut().zip(other) {
                *x -= shared * y;
            }
        }
        let length = dot(way, way).sqrt();
        let factor = if length > 1e-12 { 1.0 / length } else { 0.0 };
        for x in way {
            *x *= factor;
        }
    }
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}
