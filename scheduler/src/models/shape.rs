//! What a model's description must look like before it is registered.

use super::error::ModelError;
use super::model::{File, Kind, Model, Source};
use crate::artifacts::is_digest;
use std::collections::BTreeSet;

const MAX_FILES: usize = 256;
const MAX_SOURCES: usize = 16;
const MAX_PARTS: usize = 1000;
const MAX_TEXT: usize = 4096;
const BASES: [&str; 7] = [
    "llama",
    "qwen2",
    "qwen3",
    "gemma3",
    "bert",
    "roberta",
    "xlm-roberta",
];
const ABILITIES: [&str; 4] = ["chat", "completions", "embeddings", "rerank"];

/// Refuses the first field that is not accepted; `path` is put before its name.
pub(crate) fn check(model: &Model, path: &str) -> Result<(), ModelError> {
    let at = |field: &str| format!("{path}.{field}");
    check_name(&model.name, at("name"))?;
    let architectures: &[&str] = match model.kind {
        Kind::Base => &BASES,
        Kind::Adapter => &["lora"],
    };
    if !architectures.contains(&model.architecture.as_str()) {
        let accepted = architectures.join(", ");
        return Err(ModelError::field(
            at("architecture"),
            &model.architecture,
            &accepted,
            &accepted,
        ));
    }
    for (field, text) in [
        ("licence", &model.licence),
        ("description", &model.description),
    ] {
        if text.len() > MAX_TEXT || text.chars().any(|c| c.is_control() && c != '\n') {
            let accepted = format!("at most {MAX_TEXT} bytes of text");
            return Err(ModelError::field(at(field), text, &accepted, &accepted));
        }
    }
    if model.languages.len() > 64
        || model
            .languages
            .iter()
            .any(|tag| tag.is_empty() || tag.len() > 35)
    {
        let languages = model.languages.join(",");
        let accepted = "at most 64 BCP 47 tags";
        return Err(ModelError::field(
            at("languages"),
            &languages,
            accepted,
            accepted,
        ));
    }
    check_abilities(model, at("abilities"))?;
    if model.files.is_empty() || model.files.len() > MAX_FILES {
        let accepted = format!("1 to {MAX_FILES} files");
        return Err(ModelError::field(
            at("files"),
            &model.files.len().to_string(),
            &accepted,
            &accepted,
        ));
    }
    let mut paths = BTreeSet::new();
    for (index, file) in model.files.iter().enumerate() {
        check_file(file, &at(&format!("files[{index}]")))?;
        let folder_of =
            |other: &&String| is_below(other, &file.path) || is_below(&file.path, other);
        let twice = paths.iter().any(folder_of) || !paths.insert(&file.path);
        if twice {
            let accepted = "every file once, and no file as a folder";
            return Err(ModelError::field(
                at(&format!("files[{index}].path")),
                &file.path,
                accepted,
                accepted,
            ));
        }
    }
    Ok(())
}

/// Whether `path` lies in the folder `folder`.
fn is_below(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder);
    rest.is_some_and(|rest| rest.starts_with('/'))
}

fn check_abilities(model: &Model, field: String) -> Result<(), ModelError> {
    let known = |ability: &&String| ABILITIES.contains(&ability.as_str());
    let several = model.abilities.len() > ABILITIES.len();
    if several || model.abilities.iter().any(|ability| !known(&ability)) {
        let accepted = ABILITIES.join(", ");
        let value = model.abilities.join(",");
        return Err(ModelError::field(field, &value, &accepted, &accepted));
    }
    Ok(())
}

/// Refuses a name that no model may have.
pub(crate) fn check_name(name: &str, field: impl Into<String>) -> Result<(), ModelError> {
    if is_name(name) {
        return Ok(());
    }
    let zh = "小写字母、数字、'.'、'-'、'_'，最多 96 个，不以 '.' 开头";
    let en = "at most 96 lower-case letters, digits, '.', '-', '_', not starting with '.'";
    Err(ModelError::field(field, name, zh, en))
}

/// Names are addresses for callers and folders on workers.
pub(crate) fn is_name(name: &str) -> bool {
    let plain =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
    !name.is_empty() && name.len() <= 96 && !name.starts_with('.') && name.bytes().all(plain)
}

fn check_file(file: &File, path: &str) -> Result<(), ModelError> {
    if !zhisuan_proto::is_model_path(&file.path) {
        let zh = "模型文件夹内的相对路径，最多 4 级，不含 '..'";
        let en = "a relative path of at most 4 names without '..'";
        return Err(ModelError::field(
            format!("{path}.path"),
            &file.path,
            zh,
            en,
        ));
    }
    if !is_digest(&file.sha256) {
        let zh = "64 个小写十六进制字符";
        let en = "64 lower-case hexadecimal characters";
        return Err(ModelError::field(
            format!("{path}.sha256"),
            &file.sha256,
            zh,
            en,
        ));
    }
    if file.bytes == 0 || file.bytes > (1 << 44) {
        let accepted = "1 to 17592186044416 (bytes)";
        return Err(ModelError::field(
            format!("{path}.bytes"),
            &file.bytes.to_string(),
            accepted,
            accepted,
        ));
    }
    if file.sources.is_empty() || file.sources.len() > MAX_SOURCES {
        let accepted = format!("1 to {MAX_SOURCES} sources");
        let value = file.sources.len().to_string();
        return Err(ModelError::field(
            format!("{path}.sources"),
            &value,
            &accepted,
            &accepted,
        ));
    }
    let mut sources = file.sources.iter().enumerate();
    match sources.find(|(_, source)| !complete(source)) {
        Some((index, source)) => {
            let zh = "完整的来源：路径、仓库与文件、包与版本，或制品摘要";
            let en = "a complete source: a path, a repository and file, packages and versions, or a digest";
            let value = format!("{source:?}");
            Err(ModelError::field(
                format!("{path}.sources[{index}]"),
                &value,
                zh,
                en,
            ))
        }
        None => Ok(()),
    }
}

fn complete(source: &Source) -> bool {
    let text = |text: &String| {
        !text.is_empty() && text.len() <= MAX_TEXT && !text.chars().any(char::is_control)
    };
    match source {
        Source::LocalPath(path) => text(path),
        Source::Hub(hub) => {
            matches!(hub.style.as_str(), "huggingface" | "modelscope")
                && text(&hub.repository)
                && text(&hub.revision)
                && text(&hub.file)
        }
        Source::PythonPackage(parts) => {
            (1..=MAX_PARTS).contains(&parts.len())
                && parts
                    .iter()
                    .all(|part| text(&part.package) && text(&part.version) && text(&part.member))
        }
        Source::ArtifactSha256(sha256) => is_digest(sha256),
    }
}
