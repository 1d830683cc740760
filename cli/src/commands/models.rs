//! `zhisuan models`: the library, its catalogue, and what is served from it.

use super::Context;
use crate::args::{ModelsArgs, ModelsVerb};
use crate::client::Client;
use crate::config::As;
use crate::error::{Exit, Failure, Result};
use crate::manifest_file;
use crate::output::{Document, List};
use crate::views;
use crate::words::{nearest, say, tr};
use tonic::Code;
use zhisuan_proto::v1::{
    GetModelRequest, ListDeploymentsRequest, ListModelsRequest, ModelManifest, Page,
    RegisterModelRequest,
};

pub(super) async fn run(context: &Context, args: ModelsArgs) -> Result<Exit> {
    match args.verb.unwrap_or(ModelsVerb::List) {
        ModelsVerb::List => {
            let models = all(&context.client(As::Tenant)?).await?;
            list(context, "zhisuan.model-list/1", &models)
        }
        ModelsVerb::Catalogue => {
            // Models of the centre have no tenant: those are what the catalogue brought.
            let mut models = all(&context.client(As::Tenant)?).await?;
            models.retain(|model| model.tenant.is_empty());
            list(context, "zhisuan.model-list/1", &models)
        }
        ModelsVerb::Show(args) => {
            let model = get(&context.client(As::Tenant)?, &args.model).await?;
            one(context, &model)
        }
        ModelsVerb::Register(args) => {
            let model = manifest_file::read(&args.file)?;
            let request = RegisterModelRequest { model: Some(model) };
            let client = context.client(super::deploy::caller(args.centre))?;
            one(
                context,
                &client.models().register(request).await?.into_inner(),
            )
        }
        #[cfg(feature = "server")]
        ModelsVerb::Pull(args) => {
            let model = get(&context.client(As::Tenant)?, &args.model).await?;
            super::pull::run(context, model).await
        }
        ModelsVerb::Deployments => deployments(context).await,
    }
}

/// Every model that the caller may see.
pub(crate) async fn all(client: &Client) -> Result<Vec<ModelManifest>> {
    let mut models = Vec::new();
    let mut token = String::new();
    loop {
        let page = Some(Page { limit: 1000, token });
        let answer = client
            .models()
            .list(ListModelsRequest { page })
            .await?
            .into_inner();
        models.extend(answer.models);
        if answer.next_page_token.is_empty() {
            return Ok(models);
        }
        token = answer.next_page_token;
    }
}

/// A model by "name" or "name@version".
pub(crate) async fn get(client: &Client, typed: &str) -> Result<ModelManifest> {
    let (name, version) = match typed.split_once('@') {
        None => (typed, 0),
        Some((name, version)) => {
            let version = version.parse().map_err(|_| {
                Failure::usage(
                    "ZS-CLI-VALUE",
                    say!(
                        "模型版本 \"{}\" 不是整数",
                        "the version \"{}\" is not a number",
                        version
                    ),
                )
            })?;
            (name, version)
        }
    };
    let request = GetModelRequest {
        name: name.to_owned(),
        version,
    };
    match client.models().get(request).await {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) if status.code() == Code::NotFound => {
            let known = all(client).await.unwrap_or_default();
            let failure = Failure::from(status);
            Err(
                match nearest(name, known.iter().map(|model| model.name.as_str())) {
                    Some(name) => failure.hint(say!("是否想用 {}?", "did you mean {}?", name)),
                    None => failure.hint(tr("运行 zhisuan models 查看模型", "see zhisuan models")),
                },
            )
        }
        Err(status) => Err(status.into()),
    }
}

fn list(context: &Context, schema: &'static str, models: &[ModelManifest]) -> Result<Exit> {
    context.out.list(&List {
        schema,
        items: models.iter().map(views::model::json).collect(),
        total: models.len() as u64,
        next: String::new(),
        table: views::model::table(models),
        names: models.iter().map(|model| model.name.clone()).collect(),
        empty: tr("没有模型", "no models").to_owned(),
    })?;
    Ok(Exit::Done)
}

pub(super) fn one(context: &Context, model: &ModelManifest) -> Result<Exit> {
    context.out.document(Document {
        schema: "zhisuan.model/1",
        value: views::model::json(model),
        tables: views::model::tables(model),
        name: format!("{}@{}", model.name, model.version),
    })?;
    Ok(Exit::Done)
}

async fn deployments(context: &Context) -> Result<Exit> {
    let client = context.client(As::Tenant)?;
    let answer = client
        .models()
        .list_deployments(ListDeploymentsRequest {})
        .await?;
    let deployments = answer.into_inner().deployments;
    context.out.list(&List {
        schema: "zhisuan.deployment-list/1",
        items: deployments
            .iter()
            .map(views::model::deployment_json)
            .collect(),
        total: deployments.len() as u64,
        next: String::new(),
        table: views::model::deployments_table(&deployments),
        names: deployments
            .iter()
            .map(|deployment| deployment.name.clone())
            .collect(),
        empty: tr("没有部署", "no deployments").to_owned(),
    })?;
    Ok(Exit::Done)
}
