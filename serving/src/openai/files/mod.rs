//! /v1/files: files are the scheduler's artifacts of the caller's tenant.
//!
//! An id is the digest of the content, so the same content is one file. The output of a batch has
//! two more ids: its good lines and its bad ones, as the official interface has them apart.

mod content;
mod delivery;
mod id;
mod spool;
mod tally;
mod upload;

use super::ApiError;
use super::batches;
use super::list::{Query, Raw, page};
use super::remote::{Remote, refused};
use crate::app::App;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query as UrlQuery, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::{Value, json};
use zhisuan_proto::v1::{
    Artifact, DeleteArtifactRequest, GetArtifactRequest, ListArtifactsRequest, Page,
};

pub(crate) use content::lines;
pub(crate) use delivery::read_line;
pub(crate) use id::{FileId, View};
pub(crate) use spool::Spool;
pub(crate) use tally::{Tallies, Tally};

/// Name of a batch's output, as workers give it.
pub(crate) const OUTPUT: &str = "output.jsonl";
/// Files that are looked through for one list.
const MAX_LISTED: usize = 10_000;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/files", post(create).get(list))
        .route("/v1/files/{id}", get(retrieve).delete(remove))
        .route("/v1/files/{id}/content", get(download))
}

async fn create(remote: Remote, request: Request) -> Result<Json<Value>, ApiError> {
    let kept = upload::take(&remote, request).await?;
    Ok(Json(card(&kept, View::Whole, kept.bytes)))
}

async fn list(
    remote: Remote,
    query: Result<UrlQuery<Raw>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let query = Query::of(query, (10_000, 10_000))?;
    let mut files = Vec::new();
    let mut token = String::new();
    loop {
        let ask = ListArtifactsRequest {
            page: Some(Page {
                limit: 1_000,
                token,
            }),
        };
        let answer = remote
            .wire
            .artifacts()
            .list(crate::scheduler::within(ask))
            .await;
        let answer = answer.map_err(|status| refused(&status, ""))?.into_inner();
        files.extend(answer.artifacts);
        token = answer.next_page_token;
        if token.is_empty() || files.len() >= MAX_LISTED {
            break;
        }
    }
    let cards = files.iter().map(|file| card(file, View::Whole, file.bytes));
    let purpose = query.purpose.clone();
    let cards = cards.filter(|card| {
        purpose
            .as_ref()
            .is_none_or(|purpose| card["purpose"] == json!(purpose))
    });
    Ok(Json(page(cards.collect(), &query)?))
}

async fn retrieve(
    remote: Remote,
    Extension(tallies): Extension<Tallies>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = FileId::parse(&id)?;
    let file = stat(&remote, &id).await?;
    if id.view != View::Whole {
        batches::maker(&remote, &file)
            .await?
            .ok_or_else(|| ApiError::absent(&id.to_string()))?;
    }
    let bytes = match id.view {
        View::Whole => file.bytes,
        View::Good => tallies.of(&remote, &id.sha256).await?.good_bytes,
        View::Bad => tallies.of(&remote, &id.sha256).await?.bad_bytes,
    };
    Ok(Json(card(&file, id.view, bytes)))
}

async fn download(
    State(app): State<App>,
    remote: Remote,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = FileId::parse(&id)?;
    let file = stat(&remote, &id).await?;
    let maker = batches::maker(&remote, &file).await?;
    content::download(&app, &remote, &id, &file, maker).await
}

async fn remove(remote: Remote, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let id = FileId::parse(&id)?;
    let shown = id.to_string();
    let ask = crate::scheduler::within(DeleteArtifactRequest { sha256: id.sha256 });
    let gone = remote.wire.artifacts().delete(ask).await;
    gone.map_err(|status| refused(&status, &shown))?;
    Ok(Json(
        json!({"id": shown, "object": "file", "deleted": true}),
    ))
}

/// The file behind an id, if the caller may see it.
pub(crate) async fn stat(remote: &Remote, id: &FileId) -> Result<Artifact, ApiError> {
    let ask = crate::scheduler::within(GetArtifactRequest {
        sha256: id.sha256.clone(),
        offset: 0,
    });
    let found = remote.wire.artifacts().stat(ask).await;
    let found = found.map_err(|status| refused(&status, &id.to_string()))?;
    Ok(found.into_inner())
}

fn card(file: &Artifact, view: View, bytes: u64) -> Value {
    let id = FileId {
        sha256: file.sha256.clone(),
        view,
    };
    let is_output = view != View::Whole || (file.name == OUTPUT && file.job_id != 0);
    json!({
        "id": id.to_string(),
        "object": "file",
        "bytes": bytes,
        "created_at": file.created_at_ms.div_euclid(1_000),
        "expires_at": null,
        "filename": file.name,
        "purpose": if is_output { "batch_output" } else { "batch" },
        "status": "processed",
        "status_details": null,
    })
}
