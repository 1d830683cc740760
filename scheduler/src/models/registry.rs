//! Versions of models, and the rules under which one is added. Pure.

use super::error::ModelError;
use super::model::{Kind, Model, Source};
use super::shape;
use std::collections::{BTreeMap, BTreeSet};

/// Every version of every model, by name and version.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    models: BTreeMap<String, BTreeMap<u32, Model>>,
}

impl Registry {
    /// The version to keep for `wanted`, or why it is refused. Owner and time are set already.
    pub(crate) fn admit(&self, mut wanted: Model) -> Result<Model, ModelError> {
        shape::check(&wanted, "model")?;
        self.check_base(&wanted)?;
        self.check_owner(&wanted.name, &wanted.tenant, "model.name")?;
        let versions = self.models.get(&wanted.name);
        let newest = versions
            .and_then(|versions| versions.keys().last().copied())
            .unwrap_or(0);
        let next = newest.saturating_add(1);
        if wanted.version == 0 {
            wanted.version = next;
        } else if wanted.version <= newest {
            return Err(ModelError::VersionExists {
                name: wanted.name,
                version: wanted.version,
            });
        } else if wanted.version != next {
            let accepted = format!("0 or {next}");
            return Err(ModelError::field(
                "model.version",
                &wanted.version.to_string(),
                &accepted,
                &accepted,
            ));
        }
        Ok(wanted)
    }

    /// Digests of the artifacts that versions of models are made of.
    pub(crate) fn artifacts(&self) -> BTreeSet<String> {
        let versions = self.models.values().flat_map(BTreeMap::values);
        let files = versions.flat_map(|model| &model.files);
        let sources = files.flat_map(|file| &file.sources);
        sources
            .filter_map(|source| match source {
                Source::ArtifactSha256(sha256) => Some(sha256.clone()),
                _ => None,
            })
            .collect()
    }

    /// Refuses a name that belongs to somebody else than `tenant` (empty: the centre).
    pub(crate) fn check_owner(
        &self,
        name: &str,
        tenant: &str,
        field: &'static str,
    ) -> Result<(), ModelError> {
        let foreign = |model: &Model| model.tenant != tenant;
        match self.models.get(name) {
            Some(versions) if versions.values().any(foreign) => Err(ModelError::NameTaken {
                name: name.to_owned(),
                field,
            }),
            _ => Ok(()),
        }
    }

    fn check_base(&self, wanted: &Model) -> Result<(), ModelError> {
        if wanted.kind == Kind::Base {
            if wanted.base_model.is_empty() {
                return Ok(());
            }
            let (zh, en) = ("基座模型不填", "empty for a base model");
            return Err(ModelError::field(
                "model.base_model",
                &wanted.base_model,
                zh,
                en,
            ));
        }
        let tenant = (!wanted.tenant.is_empty()).then_some(wanted.tenant.as_str());
        let visible = |model: &&Model| model.visible(tenant) && model.kind == Kind::Base;
        let bases: Vec<&Model> = self
            .models
            .get(&wanted.base_model)
            .map(|versions| versions.values().filter(visible).collect())
            .unwrap_or_default();
        if bases.is_empty() {
            return Err(self.unknown(&wanted.base_model, tenant));
        }
        let mut files = bases.iter().flat_map(|base| &base.files);
        if files.any(|file| file.sha256 == wanted.base_sha256) {
            return Ok(());
        }
        let zh = format!("{} 某个文件的 SHA-256", wanted.base_model);
        let en = format!("the SHA-256 of a file of {}", wanted.base_model);
        Err(ModelError::field(
            "model.base_sha256",
            &wanted.base_sha256,
            &zh,
            &en,
        ))
    }

    pub(crate) fn insert(&mut self, model: Model) {
        let versions = self.models.entry(model.name.clone()).or_default();
        versions.insert(model.version, model);
    }

    /// A version (0 means the newest) as callers of `tenant` may see it; `None` sees all.
    pub(crate) fn get(
        &self,
        name: &str,
        version: u32,
        tenant: Option<&str>,
    ) -> Result<&Model, ModelError> {
        let found = self.models.get(name).and_then(|versions| match version {
            0 => versions.values().next_back(),
            version => versions.get(&version),
        });
        found
            .filter(|model| model.visible(tenant))
            .ok_or_else(|| self.unknown(name, tenant))
    }

    /// The version that a job's attempt made, if it was registered before.
    pub(crate) fn made_by(&self, name: &str, job_id: u64, attempt: u32) -> Option<&Model> {
        self.models.get(name)?.values().find(|model| {
            let made = |lineage: &super::model::Lineage| {
                lineage.job_id == job_id && lineage.attempt == attempt
            };
            job_id != 0 && model.lineage.as_ref().is_some_and(made)
        })
    }

    /// The newest version of every visible model, by name.
    pub(crate) fn list(&self, tenant: Option<&str>) -> impl Iterator<Item = &Model> {
        self.models
            .values()
            .filter_map(|versions| versions.values().next_back())
            .filter(move |model| model.visible(tenant))
    }

    /// The models that `names` need, base before adapter, each once.
    pub(crate) fn resolve(
        &self,
        names: &[String],
        tenant: Option<&str>,
    ) -> Result<Vec<&Model>, ModelError> {
        let mut found: Vec<&Model> = Vec::new();
        for name in names {
            let model = self.get(name, 0, tenant)?;
            if model.kind == Kind::Adapter {
                let base = self.base_of(model, tenant)?;
                add(&mut found, base);
            }
            add(&mut found, model);
        }
        found.sort_by_key(|model| model.kind == Kind::Adapter);
        Ok(found)
    }

    /// The version of its base that an adapter was trained on.
    fn base_of(&self, adapter: &Model, tenant: Option<&str>) -> Result<&Model, ModelError> {
        let fits = |model: &&Model| {
            model.visible(tenant)
                && model
                    .files
                    .iter()
                    .any(|file| file.sha256 == adapter.base_sha256)
        };
        let versions = self.models.get(&adapter.base_model);
        versions
            .and_then(|versions| versions.values().rev().find(fits))
            .ok_or_else(|| self.unknown(&adapter.base_model, tenant))
    }

    pub(crate) fn unknown(&self, name: &str, tenant: Option<&str>) -> ModelError {
        let far = name.chars().count() / 2 + 1;
        let nearest = self
            .list(tenant)
            .map(|model| (distance(name, &model.name), &model.name))
            .filter(|(distance, known)| *distance <= far || known.starts_with(name))
            .min();
        ModelError::Unknown {
            name: name.chars().take(96).collect(),
            nearest: nearest.map(|(_, name)| name.clone()).unwrap_or_default(),
        }
    }
}

fn add<'a>(found: &mut Vec<&'a Model>, model: &'a Model) {
    if !found.iter().any(|known| known.name == model.name) {
        found.push(model);
    }
}

/// Edits between two names (Levenshtein, 1966); long input is cut, for it is a hint only.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) =
        (a.chars().take(96).collect(), b.chars().take(96).collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = i;
        let mut left = i + 1;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let next = (corner + usize::from(x != y)).min(left + 1).min(*cell + 1);
            corner = std::mem::replace(cell, next);
            left = next;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
