//! Every refusal that is not about one field of a body: keys, money, load, models, the system.

use super::ApiError;
use axum::http::StatusCode;

const INVALID: &str = "invalid_request_error";
const SERVER: &str = "server_error";
const LOAD: &str = "rate_limit_error";

impl ApiError {
    pub(crate) fn missing_key() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            INVALID,
            "invalid_api_key",
            "You didn't provide an API key. Send it as 'Authorization: Bearer zs-...'.",
            "请求没有携带 API 密钥。请用请求头 Authorization: Bearer zs-... 携带密钥。",
        )
    }

    pub(crate) fn invalid_key(english: &str, chinese: &str) -> Self {
        let status = StatusCode::UNAUTHORIZED;
        Self::new(status, INVALID, "invalid_api_key", english, chinese)
    }

    pub(crate) fn wrong_role() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            INVALID,
            "insufficient_permissions",
            "This API key may not call models. Use a key with the role tenant, app or operator.",
            "该密钥无权调用模型。请使用角色为 tenant、app 或 operator 的密钥。",
        )
    }

    pub(crate) fn no_tenant() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            INVALID,
            "insufficient_permissions",
            "This API key belongs to no tenant that could pay for tokens. Use a key of a tenant.",
            "该密钥不属于任何租户，无法为词元计费。请使用某个租户的密钥。",
        )
    }

    pub(crate) fn model_not_found(model: &str) -> Self {
        let shown: String = model.chars().take(100).collect();
        Self::new(
            StatusCode::NOT_FOUND,
            INVALID,
            "model_not_found",
            format!("The model '{shown}' does not exist or you do not have access to it. GET /v1/models lists yours."),
            format!("模型“{shown}”不存在，或您无权使用。GET /v1/models 可列出可用的模型。"),
        )
        .about("model")
    }

    pub(crate) fn model_not_ready(model: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            SERVER,
            "model_not_ready",
            format!("The model '{model}' is not ready: no replica is running. Retry after the time in 'retry-after'."),
            format!("模型“{model}”尚未就绪：没有正在运行的副本。请按 retry-after 给出的时间重试。"),
        )
        .about("model")
        .retry_after(5)
    }

    pub(crate) fn insufficient_quota(detail_zh: &str) -> Self {
        let mut error = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "insufficient_quota",
            "insufficient_quota",
            "Your account's balance does not cover this request. Top up the account, or lower max_tokens.",
            if detail_zh.is_empty() {
                "账户余额不足以支付本次请求。请充值，或减小 max_tokens。".to_owned()
            } else {
                detail_zh.to_owned()
            },
        );
        // A retry cannot help until somebody pays; libraries retry a bare 429.
        error.should_retry = Some(false);
        error
    }

    pub(crate) fn overloaded(limit: usize, retry_after_s: u64) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            LOAD,
            "overloaded",
            format!("The gateway already serves {limit} requests, its limit. Retry after {retry_after_s} s."),
            format!("网关正在处理的请求已达上限（{limit} 个）。请在 {retry_after_s} 秒后重试。"),
        )
        .retry_after(retry_after_s)
    }

    pub(crate) fn replicas_full(model: &str, retry_after_s: u64) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            LOAD,
            "overloaded",
            format!("Every replica of '{model}' has a full queue. Retry after {retry_after_s} s."),
            format!("模型“{model}”的所有副本排队已满。请在 {retry_after_s} 秒后重试。"),
        )
        .retry_after(retry_after_s)
    }

    /// The engine waited as long as the request allowed, and its turn did not come.
    pub(crate) fn waited_too_long(retry_after_s: u64) -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            SERVER,
            "queue_timeout",
            format!("The request waited for its turn as long as it may, and nothing was computed. Retry after {retry_after_s} s."),
            format!("请求排队已到最长时限，尚未开始计算。请在 {retry_after_s} 秒后重试。"),
        )
        .retry_after(retry_after_s)
    }

    /// The model is of another kind than the request.
    pub(crate) fn incapable(chinese: &str) -> Self {
        Self::field(
            "operation_not_offered",
            "model",
            "The model does not offer this operation. GET /v1/models tells the abilities of each.",
            if chinese.is_empty() {
                "该模型不提供此项功能。各模型的能力见 GET /v1/models。"
            } else {
                chinese
            },
        )
    }

    pub(crate) fn context_exceeded(prompt_tokens: u64, context: u32) -> Self {
        let (counted, counted_zh) = if prompt_tokens == 0 {
            ("more".to_owned(), "超出上限".to_owned())
        } else {
            (
                format!("{prompt_tokens} tokens"),
                format!("{prompt_tokens} 个词元"),
            )
        };
        Self::field(
            "context_length_exceeded",
            "messages",
            format!(
                "This model's maximum context length is {context} tokens, and your prompt resulted in {counted}. Shorten the prompt; at least one token must remain for the answer."
            ),
            format!(
                "该模型的上下文上限为 {context} 个词元，您的提示为{counted_zh}。请缩短提示，至少为回答留 1 个词元。"
            ),
        )
    }

    pub(crate) fn scheduler_away() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            SERVER,
            "scheduler_unavailable",
            "The scheduler cannot be reached, so keys and balances cannot be checked. Retry shortly.",
            "暂时无法连接调度服务，不能核对密钥与余额。请稍后重试。",
        )
        .retry_after(2)
    }

    pub(crate) fn shutting_down() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            SERVER,
            "shutting_down",
            "The gateway is shutting down and ended this answer early. Retry the request.",
            "网关正在停机，本次回答提前结束。请重新发送请求。",
        )
        .retry_after(2)
    }

    /// The replica went away or broke its promise. What it said is logged, not shown.
    pub(crate) fn replica_lost() -> Self {
        Self::new(
            StatusCode::BAD_GATEWAY,
            SERVER,
            "replica_unavailable",
            "The replica that produced this answer was lost before it was finished. Retry the request.",
            "生成回答的副本中途失联，回答不完整。请重新发送请求。",
        )
        .retry_after(1)
    }

    pub(crate) fn generation_cancelled() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            SERVER,
            "generation_cancelled",
            "The replica stopped this answer before it was finished. Retry the request.",
            "副本在回答完成前停止了生成。请重新发送请求。",
        )
        .retry_after(1)
    }

    /// A failure that the replica names by a code.
    pub(crate) fn replica_failed(code: &str, chinese: &str) -> Self {
        let shown: String = code.chars().take(64).collect();
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            SERVER,
            "replica_error",
            format!(
                "The model failed to answer ({shown}). Retry; tell the operator the request id if it happens again."
            ),
            if chinese.is_empty() {
                format!("模型未能完成回答（{shown}）。请重试；若再次出现，请把请求编号告知运营方。")
            } else {
                chinese.to_owned()
            },
        )
    }

    /// The model refuses the request by a code; `field` may be empty.
    pub(crate) fn replica_refused(field: &str, code: &str, chinese: &str) -> Self {
        let place = if field.is_empty() {
            "this request"
        } else {
            field
        };
        let error = Self::new(
            StatusCode::BAD_REQUEST,
            INVALID,
            "invalid_value",
            format!(
                "The model cannot take '{place}' ({code}). Change the request; the Chinese message has the details."
            ),
            if chinese.is_empty() {
                format!("模型无法处理该请求（{code}）。请修改后重试。")
            } else {
                chinese.to_owned()
            },
        );
        if field.is_empty() {
            error
        } else {
            error.about(field)
        }
    }

    /// The scheduler refuses to book the request for a reason that is not the balance.
    pub(crate) fn not_booked(code: &str, chinese: &str) -> Self {
        let mut error = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            SERVER,
            "billing_refused",
            format!(
                "The scheduler refused to book this request ({code}). Ask the operator; a retry will not help."
            ),
            if chinese.is_empty() {
                format!("调度服务拒绝为本次请求记账（{code}）。请联系运营方；重试无效。")
            } else {
                chinese.to_owned()
            },
        );
        error.should_retry = Some(false);
        error
    }

    /// A fault of ours. The cause is in the log under the request id.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            SERVER,
            "internal_error",
            "The gateway failed. Retry; tell the operator the request id if it happens again.",
            "网关内部错误。请重试；若再次出现，请把请求编号告知运营方。",
        )
    }
}
