//! The door in front of every gRPC method: finds the caller, asks the table, lets in or refuses.

use super::NowMs;
use super::error::Denied;
use super::handle::{Access, Caller};
use super::roles::{self, Who};
use crate::words::Problem;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tonic::Status;
use tonic::service::Routes;

#[derive(Clone)]
struct Door {
    access: Access,
    now: NowMs,
}

/// The same routes behind the door. Unknown methods are refused as well: deny by default.
pub(crate) fn protect(routes: Routes, access: Access, now: NowMs) -> Router {
    let door = Door { access, now };
    routes
        .into_axum_router()
        .layer(from_fn_with_state(door, guard))
}

/// The caller that the door found.
pub(crate) fn caller_of<T>(request: &tonic::Request<T>) -> Result<Caller, Status> {
    request
        .extensions()
        .get::<Caller>()
        .cloned()
        .ok_or_else(|| Denied::Missing.problem().status())
}

async fn guard(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    match admit(&door, &path, request.headers()) {
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
        Err(status) => status.into_http(),
    }
}

/// The caller, or `None` for a method that is open to everybody.
fn admit(door: &Door, path: &str, headers: &HeaderMap) -> Result<Option<Caller>, Status> {
    let rule = roles::rule(path);
    if rule == Some(Who::Anyone) {
        return Ok(None);
    }
    let caller = bearer(headers)
        .and_then(|secret| door.access.caller(secret, (door.now)()))
        .map_err(|denied| denied.problem().status())?;
    match rule {
        Some(Who::Roles(roles)) if roles.contains(&caller.role) => Ok(Some(caller)),
        Some(_) => {
            let denied = Denied::Role {
                role: caller.role,
                method: path.trim_start_matches('/').to_owned(),
            };
            tracing::info!(key = caller.key_id, path, "a call was refused: {denied}");
            Err(denied.problem().status())
        }
        None => Err(Problem::new(
            tonic::Code::Unimplemented,
            "ZS-METHOD-UNKNOWN",
            format!("没有这个方法：{path}"),
            format!("no such method: {path}"),
        )
        .hint("客户端与服务端版本可能不一致，请升级")
        .status()),
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Denied> {
    let value = headers.get(AUTHORIZATION).ok_or(Denied::Missing)?;
    let text = value.to_str().map_err(|_| Denied::Unknown)?;
    let (scheme, secret) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Denied::Missing);
    }
    Ok(secret.trim())
}
