//! What the deployments ask of the scheduler: jobs for replicas, orders to them, who may buy what.

use crate::actor::Failure;
use crate::api::{JobsService, failure, unavailable};
use crate::dispatch::wire_task;
use crate::models::ReplicaPort;
use crate::sessions::Sessions;
use crate::words;
use futures::future::{BoxFuture, FutureExt as _};
use tonic::Status;
use zhisuan_core::{Event, JobId, NodeName, Refusal, TaskRef, TenantName};
use zhisuan_proto::v1::{self, scheduler_message::Message as Order};

/// Jobs that keep replicas running.
pub(crate) struct Replicas {
    pub(crate) jobs: JobsService,
    pub(crate) sessions: Sessions,
}

/// Where a replica runs now, and who pays for it.
struct Place {
    task: TaskRef,
    node: NodeName,
    payer: TenantName,
}

impl Replicas {
    async fn place(&self, job_id: u64) -> Result<Option<Place>, Status> {
        let place = self.jobs.core.ask(move |state, _| {
            let job = state.jobs().get(&JobId(job_id))?;
            let attempt = job.current()?;
            let task = TaskRef {
                job: job.id,
                attempt: attempt.number,
                task: 0,
                epoch: attempt.epoch,
            };
            Some(Place {
                task,
                node: attempt.tasks.first()?.node.clone(),
                payer: job.tenant.clone(),
            })
        });
        place.await.map_err(|error| failure(&error))
    }

    async fn order(&self, job_id: u64, work: v1::ServeWork) -> Result<(), Status> {
        let Some(place) = self.place(job_id).await? else {
            return Ok(());
        };
        let names: Vec<String> = std::iter::once(&work.model)
            .chain(&work.adapters)
            .cloned()
            .collect();
        let models = self.jobs.models.resolve(&names, &place.payer.0)?;
        let order = v1::UpdateReplica {
            task: Some(wire_task(place.task)),
            serve: Some(work),
            models,
        };
        // Without a session nothing is lost: the replica is told again while it is behind.
        self.sessions
            .order(&place.node.0, Order::UpdateReplica(order));
        Ok(())
    }

    async fn sale(&self, model: String, tenant: String, priced: bool) -> Result<(), Status> {
        let verdict = self.jobs.core.ask(move |state, now| {
            let tenant = TenantName(tenant);
            if !tenant.0.is_empty() && !state.tenants().contains_key(&tenant) {
                return Err(Refusal::UnknownTenant(tenant));
            }
            if !priced {
                return Ok(());
            }
            let sku = format!("tokens-in:{model}");
            let Some(book) = state.ledger().book.in_force(now) else {
                return Err(Refusal::NoPrice(sku));
            };
            book.price(&sku)?;
            book.price(&format!("tokens-out:{model}")).map(|_| ())
        });
        let verdict = verdict.await.map_err(|error| failure(&error))?;
        verdict.map_err(|refusal| words::refusal(&refusal))
    }
}

impl ReplicaPort for Replicas {
    fn submit(&self, tenant: String, spec: v1::JobSpec) -> BoxFuture<'_, Result<u64, Status>> {
        async move {
            let accepted = self
                .jobs
                .accept(TenantName(tenant), vec![spec], String::new())
                .await?;
            accepted
                .job_ids
                .first()
                .copied()
                .ok_or_else(|| unavailable("a replica got no number"))
        }
        .boxed()
    }

    fn cancel(&self, job_id: u64) -> BoxFuture<'_, Result<(), Status>> {
        async move {
            match self
                .jobs
                .core
                .apply(Event::CancelRequested { job: JobId(job_id) })
                .await
            {
                Ok(_) | Err(Failure::Refused(Refusal::UnknownJob(_))) => Ok(()),
                Err(error) => Err(failure(&error)),
            }
        }
        .boxed()
    }

    fn tell(&self, job_id: u64, work: v1::ServeWork) -> BoxFuture<'_, Result<(), Status>> {
        self.order(job_id, work).boxed()
    }

    fn check_sale(
        &self,
        model: String,
        tenant: String,
        priced: bool,
    ) -> BoxFuture<'_, Result<(), Status>> {
        self.sale(model, tenant, priced).boxed()
    }
}
