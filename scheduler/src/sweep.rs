//! Now and then, bytes of the artifact store that nobody can reach any more are removed. In doubt
//! nothing is.

use crate::access::NowMs;
use crate::actor::Core;
use crate::artifacts::{Artifacts, Swept};
use crate::error::{Error, internal};
use crate::models::Models;
use crate::store::{Reads, StoredJob};
use prost::Message as _;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use zhisuan_proto::v1::{self, job_spec::Work};

/// Between two sweeps, and before the first one.
const EVERY: Duration = Duration::from_hours(1);

/// What a sweep looks at.
pub(crate) struct Sweeper {
    pub(crate) core: Core,
    pub(crate) reads: Arc<dyn Reads>,
    pub(crate) models: Models,
    pub(crate) artifacts: Artifacts,
    pub(crate) now: NowMs,
}

impl Sweeper {
    /// Sweeps until `drain` is cancelled.
    pub(crate) async fn run(self, drain: CancellationToken) {
        while tokio::time::timeout(EVERY, drain.cancelled())
            .await
            .is_err()
        {
            match self.sweep().await {
                Ok(Swept { files: 0, .. }) => {}
                Ok(Swept { files, bytes }) => {
                    tracing::info!(files, bytes, "deleted files are removed from the store");
                }
                Err(error) => tracing::error!(%error, "the artifact store is not swept"),
            }
        }
    }

    async fn sweep(&self) -> Result<Swept, Error> {
        let live = self.core.ask(|state, _| {
            let jobs = state.jobs().values().filter(|job| !job.state.ended());
            jobs.map(|job| job.id.0).collect::<Vec<u64>>()
        });
        let live = live.await.map_err(internal)?;
        let (reads, models) = (self.reads.clone(), self.models.clone());
        let (artifacts, now_ms) = (self.artifacts.clone(), (self.now)());
        let swept = tokio::task::spawn_blocking(move || {
            let mut wanted = models.artifacts();
            for id in live {
                if let Some(job) = reads.job(id).map_err(internal)? {
                    wanted.extend(made_of(&job).map_err(internal)?);
                }
            }
            artifacts.sweep(&wanted, now_ms).map_err(internal)
        });
        swept.await.map_err(internal)?
    }
}

/// Digests of all that a job needs to run, or to run again. Pure.
fn made_of(job: &StoredJob) -> Result<BTreeSet<String>, prost::DecodeError> {
    let spec = v1::JobSpec::decode(job.spec.as_slice())?;
    let mut digests: BTreeSet<String> = job.outputs.values().cloned().collect();
    match spec.work {
        Some(Work::Train(train)) => digests.extend([train.dataset_sha256]),
        Some(Work::Batch(batch)) => digests.extend([batch.input_sha256, batch.source_sha256]),
        Some(Work::Command(command)) => digests.extend(command.inputs.into_values()),
        // Models are looked up where they are registered.
        Some(Work::Serve(_)) | None => {}
    }
    Ok(digests)
}
