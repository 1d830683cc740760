//! A replica: loads a model, opens it to callers, and drains when it is asked to stop.

use super::engine::{self, Limits};
use super::{Context, ExecError, Finish, TaskEvent};
use crate::lease::Outcome;
use crate::replica::Served;
use std::sync::Arc;
use tokio::time::Instant;
use zhisuan_proto::v1::ServeWork;

/// Serves until a stop.
pub(crate) async fn run(context: Context, work: ServeWork) -> Result<Finish, ExecError> {
    if context.assign.replica_token.is_empty() {
        return Err(ExecError::new(
            "ZS-SERVE-TOKEN",
            "指派没有给出副本令牌，拒绝对外提供无人可校验的模型",
        ));
    }
    let limits = Limits {
        batch: work.max_batch,
        waiting: work.max_waiting,
        context: work.max_context,
    };
    let loaded = engine::load(&context, limits).await?;
    let context_length = loaded.engine.info().context_length;
    let mut models = vec![loaded.base.clone()];
    models.extend(loaded.adapters.iter().cloned());
    let served = Arc::new(Served {
        token: context.assign.replica_token.clone(),
        engine: loaded.engine,
        base: loaded.base,
        adapters: loaded.adapters,
    });
    // Open first, then say so: a caller that hears of it must find it open.
    context.replicas.add(Arc::clone(&served));
    context.events.send(TaskEvent::Started).await;
    let ready = TaskEvent::Ready {
        models: models.clone(),
        context_length: u32::try_from(context_length).unwrap_or(u32::MAX),
    };
    context.events.send(ready).await;
    let line = format!("提供模型 {}", models.join("、"));
    context.log.line(&format!("[zhisuan] {line}"));
    context.events.progress(line);
    let order = context.stop.clone().wait().await;
    context.replicas.remove(&served);
    let drain = order.deadline.saturating_duration_since(Instant::now());
    context.log.line(&format!(
        "[zhisuan] 不再接受新请求，等待进行中的请求，最多 {} 秒",
        drain.as_secs()
    ));
    let drained = context.blocking.spawn_blocking(move || {
        served.engine.shutdown(drain);
        served.engine.stats()
    });
    if let Ok(stats) = drained.await {
        context.log.line(&format!(
            "[zhisuan] 共完成 {} 个请求，输入 {} 词元，输出 {} 词元",
            stats.finished, stats.tokens_in, stats.tokens_out
        ));
    }
    Ok(Finish::of(Outcome::Stopped))
}
