//! `zhisuan backend`: other people's servers behind our keys, prices and meter.

use super::{Context, text_or_stdin};
use crate::args::{BackendAddArgs, BackendArgs, BackendVerb};
use crate::config::As;
use crate::error::{Exit, Result};
use crate::output::{Document, List};
use crate::views;
use crate::words::tr;
use zhisuan_proto::v1::{
    AddBackendRequest, Backend, ListBackendsRequest, Metering, RemoveBackendRequest,
};

pub(super) async fn run(context: &Context, args: BackendArgs) -> Result<Exit> {
    let client = context.client(As::Operator)?;
    match args.verb {
        BackendVerb::Add(args) => {
            let request = request(args)?;
            let added = client.models().add_backend(request).await?.into_inner();
            one(context, &added)
        }
        BackendVerb::Remove(args) => {
            let request = RemoveBackendRequest { name: args.name };
            let removed = client.models().remove_backend(request).await?.into_inner();
            one(context, &removed)
        }
        BackendVerb::List => {
            let answer = client
                .models()
                .list_backends(ListBackendsRequest {})
                .await?;
            let backends = answer.into_inner().backends;
            context.out.list(&List {
                schema: "zhisuan.backend-list/1",
                items: backends.iter().map(views::model::backend_json).collect(),
                total: backends.len() as u64,
                next: String::new(),
                table: views::model::backends_table(&backends),
                names: backends.iter().map(|one| one.name.clone()).collect(),
                empty: tr("没有外部后端", "no back ends").to_owned(),
            })?;
            Ok(Exit::Done)
        }
    }
}

fn request(args: BackendAddArgs) -> Result<AddBackendRequest> {
    let api_key = args.api_key.map(text_or_stdin).transpose()?;
    let metering = if args.free {
        Metering::Dedicated
    } else {
        Metering::Tokens
    };
    let backend = Backend {
        model: args.model.unwrap_or_else(|| args.name.clone()),
        name: args.name,
        url: args.url,
        remote_model: args.remote_model.unwrap_or_default(),
        tenant: args.tenant.unwrap_or_default(),
        context_length: args.max_context,
        metering: metering.into(),
        created_at_ms: 0,
    };
    Ok(AddBackendRequest {
        backend: Some(backend),
        api_key: api_key.unwrap_or_default(),
    })
}

fn one(context: &Context, backend: &Backend) -> Result<Exit> {
    context.out.document(Document {
        schema: "zhisuan.backend/1",
        value: views::model::backend_json(backend),
        tables: vec![views::model::backends_table(std::slice::from_ref(backend))],
        name: backend.name.clone(),
    })?;
    Ok(Exit::Done)
}
