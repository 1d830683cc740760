//! Submission: names are looked up, specs normalised, the core decides.

use super::{JobsService, failure, normalise};
use crate::actor::Attached;
use crate::words;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use tonic::Status;
use zhisuan_core::{Effect, Event, Refusal, TenantName};
use zhisuan_proto::v1::{self, job_spec::Work};

impl JobsService {
    /// What the work names must exist before anything is accepted.
    pub(super) fn check_names(
        &self,
        tenant: &TenantName,
        spec: &v1::JobSpec,
    ) -> Result<(), Status> {
        match &spec.work {
            Some(Work::Train(train)) => {
                self.models
                    .resolve(std::slice::from_ref(&train.base_model), &tenant.0)?;
                self.models.check_output(&train.output_model, &tenant.0)?;
                self.check_artifact(tenant, &train.dataset_sha256)
            }
            Some(Work::Batch(batch)) => {
                self.models
                    .resolve(std::slice::from_ref(&batch.model), &tenant.0)?;
                self.check_artifact(tenant, &batch.input_sha256)
            }
            Some(Work::Command(command)) => command
                .inputs
                .values()
                .try_for_each(|digest| self.check_artifact(tenant, digest)),
            Some(Work::Serve(_)) => {
                let accepted = "train, batch or command; replicas are made by Models.Deploy";
                Err(words::refusal(&Refusal::invalid(
                    "spec.work",
                    "serve",
                    accepted,
                )))
            }
            None => Ok(()),
        }
    }

    fn check_artifact(&self, tenant: &TenantName, sha256: &str) -> Result<(), Status> {
        self.artifacts
            .stat(Some(&tenant.0), sha256)
            .map(drop)
            .map_err(Status::from)
    }

    /// Accepts specs whose names were checked; also used for replicas of deployments.
    pub(crate) async fn accept(
        &self,
        tenant: TenantName,
        specs: Vec<v1::JobSpec>,
        key: String,
    ) -> Result<v1::SubmitResponse, Status> {
        let mut jobs = Vec::with_capacity(specs.len());
        let mut kept = Vec::with_capacity(specs.len());
        let mut digest = Sha256::new();
        for (index, spec) in specs.into_iter().enumerate() {
            let normal = normalise(spec, &format!("specs[{index}]"));
            let (spec, core) = normal.map_err(|refusal| words::refusal(&refusal))?;
            // Maps have no order on the wire; the core's ordered view and the work decide.
            digest.update(format!("{core:?}{:?}", fingerprint(&spec)));
            kept.push(spec.encode_to_vec());
            jobs.push(core);
        }
        let fingerprint = hex::encode(digest.finalize());
        let event = Event::JobsSubmitted {
            tenant,
            jobs,
            key,
            fingerprint,
        };
        let effects = self.core.apply_with(event, Attached::Specs(kept)).await;
        match effects.map_err(|error| failure(&error))?.first() {
            Some(Effect::Submitted {
                jobs, held_micro, ..
            }) => Ok(v1::SubmitResponse {
                job_ids: jobs.iter().map(|id| id.0).collect(),
                held_micro: *held_micro,
            }),
            _ => Err(Status::internal("a submission was not answered")),
        }
    }
}

/// The work with its maps in order.
fn fingerprint(spec: &v1::JobSpec) -> String {
    match &spec.work {
        Some(Work::Command(command)) => {
            let env: BTreeMap<_, _> = command.env.iter().collect();
            let inputs: BTreeMap<_, _> = command.inputs.iter().collect();
            format!("{:?} {env:?} {inputs:?}", command.argv)
        }
        work => format!("{work:?}"),
    }
}
