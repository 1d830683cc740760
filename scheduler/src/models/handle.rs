//! The model library: one handle, cheap to clone.

use super::catalogue::Catalogue;
use super::convert::{from_proto, to_proto};
use super::error::ModelError;
use super::model::Model;
use super::registry::Registry;
use super::shape;
use crate::access::CENTRE;
use crate::store::Records;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use tonic::Status;
use zhisuan_proto::v1;

const KIND: &str = "model";
/// Where a training job names the adapter that it makes.
const OUTPUT_FIELD: &str = "spec.train.output_model";

struct Inner {
    records: Arc<dyn Records>,
    registry: RwLock<Registry>,
    default_model: Option<String>,
}

/// Handle to the registered models.
#[derive(Clone)]
pub(crate) struct Models(Arc<Inner>);

impl Models {
    /// Loads the catalogue and what was registered. Blocks.
    pub(crate) fn open(
        records: Arc<dyn Records>,
        catalogue: &Catalogue,
    ) -> Result<Self, ModelError> {
        let mut registry = Registry::default();
        catalogue.models().for_each(|model| registry.insert(model));
        for (id, json) in records.all(KIND)? {
            let model: Model =
                serde_json::from_str(&json).map_err(|cause| ModelError::Damaged { id, cause })?;
            registry.insert(model);
        }
        Ok(Self(Arc::new(Inner {
            records,
            registry: RwLock::new(registry),
            default_model: catalogue.default_model().map(str::to_owned),
        })))
    }

    /// The model that is meant when nobody names one.
    pub(crate) fn default_model(&self) -> Option<&str> {
        self.0.default_model.as_deref()
    }

    /// Adds a version that `tenant` owns (empty: the centre). What an attempt of a job made is
    /// added once, however often its end is reported.
    pub(crate) async fn register(
        &self,
        manifest: v1::ModelManifest,
        tenant: &str,
        now_ms: i64,
    ) -> Result<v1::ModelManifest, ModelError> {
        let Some(mut wanted) = from_proto(manifest) else {
            let accepted = "MODEL_KIND_BASE, MODEL_KIND_ADAPTER";
            return Err(ModelError::field(
                "model.kind",
                "MODEL_KIND_UNSPECIFIED",
                accepted,
                accepted,
            ));
        };
        tenant.clone_into(&mut wanted.tenant);
        wanted.created_at_ms = now_ms;
        let this = self.clone();
        tokio::task::spawn_blocking(move || this.keep(wanted)).await?
    }

    /// Whether [`Models::register`] would take an adapter of this name from a job of `tenant`:
    /// asked before the job runs, so that hours of training are not refused at their end.
    pub(crate) fn check_output(&self, name: &str, tenant: &str) -> Result<(), ModelError> {
        shape::check_name(name, OUTPUT_FIELD)?;
        self.with(|registry| registry.check_owner(name, tenant, OUTPUT_FIELD))
    }

    fn keep(&self, wanted: Model) -> Result<v1::ModelManifest, ModelError> {
        // The lock is held over the write, so that no two models get one version.
        let mut registry = self
            .0
            .registry
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let made = wanted.lineage.clone().unwrap_or_default();
        if let Some(known) = registry.made_by(&wanted.name, made.job_id, made.attempt)
            && known.tenant == wanted.tenant
        {
            return Ok(to_proto(known));
        }
        let model = registry.admit(wanted)?;
        let id = format!("{}@{}", model.name, model.version);
        let json = serde_json::to_string(&model).map_err(|cause| ModelError::Damaged {
            id: id.clone(),
            cause,
        })?;
        self.0.records.put(KIND, &id, &json)?;
        let kept = to_proto(&model);
        registry.insert(model);
        Ok(kept)
    }

    /// A version (0 means the newest) as callers of `tenant` see it; `None` sees all.
    pub(crate) fn get(
        &self,
        name: &str,
        version: u32,
        tenant: Option<&str>,
    ) -> Result<v1::ModelManifest, ModelError> {
        self.with(|registry| registry.get(name, version, tenant).map(to_proto))
    }

    /// The newest version of every model that `tenant` sees, by name.
    pub(crate) fn list(&self, tenant: Option<&str>) -> Vec<v1::ModelManifest> {
        self.with(|registry| registry.list(tenant).map(to_proto).collect())
    }

    /// Digests of the artifacts that models are made of.
    pub(crate) fn artifacts(&self) -> BTreeSet<String> {
        self.with(Registry::artifacts)
    }

    /// Manifests of `names` and of the bases that they need, base before adapter. The centre,
    /// which serves for its tenants, sees all.
    pub(crate) fn resolve(
        &self,
        names: &[String],
        tenant: &str,
    ) -> Result<Vec<v1::ModelManifest>, Status> {
        self.with(|registry| {
            let found = registry.resolve(names, (tenant != CENTRE).then_some(tenant))?;
            Ok(found.into_iter().map(to_proto).collect())
        })
    }

    /// Reads the registry; `read` must not block.
    pub(super) fn with<T>(&self, read: impl FnOnce(&Registry) -> T) -> T {
        read(
            &self
                .0
                .registry
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}
