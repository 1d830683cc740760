//! The Models service.

use super::deployment::Deployment;
use super::deployments::Deployments;
use super::error::ModelError;
use super::handle::Models;
use super::plan::{changed, plan};
use crate::access::{Caller, NowMs, Role, caller_of};
use crate::artifacts::Artifacts;
use crate::words::Problem;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use zhisuan_proto::v1;
use zhisuan_proto::v1::model_source::Source;
use zhisuan_proto::v1::models_server::Models as ModelsApi;

/// Implements the service on the library and the deployments.
pub(crate) struct ModelService {
    models: Models,
    deployments: Deployments,
    artifacts: Artifacts,
    now: NowMs,
    /// Ends the watches, so that the server can go down.
    drain: CancellationToken,
}

impl ModelService {
    pub(crate) fn new(
        models: Models,
        deployments: Deployments,
        artifacts: Artifacts,
        now: NowMs,
        drain: CancellationToken,
    ) -> Self {
        Self {
            models,
            deployments,
            artifacts,
            now,
            drain,
        }
    }

    /// Tenants cannot name files of the workers' machines, nor artifacts that they may not see.
    fn check_sources(&self, caller: &Caller, model: &v1::ModelManifest) -> Result<(), ModelError> {
        for (i, file) in model.files.iter().enumerate() {
            for (j, source) in file.sources.iter().enumerate() {
                let field = || format!("model.files[{i}].sources[{j}]");
                match &source.source {
                    Some(Source::LocalPath(path)) if caller.role != Role::Operator => {
                        let (zh, en) = (
                            "制品、仓库或 Python 包；本地路径仅限运营方",
                            "an artifact, a hub or a package; local paths are for operators",
                        );
                        return Err(ModelError::field(field(), path, zh, en));
                    }
                    Some(Source::ArtifactSha256(sha256)) => {
                        let seen = caller.role == Role::Operator
                            || self.artifacts.row(&caller.tenant, sha256).is_some();
                        if !seen || *sha256 != file.sha256 {
                            let (zh, en) = (
                                "自己的、与该文件摘要相同的制品",
                                "an artifact of your own with the digest of the file",
                            );
                            return Err(ModelError::field(field(), sha256, zh, en));
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// Whose records the caller sees; `None` is everybody's.
fn viewer(caller: &Caller) -> Option<&str> {
    (!caller.role.sees_all()).then_some(caller.tenant.as_str())
}

#[tonic::async_trait]
impl ModelsApi for ModelService {
    type WatchRoutesStream = BoxStream<'static, Result<v1::Routes, Status>>;

    async fn set_traffic(
        &self,
        request: Request<v1::SetTrafficRequest>,
    ) -> Result<Response<v1::Traffic>, Status> {
        let caller = caller_of(&request)?;
        let request = request.into_inner();
        let owner = viewer(&caller);
        let decided = self.deployments.set_traffic(request, owner).await?;
        let (model, revision) = (&decided.model, decided.revision);
        tracing::info!(model, revision, by = caller.key_id, "traffic set");
        Ok(Response::new(decided))
    }

    async fn list_traffic(
        &self,
        request: Request<v1::ListTrafficRequest>,
    ) -> Result<Response<v1::ListTrafficResponse>, Status> {
        let caller = caller_of(&request)?;
        let traffic = self.deployments.list_traffic(viewer(&caller));
        Ok(Response::new(v1::ListTrafficResponse { traffic }))
    }

    async fn add_backend(
        &self,
        request: Request<v1::AddBackendRequest>,
    ) -> Result<Response<v1::Backend>, Status> {
        let caller = caller_of(&request)?;
        let added = self.deployments.add_backend(request.into_inner()).await?;
        let (name, model) = (&added.name, &added.model);
        tracing::info!(name, model, by = caller.key_id, "back end added");
        Ok(Response::new(added))
    }

    async fn remove_backend(
        &self,
        request: Request<v1::RemoveBackendRequest>,
    ) -> Result<Response<v1::Backend>, Status> {
        let caller = caller_of(&request)?;
        let name = request.into_inner().name;
        let removed = self.deployments.remove_backend(&name).await?;
        tracing::info!(name, by = caller.key_id, "back end removed");
        Ok(Response::new(removed))
    }

    async fn list_backends(
        &self,
        _request: Request<v1::ListBackendsRequest>,
    ) -> Result<Response<v1::ListBackendsResponse>, Status> {
        let backends = self.deployments.list_backends();
        Ok(Response::new(v1::ListBackendsResponse { backends }))
    }

    async fn report_demand(
        &self,
        request: Request<v1::ReportDemandRequest>,
    ) -> Result<Response<v1::ReportDemandResponse>, Status> {
        self.deployments.report_demand(request.into_inner())?;
        Ok(Response::new(v1::ReportDemandResponse {}))
    }

    async fn register(
        &self,
        request: Request<v1::RegisterModelRequest>,
    ) -> Result<Response<v1::ModelManifest>, Status> {
        let caller = caller_of(&request)?;
        let model = request.into_inner().model.unwrap_or_default();
        self.check_sources(&caller, &model)?;
        let owner = match caller.role {
            Role::Operator => model.tenant.clone(),
            _ => caller.tenant.clone(),
        };
        // Lineage is what the scheduler saw itself, never what somebody claims.
        let model = v1::ModelManifest {
            lineage: None,
            ..model
        };
        let kept = self.models.register(model, &owner, (self.now)()).await?;
        Ok(Response::new(kept))
    }

    async fn list(
        &self,
        request: Request<v1::ListModelsRequest>,
    ) -> Result<Response<v1::ListModelsResponse>, Status> {
        let caller = caller_of(&request)?;
        let page = request.into_inner().page.unwrap_or_default();
        if page.limit > 1000 {
            return Err(Problem::field(
                "page.limit",
                page.limit,
                "1 到 1000，0 表示 50",
                "1 to 1000, or 0 for 50",
            )
            .status());
        }
        let limit = if page.limit == 0 {
            50
        } else {
            page.limit as usize
        };
        let after = |model: &v1::ModelManifest| page.token.is_empty() || model.name > page.token;
        let mut models = self.models.list(viewer(&caller));
        models.retain(after);
        let more = models.len() > limit;
        models.truncate(limit);
        let next_page_token = models
            .last()
            .filter(|_| more)
            .map(|model| model.name.clone())
            .unwrap_or_default();
        Ok(Response::new(v1::ListModelsResponse {
            models,
            next_page_token,
        }))
    }

    async fn get(
        &self,
        request: Request<v1::GetModelRequest>,
    ) -> Result<Response<v1::ModelManifest>, Status> {
        let caller = caller_of(&request)?;
        let wanted = request.into_inner();
        let found = self
            .models
            .get(&wanted.name, wanted.version, viewer(&caller))?;
        Ok(Response::new(found))
    }

    async fn deploy(
        &self,
        request: Request<v1::DeployRequest>,
    ) -> Result<Response<v1::Deployment>, Status> {
        let caller = caller_of(&request)?;
        let mut wanted = request.into_inner();
        if wanted.model.is_empty() {
            self.models
                .default_model()
                .unwrap_or_default()
                .clone_into(&mut wanted.model);
        }
        let now_ms = (self.now)();
        let planned = self
            .models
            .with(|registry| plan(wanted, &caller, registry, now_ms))?;
        let deployed = self.deployments.deploy(planned).await?;
        tracing::info!(deployment = deployed.name, by = caller.key_id, "deployed");
        Ok(Response::new(deployed))
    }

    async fn update_deployment(
        &self,
        request: Request<v1::UpdateDeploymentRequest>,
    ) -> Result<Response<v1::Deployment>, Status> {
        let caller = caller_of(&request)?;
        let wanted = request.into_inner();
        let name = wanted.name.clone();
        let change = |old: &Deployment| self.models.with(|registry| changed(old, wanted, registry));
        let changed = self.deployments.update(&name, viewer(&caller), change);
        let changed = changed.await?;
        tracing::info!(deployment = name, by = caller.key_id, "changed");
        Ok(Response::new(changed))
    }

    async fn undeploy(
        &self,
        request: Request<v1::UndeployRequest>,
    ) -> Result<Response<v1::Deployment>, Status> {
        let caller = caller_of(&request)?;
        let name = request.into_inner().name;
        let stopped = self.deployments.undeploy(&name, viewer(&caller)).await?;
        tracing::info!(deployment = name, by = caller.key_id, "undeployed");
        Ok(Response::new(stopped))
    }

    async fn list_deployments(
        &self,
        request: Request<v1::ListDeploymentsRequest>,
    ) -> Result<Response<v1::ListDeploymentsResponse>, Status> {
        let caller = caller_of(&request)?;
        let deployments = self.deployments.list(viewer(&caller));
        Ok(Response::new(v1::ListDeploymentsResponse { deployments }))
    }

    async fn watch_routes(
        &self,
        _request: Request<v1::WatchRoutesRequest>,
    ) -> Result<Response<Self::WatchRoutesStream>, Status> {
        let routes = WatchStream::new(self.deployments.routes())
            .map(|routes| Ok(v1::Routes::clone(&routes)))
            .take_until(self.drain.clone().cancelled_owned());
        Ok(Response::new(routes.boxed()))
    }
}
