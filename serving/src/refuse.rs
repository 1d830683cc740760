//! Refusals of the gateway's own making: limits, places, deadlines.

use crate::fair::{Full, Refused, Why};
use crate::limits::{Holder, Reached, Short, Unit};
use crate::openai::ApiError;
use axum::http::StatusCode;

impl ApiError {
    /// A limit per minute was reached; `asked` is what the request would have taken.
    pub(crate) fn rate_limited(reached: &Reached, asked: u64) -> Self {
        let (kind, unit, unit_zh) = match reached.unit {
            Unit::Requests => ("requests", "requests", "个请求"),
            Unit::Tokens => ("tokens", "tokens", "个词元"),
        };
        let (holder, holder_zh) = match reached.holder {
            Holder::Key => ("this key", "该密钥"),
            Holder::Tenant => ("the key's tenant", "该密钥所属租户"),
        };
        let limit = reached.standing.limit;
        let status = StatusCode::TOO_MANY_REQUESTS;
        let code = "rate_limit_exceeded";
        match reached.short {
            Short::Wait(ms) => {
                let seconds = ms.div_ceil(1_000).max(1);
                Self::new(
                    status,
                    kind,
                    code,
                    format!("Rate limit reached for {holder}: {limit} {unit} per minute, {} left, {asked} needed. Retry after {seconds} s.", reached.standing.remaining),
                    format!("已达到{holder_zh}的速率上限：每分钟 {limit} {unit_zh}，剩余 {}，本次需要 {asked}。请在 {seconds} 秒后重试。", reached.standing.remaining),
                )
                .retry_after(seconds)
            }
            Short::TooLarge => {
                let mut error = Self::new(
                    status,
                    kind,
                    code,
                    format!(
                        "Request too large for {holder}: about {asked} {unit} needed, the limit is {limit} per minute. Shorten the prompt or 'max_tokens', or ask for a higher limit."
                    ),
                    format!(
                        "请求超过{holder_zh}的上限：约需 {asked} {unit_zh}，每分钟上限为 {limit}。请缩短提示或减小 max_tokens，或申请提高上限。"
                    ),
                );
                error.should_retry = Some(false);
                error
            }
        }
    }

    /// Replicas were on their way, and none came.
    pub(crate) fn still_asleep(model: &str, waited_s: u64) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server_error",
            "model_not_ready",
            format!("The model '{model}' was asleep, and no replica of it was ready within {waited_s} s. It is being woken: retry after the time in 'retry-after'."),
            format!("模型“{model}”处于休眠，{waited_s} 秒内没有副本就绪。系统正在唤醒它，请按 retry-after 给出的时间重试。"),
        )
        .about("model")
        .retry_after(10)
    }

    /// Another server behind the model refused the request and said why.
    pub(crate) fn backend_refused(message: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            "invalid_value",
            format!("The server behind this model refused the request: {message}"),
            format!("该模型背后的服务拒绝了请求：{message}"),
        )
    }

    /// Log-probabilities would show tokens before they are screened.
    pub(crate) fn no_logprobs() -> Self {
        Self::field(
            "unsupported_parameter",
            "logprobs",
            "The content filter of your tenant screens answers, so 'logprobs' cannot be given: they would show what is masked. Leave it out.",
            "您所在租户启用了回答内容过滤，不能同时返回 logprobs（其中会出现被隐去的内容）。请去掉该参数。",
        )
    }

    /// The audit cannot be written, and the operator wants no request without it.
    pub(crate) fn audit_away() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server_error",
            "audit_unavailable",
            "The gateway cannot write its audit, and without it no request is served. Retry shortly; the operator sees the cause in the log.",
            "网关暂时无法写入审计记录，按规定停止受理请求。请稍后重试；原因见运营方日志。",
        )
        .retry_after(5)
    }

    /// No place at work, and none within the time that a request may wait.
    pub(crate) fn no_place(refused: &Refused) -> Self {
        let seconds = refused.retry_after_s;
        let (english, chinese) = match refused.why {
            Why::Full(Full::All(waiting)) => (
                format!("The gateway's queue is full: {waiting} requests wait."),
                format!("网关排队已满：有 {waiting} 个请求在等待。"),
            ),
            Why::Full(Full::Tenant(waiting)) => (
                format!("Your tenant's queue is full: {waiting} of its requests wait."),
                format!("您所在租户的排队已满：有 {waiting} 个请求在等待。"),
            ),
            Why::Deadline => (
                "The request waited as long as it may, and no place became free.".to_owned(),
                "请求已等待到最长时限，仍没有空位。".to_owned(),
            ),
        };
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_error",
            "overloaded",
            format!("{english} Retry after {seconds} s."),
            format!("{chinese}请在 {seconds} 秒后重试。"),
        )
        .retry_after(seconds)
    }
}
