//! Between the wire and the kept form of models.

use super::model::{File, Hub, Kind, Lineage, Model, Part, Source};
use zhisuan_proto::v1;
use zhisuan_proto::v1::model_source::Source as WireSource;

pub(crate) fn to_proto(model: &Model) -> v1::ModelManifest {
    let kind = match model.kind {
        Kind::Base => v1::ModelKind::Base,
        Kind::Adapter => v1::ModelKind::Adapter,
    };
    v1::ModelManifest {
        name: model.name.clone(),
        version: model.version,
        kind: kind.into(),
        architecture: model.architecture.clone(),
        licence: model.licence.clone(),
        description: model.description.clone(),
        languages: model.languages.clone(),
        files: model.files.iter().map(file_to_proto).collect(),
        base_model: model.base_model.clone(),
        base_sha256: model.base_sha256.clone(),
        lineage: model.lineage.as_ref().map(|lineage| v1::Lineage {
            job_id: lineage.job_id,
            attempt: lineage.attempt,
            dataset_sha256: lineage.dataset_sha256.clone(),
            code_version: lineage.code_version.clone(),
        }),
        tenant: model.tenant.clone(),
        created_at_ms: model.created_at_ms,
        abilities: model.abilities.clone(),
    }
}

/// `None` when the kind is not one.
pub(crate) fn from_proto(wire: v1::ModelManifest) -> Option<Model> {
    let kind = match wire.kind() {
        v1::ModelKind::Base => Kind::Base,
        v1::ModelKind::Adapter => Kind::Adapter,
        v1::ModelKind::Unspecified => return None,
    };
    Some(Model {
        name: wire.name,
        version: wire.version,
        kind,
        architecture: wire.architecture,
        licence: wire.licence,
        description: wire.description,
        languages: wire.languages,
        files: wire.files.into_iter().map(file_from_proto).collect(),
        base_model: wire.base_model,
        base_sha256: wire.base_sha256,
        lineage: wire.lineage.map(|lineage| Lineage {
            job_id: lineage.job_id,
            attempt: lineage.attempt,
            dataset_sha256: lineage.dataset_sha256,
            code_version: lineage.code_version,
        }),
        tenant: wire.tenant,
        created_at_ms: wire.created_at_ms,
        abilities: wire.abilities,
    })
}

fn file_to_proto(file: &File) -> v1::ModelFile {
    v1::ModelFile {
        path: file.path.clone(),
        sha256: file.sha256.clone(),
        bytes: file.bytes,
        sources: file.sources.iter().map(source_to_proto).collect(),
    }
}

fn source_to_proto(source: &Source) -> v1::ModelSource {
    let source = match source {
        Source::LocalPath(path) => WireSource::LocalPath(path.clone()),
        Source::Hub(hub) => WireSource::Hub(v1::HubSource {
            style: hub.style.clone(),
            repository: hub.repository.clone(),
            revision: hub.revision.clone(),
            file: hub.file.clone(),
        }),
        Source::PythonPackage(parts) => {
            let part = |part: &Part| v1::PythonPackagePart {
                package: part.package.clone(),
                version: part.version.clone(),
                member: part.member.clone(),
            };
            WireSource::PythonPackage(v1::PythonPackageSource {
                parts: parts.iter().map(part).collect(),
            })
        }
        Source::ArtifactSha256(sha256) => WireSource::ArtifactSha256(sha256.clone()),
    };
    v1::ModelSource {
        source: Some(source),
    }
}

/// A source of a kind that this version does not know is left out: the others remain.
fn file_from_proto(wire: v1::ModelFile) -> File {
    let source = |wire: v1::ModelSource| {
        Some(match wire.source? {
            WireSource::LocalPath(path) => Source::LocalPath(path),
            WireSource::Hub(hub) => Source::Hub(Hub {
                style: hub.style,
                repository: hub.repository,
                revision: hub.revision,
                file: hub.file,
            }),
            WireSource::PythonPackage(package) => {
                let part = |part: v1::PythonPackagePart| Part {
                    package: part.package,
                    version: part.version,
                    member: part.member,
                };
                Source::PythonPackage(package.parts.into_iter().map(part).collect())
            }
            WireSource::ArtifactSha256(sha256) => Source::ArtifactSha256(sha256),
        })
    };
    File {
        path: wire.path,
        sha256: wire.sha256,
        bytes: wire.bytes,
        sources: wire.sources.into_iter().filter_map(source).collect(),
    }
}
