//! The scheduler as a caller sees it: files and jobs, under the caller's own key and its rights.

use super::ApiError;
use super::trouble;
use crate::admit::Admitted;
use crate::app::App;
use crate::keys::secret;
use crate::scheduler::CallerWire;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use tonic::{Code, Status};

/// Who asks, and its clients.
pub(crate) struct Remote {
    /// Who it is, and its room at the gateway.
    pub(crate) admitted: Admitted,
    pub(crate) wire: CallerWire,
}

impl FromRequestParts<App> for Remote {
    type Rejection = ApiError;

    /// Checks key and limits as every other path does; the scheduler checks the key's rights.
    async fn from_request_parts(head: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let admitted = app.admit(head).await?;
        let wire = app.scheduler.of_caller(secret(&head.headers)?);
        let wire = wire.ok_or_else(ApiError::internal)?;
        Ok(Self { admitted, wire })
    }
}

/// What a refusal of the scheduler means; `id` names what was asked for.
pub(crate) fn refused(status: &Status, id: &str) -> ApiError {
    let detail = zhisuan_proto::detail_of(status).unwrap_or_default();
    let chinese = |fallback: String| match detail.message_zh.as_str() {
        "" => fallback,
        told => told.to_owned(),
    };
    let error = |code, kind, english: String, zh: String| {
        ApiError::new(code, "invalid_request_error", kind, english, chinese(zh))
    };
    let shown: String = id.chars().take(100).collect();
    let english = status.message();
    match status.code() {
        Code::NotFound => ApiError::absent(&shown),
        Code::PermissionDenied => error(
            StatusCode::FORBIDDEN,
            "insufficient_permissions",
            "This API key may not manage files and batches. Use a key with the role tenant or operator.".to_owned(),
            "该密钥无权管理文件与批处理。请使用角色为 tenant 或 operator 的密钥。".to_owned(),
        ),
        Code::FailedPrecondition if detail.code == "ZS-BALANCE" => trouble::of_authorize(status),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => error(
            StatusCode::BAD_REQUEST,
            "invalid_value",
            format!("The scheduler refused: {english}."),
            format!("调度服务拒绝：{english}。"),
        ),
        Code::ResourceExhausted => error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "file_too_large",
            format!("There is no room for the file: {english}."),
            format!("存不下该文件：{english}。"),
        ),
        _ => {
            tracing::error!(code = ?status.code(), message = english, "the scheduler did not answer a caller");
            ApiError::scheduler_away()
        }
    }
}

impl ApiError {
    /// No file or batch of this id, or none that the caller may see.
    pub(crate) fn absent(id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            "not_found",
            format!(
                "No such object: '{id}'. Check the id; ids of other tenants do not exist for you."
            ),
            format!("没有“{id}”。请核对编号；其他租户的编号对您不存在。"),
        )
        .about("id")
    }
}
