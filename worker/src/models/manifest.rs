//! What a manifest must satisfy before anything is fetched for it.

use super::error::FetchError;
use crate::artifacts::is_digest;
use zhisuan_proto::v1::model_source::Source;
use zhisuan_proto::v1::{ModelManifest, ModelSource};

const MAX_FILES: usize = 256;

/// Checks names and digests, which become file names on this machine.
pub(crate) fn check(manifest: &ModelManifest) -> Result<(), FetchError> {
    let refuse = |field, value: &str, accepted| {
        Err(FetchError::Manifest {
            model: manifest.name.chars().take(96).collect(),
            field,
            value: value.chars().take(80).collect(),
            accepted,
        })
    };
    if !is_model_name(&manifest.name) {
        return refuse(
            "name",
            &manifest.name,
            "小写字母、数字、'.'、'-'、'_'，最多 96 个",
        );
    }
    if manifest.files.is_empty() || manifest.files.len() > MAX_FILES {
        let count = manifest.files.len().to_string();
        return refuse("files", &count, "1 到 256 个文件");
    }
    for file in &manifest.files {
        if !zhisuan_proto::is_model_path(&file.path) {
            let accepted = "模型文件夹内的相对路径，最多 4 级，不含 '..'";
            return refuse("files.path", &file.path, accepted);
        }
        if !is_digest(&file.sha256) {
            return refuse("files.sha256", &file.sha256, "64 个小写十六进制字符");
        }
    }
    Ok(())
}

fn is_model_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 96
        && !name.starts_with('.')
        && name.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_')
        })
}

/// A plain name: no separator, no parent, nothing hidden from people.
pub(crate) fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !matches!(name, "." | "..")
        && !name
            .chars()
            .any(|c| c == '/' || c == '\\' || c.is_control())
}

/// For people: where a file would come from.
pub(crate) fn describe(source: &ModelSource) -> String {
    match &source.source {
        Some(Source::LocalPath(path)) => format!("本地文件 {path}"),
        Some(Source::Hub(hub)) => format!("{} {}/{}", hub.style, hub.repository, hub.file),
        Some(Source::PythonPackage(package)) => match package.parts.as_slice() {
            [one] => format!("Python 包 {}=={}", one.package, one.version),
            parts => format!("{} 个 Python 包", parts.len()),
        },
        Some(Source::ArtifactSha256(sha256)) => format!("制品 {sha256}"),
        None => "空来源".into(),
    }
}
