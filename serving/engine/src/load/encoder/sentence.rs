//! The files of sentence-transformers beside a model: pooling, length, prompts.

use super::spec::Pooling;
use crate::error::EngineError;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Descriptions are small; a tokenizer of 250,000 pieces takes 17 MB.
const MOST_BYTES: u64 = 256 << 20;
const MOST_PROMPTS: usize = 64;
const LONGEST_PROMPT: usize = 4096;

/// What those files say; without them what sentence-transformers assumes, and vectors of
/// length 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sentence {
    pub(crate) pooling: Pooling,
    pub(crate) normalise: bool,
    /// Longest text in tokens.
    pub(crate) longest: Option<usize>,
    pub(crate) prompts: BTreeMap<String, String>,
    /// Before texts for which nothing else is asked; mostly empty.
    pub(crate) default_prompt: String,
}

impl Sentence {
    /// Reads what is there.
    pub(crate) fn read(dir: &Path) -> Result<Self, EngineError> {
        let (mut pooling, mut normalise) = (Pooling::Mean, true);
        let mut pooling_file = "1_Pooling/config.json".to_owned();
        if let Some(modules) = read_optional(dir, "modules.json")? {
            let (folder, normalises) = modules_of(&modules)?;
            normalise = normalises;
            if let Some(folder) = folder {
                pooling_file = format!("{folder}/config.json");
            }
        }
        if let Some(config) = read_optional(dir, &pooling_file)? {
            pooling = pooling_of(&config)?;
        }
        let longest = read_optional(dir, "sentence_bert_config.json")?
            .and_then(|config| config.get("max_seq_length").and_then(Value::as_u64))
            .map(|longest| longest as usize);
        let (prompts, default_prompt) =
            match read_optional(dir, "config_sentence_transformers.json")? {
                Some(config) => prompts_of(&config)?,
                None => Default::default(),
            };
        Ok(Self {
            pooling,
            normalise,
            longest,
            prompts,
            default_prompt,
        })
    }
}

/// The pooling module's folder and whether vectors are scaled to length 1.
fn modules_of(modules: &Value) -> Result<(Option<String>, bool), EngineError> {
    let list = modules
        .as_array()
        .ok_or_else(|| EngineError::corrupt("modules.json", "不是列表"))?;
    let (mut folder, mut normalise) = (None, false);
    for module in list {
        let text = |key: &str| module.get(key).and_then(Value::as_str).unwrap_or_default();
        match text("type").rsplit('.').next().unwrap_or_default() {
            // The second makes scores of logits; see `load::judge`.
            "Transformer" | "LogitScore" => {}
            "Normalize" => normalise = true,
            "Pooling" => {
                let path = text("path");
                let plain = path
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
                if path.is_empty() || !plain {
                    return Err(EngineError::corrupt(
                        "modules.json path",
                        "应为字母、数字、'_'、'-'",
                    ));
                }
                folder = Some(path.to_owned());
            }
            other => {
                let other: String = other.chars().take(40).collect();
                return Err(EngineError::unsupported(format!("向量模型的模块“{other}”")));
            }
        }
    }
    Ok((folder, normalise))
}

fn pooling_of(config: &Value) -> Result<Pooling, EngineError> {
    let on: Vec<&str> = config
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, value)| key.starts_with("pooling_mode_") && **value == Value::Bool(true))
        .map(|(key, _)| key.as_str())
        .collect();
    match on.as_slice() {
        ["pooling_mode_cls_token"] => Ok(Pooling::Cls),
        ["pooling_mode_mean_tokens"] => Ok(Pooling::Mean),
        ["pooling_mode_lasttoken"] => Ok(Pooling::Last),
        other => Err(EngineError::unsupported(format!("池化方式 {other:?}"))),
    }
}

fn prompts_of(config: &Value) -> Result<(BTreeMap<String, String>, String), EngineError> {
    let mut prompts = BTreeMap::new();
    for (name, prompt) in config
        .get("prompts")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let prompt = prompt.as_str().unwrap_or_default();
        let long = name.len().max(prompt.len()) > LONGEST_PROMPT;
        if long || prompts.len() == MOST_PROMPTS {
            return Err(EngineError::corrupt(
                "config_sentence_transformers.json prompts",
                format!("最多 {MOST_PROMPTS} 条，每条最多 {LONGEST_PROMPT} 字节"),
            ));
        }
        prompts.insert(name.clone(), prompt.to_owned());
    }
    let default = config
        .get("default_prompt_name")
        .and_then(Value::as_str)
        .and_then(|name| prompts.get(name))
        .cloned()
        .unwrap_or_default();
    Ok((prompts, default))
}

/// Bytes of a file of bounded size; `None` when it is not there.
pub(crate) fn read_bytes(dir: &Path, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
    let path = dir.join(name);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(EngineError::io(&path, &e)),
    };
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| EngineError::io(&path, &e))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(EngineError::corrupt(
            name,
            format!("超过 {MOST_BYTES} 字节"),
        ));
    }
    Ok(Some(bytes))
}

/// A JSON file of bounded size; `None` when it is not there.
pub(crate) fn read_optional(dir: &Path, name: &str) -> Result<Option<Value>, EngineError> {
    let Some(bytes) = read_bytes(dir, name)? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|e| EngineError::corrupt(name, e.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::{Pooling, Sentence};
    use std::path::Path;

    fn write(dir: &Path, name: &str, text: &str) {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn files_say_pooling_length_and_prompts() {
        let dir = tempfile::tempdir().unwrap();
        let bare = Sentence::read(dir.path()).unwrap();
        assert_eq!((bare.pooling, bare.normalise), (Pooling::Mean, true));
        let modules = r#"[{"path":"","type":"sentence_transformers.models.Transformer"},
            {"path":"9_P","type":"sentence_transformers.models.Pooling"}]"#;
        write(dir.path(), "modules.json", modules);
        let cls = r#"{"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false}"#;
        write(dir.path(), "9_P/config.json", cls);
        write(
            dir.path(),
            "sentence_bert_config.json",
            r#"{"max_seq_length":128}"#,
        );
        let prompts = r#"{"prompts":{"query":"query: "},"default_prompt_name":"query"}"#;
        write(dir.path(), "config_sentence_transformers.json", prompts);
        let read = Sentence::read(dir.path()).unwrap();
        assert_eq!((read.pooling, read.normalise), (Pooling::Cls, false));
        assert_eq!(
            (read.longest, read.default_prompt.as_str()),
            (Some(128), "query: ")
        );
    }

    #[test]
    fn refuses_paths_modules_and_poolings_it_does_not_know() {
        let refused = [
            ("modules.json", r#"[{"path":"../x","type":"a.Pooling"}]"#),
            ("modules.json", r#"[{"path":"2_Dense","type":"a.Dense"}]"#),
            ("modules.json", "{}"),
            (
                "1_Pooling/config.json",
                r#"{"pooling_mode_max_tokens":true}"#,
            ),
            ("1_Pooling/config.json", "[1,"),
        ];
        for (name, text) in refused {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), name, text);
            assert!(Sentence::read(dir.path()).is_err(), "{name} {text}");
        }
    }
}
