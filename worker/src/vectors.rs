//! Shorter vectors: the leading numbers of an embedding, as models of the Matryoshka kind are
//! trained for (Kusupati et al., arXiv:2205.13147). Pure.

use zhisuan_engine::EngineError;

/// How many numbers a vector shall have, of a model whose vectors have `width`; 0 asks for all.
pub(crate) fn width(asked: u32, width: usize) -> Result<usize, EngineError> {
    match asked as usize {
        0 => Ok(width),
        asked if asked <= width => Ok(asked),
        asked => Err(EngineError::InvalidRequest {
            field: "dimensions".to_owned(),
            detail: format!("值为 {asked}，该模型的向量有 {width} 维，应为 1 到 {width}"),
        }),
    }
}

/// The leading `width` numbers, scaled to length 1; a vector that is no longer stays as it is.
pub(crate) fn shorten(mut vector: Vec<f32>, width: usize) -> Vec<f32> {
    if vector.len() <= width {
        return vector;
    }
    vector.truncate(width);
    let squares: f64 = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    let length = squares.sqrt();
    if length > 0.0 {
        for x in &mut vector {
            *x = (f64::from(*x) / length) as f32;
        }
    }
    vector
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::{shorten, width};

    #[test]
    fn leading_numbers_have_length_one_again() {
        assert_eq!(shorten(vec![3.0, 4.0, 12.0], 2), [0.6, 0.8]);
        assert_eq!(
            shorten(vec![3.0, 4.0], 2),
            [3.0, 4.0],
            "whole: as the model gave it"
        );
        assert_eq!(shorten(vec![0.0, 0.0, 1.0], 2), [0.0, 0.0]);
    }

    #[test]
    fn more_than_the_model_has_is_refused_by_name() {
        assert_eq!(
            (width(0, 384).unwrap(), width(384, 384).unwrap()),
            (384, 384)
        );
        let refused = width(385, 384).unwrap_err().to_string();
        assert!(
            refused.contains("dimensions") && refused.contains("384"),
            "{refused}"
        );
    }
}
