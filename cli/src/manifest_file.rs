//! A model's manifest as a TOML file. What is not written of a local file (size, digest) is computed.

use crate::error::{Failure, Result};
use crate::words::say;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use zhisuan_proto::v1::model_source::Source;
use zhisuan_proto::v1::{
    HubSource, ModelFile, ModelKind, ModelManifest, ModelSource, PythonPackagePart,
    PythonPackageSource,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: String,
    #[serde(default)]
    version: u32,
    #[serde(default)]
    kind: Kind,
    architecture: String,
    licence: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    languages: Vec<String>,
    #[serde(default)]
    abilities: Vec<String>,
    #[serde(default)]
    base_model: String,
    #[serde(default)]
    base_sha256: String,
    files: Vec<File>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Base,
    Adapter,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    path: String,
    #[serde(default)]
    sha256: String,
    #[serde(default)]
    bytes: u64,
    sources: Vec<Origin>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Origin {
    LocalPath(String),
    ArtifactSha256(String),
    Hub {
        style: String,
        repository: String,
        #[serde(default)]
        revision: String,
        file: String,
    },
    PythonPackage {
        parts: Vec<Part>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    package: String,
    version: String,
    member: String,
}

/// Reads a manifest file.
pub(crate) fn read(path: &Path) -> Result<ModelManifest> {
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::usage(
            "ZS-MANIFEST-FILE",
            say!(
                "模型清单 {} 有误:{}",
                "the manifest {} is wrong: {}",
                path.display(),
                why
            ),
        )
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let manifest: Manifest = toml::from_str(&text).map_err(|error| wrong(&error))?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let files = manifest
        .files
        .into_iter()
        .map(|file| wire_file(folder, file))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(|error| wrong(&error))?;
    let kind = match manifest.kind {
        Kind::Base => ModelKind::Base,
        Kind::Adapter => ModelKind::Adapter,
    };
    Ok(ModelManifest {
        name: manifest.name,
        version: manifest.version,
        kind: kind.into(),
        architecture: manifest.architecture,
        licence: manifest.licence,
        description: manifest.description,
        languages: manifest.languages,
        abilities: manifest.abilities,
        files,
        base_model: manifest.base_model,
        base_sha256: manifest.base_sha256,
        ..ModelManifest::default()
    })
}

/// The wire form; local files are made absolute and, where not written, measured.
fn wire_file(folder: &Path, file: File) -> std::io::Result<ModelFile> {
    let mut wire = ModelFile {
        path: file.path,
        sha256: file.sha256,
        bytes: file.bytes,
        sources: Vec::new(),
    };
    for origin in file.sources {
        let source = match origin {
            Origin::LocalPath(written) => {
                let local = folder.join(written).canonicalize()?;
                if wire.sha256.is_empty() {
                    let mut reader = std::fs::File::open(&local)?;
                    let mut hasher = Sha256::new();
                    wire.bytes = std::io::copy(&mut reader, &mut hasher)?;
                    wire.sha256 = hex::encode(hasher.finalize());
                }
                Source::LocalPath(local.to_string_lossy().into_owned())
            }
            Origin::ArtifactSha256(digest) => Source::ArtifactSha256(digest),
            Origin::Hub {
                style,
                repository,
                revision,
                file,
            } => Source::Hub(HubSource {
                style,
                repository,
                revision,
                file,
            }),
            Origin::PythonPackage { parts } => Source::PythonPackage(PythonPackageSource {
                parts: parts.into_iter().map(wire_part).collect(),
            }),
        };
        wire.sources.push(ModelSource {
            source: Some(source),
        });
    }
    Ok(wire)
}

fn wire_part(part: Part) -> PythonPackagePart {
    PythonPackagePart {
        package: part.package,
        version: part.version,
        member: part.member,
    }
}
