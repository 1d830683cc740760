//! A replica: loads a model, opens it to callers, changes its adapters when asked, and drains when
//! it is told to stop.

use super::engine::{self, Limits};
use super::{Context, ExecError, Finish, StopOrder, TaskEvent, prepare};
use crate::lease::Outcome;
use crate::served::Served;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use zhisuan_proto::v1::{ModelKind, ModelManifest, ServeWork, UpdateReplica};

/// Part of the grace that is kept for handing over what is not finished, and its bounds.
const HANDOVER_PART: u32 = 4;
const HANDOVER_LEAST: Duration = Duration::from_secs(1);
const HANDOVER_MOST: Duration = Duration::from_secs(3);

/// Serves until a stop.
pub(crate) async fn run(mut context: Context, work: ServeWork) -> Result<Finish, ExecError> {
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
    let names = names(&work, &loaded.base, &loaded.adapters);
    let replica = Replica {
        served: Arc::new(Served {
            token: context.assign.replica_token.clone(),
            deployment: work.deployment.clone(),
            job_id: context.assign.task.unwrap_or_default().job_id,
            engine: loaded.engine,
            names: RwLock::new(names),
            files: RwLock::new(files(&context.assign.models)),
            answers: TaskTracker::new(),
            epoch: context.assign.task.unwrap_or_default().epoch,
            born: std::time::Instant::now(),
            felt: Mutex::default(),
        }),
        base: loaded.base,
    };
    // Open first, then say so: a caller that hears of it must find it open.
    context.replicas.add(Arc::clone(&replica.served));
    context.events.send(TaskEvent::Started).await;
    replica.say_ready(&context).await;
    let order = replica.until_stopped(&mut context).await;
    replica.drain(&context, order).await;
    Ok(Finish::of(Outcome::Stopped))
}

/// Names for callers: what the work calls otherwise, and the rest as the library does.
fn names(work: &ServeWork, base: &str, adapters: &[String]) -> BTreeMap<String, Option<String>> {
    let public = |model: &str| {
        let other = work.served_as.get(model).cloned();
        other.unwrap_or_else(|| model.to_owned())
    };
    let adapters = adapters
        .iter()
        .map(|adapter| (public(adapter), Some(adapter.clone())));
    std::iter::once((public(base), None))
        .chain(adapters)
        .collect()
}

/// Which files each model was made from: the base (`None`), and adapters by name.
fn files(manifests: &[ModelManifest]) -> BTreeMap<Option<String>, String> {
    let digest = |manifest: &ModelManifest| {
        let mut hash = Sha256::new();
        for file in &manifest.files {
            hash.update(format!("{}\n{}\n", file.path, file.sha256));
        }
        hex::encode(hash.finalize())
    };
    let adapter = |manifest: &ModelManifest| manifest.kind == i32::from(ModelKind::Adapter);
    manifests
        .iter()
        .map(|one| (adapter(one).then(|| one.name.clone()), digest(one)))
        .collect()
}

struct Replica {
    served: Arc<Served>,
    /// Name of the base in the library.
    base: String,
}

impl Replica {
    async fn say_ready(&self, context: &Context) {
        let models: Vec<String> = {
            let names = self.served.names.read();
            let names = names.unwrap_or_else(PoisonError::into_inner);
            names.keys().cloned().collect()
        };
        let line = format!("提供模型 {}", models.join("、"));
        let info = self.served.engine.info();
        let abilities = info.abilities.iter().map(|one| one.name().to_owned());
        // How answers are to be read: the gateway looks for these words.
        let chat = self.served.engine.chat_abilities();
        let words = chat
            .map(zhisuan_engine::ChatAbilities::words)
            .unwrap_or_default();
        let ready = TaskEvent::Ready {
            models,
            context_length: u32::try_from(info.context_length).unwrap_or(u32::MAX),
            abilities: abilities.chain(words).collect(),
        };
        context.events.send(ready).await;
        context.log.line(&format!("[zhisuan] {line}"));
        context.events.progress(line);
    }

    /// Follows wishes until an order to stop.
    async fn until_stopped(&self, context: &mut Context) -> StopOrder {
        let mut stop = context.stop.clone();
        loop {
            tokio::select! {
                biased;
                order = stop.wait() => return order,
                changed = context.wishes.changed() => {
                    let wish = context.wishes.borrow_and_update().clone();
                    let (Ok(()), Some(wish)) = (changed, wish) else {
                        return stop.wait().await;
                    };
                    if let Err(error) = self.follow(context, wish).await {
                        // What was served before is served on; the scheduler tells it again.
                        let line = format!("[zhisuan] 更换适配器失败，{error}");
                        context.log.line(&line);
                    }
                    self.say_ready(context).await;
                }
            }
        }
    }

    /// Loads the adapters that are missing, calls everything by its name, then lets go of those
    /// that nobody calls any more: a request never meets a name whose adapter is gone.
    async fn follow(&self, context: &Context, wish: UpdateReplica) -> Result<(), ExecError> {
        let work = wish.serve.unwrap_or_default();
        if work.model != self.base {
            let text = format!("副本的基座是 {}，不能换成 {}", self.base, work.model);
            return Err(ExecError::new("ZS-REPLICA-MODEL", text));
        }
        let loaded: BTreeSet<String> = self.served.engine.adapters().into_iter().collect();
        let manifests = wish.models.iter();
        for manifest in manifests.filter(|model| model.kind == ModelKind::Adapter as i32) {
            if loaded.contains(&manifest.name) {
                continue;
            }
            let folder = prepare::fetch(context, manifest)
                .await?
                .folder(&context.folder)?;
            let (served, name) = (Arc::clone(&self.served), manifest.name.clone());
            let loading = context
                .blocking
                .spawn_blocking(move || served.engine.load_adapter(&name, &folder));
            let done = context.stop.unless_stopped(loading).await?;
            done.map_err(|error| ExecError::new("ZS-WORKER-PANIC", error.to_string()))??;
            self.served.know(files(std::slice::from_ref(manifest)));
        }
        let mut names_now = self
            .served
            .names
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *names_now = names(&work, &self.base, &work.adapters);
        drop(names_now);
        for gone in loaded.iter().filter(|name| !work.adapters.contains(name)) {
            self.served.engine.unload_adapter(gone);
        }
        Ok(())
    }

    async fn drain(self, context: &Context, order: StopOrder) {
        context.replicas.remove(&self.served);
        let grace = order.deadline.saturating_duration_since(Instant::now());
        let handover = (grace / HANDOVER_PART).min(HANDOVER_MOST);
        let drain = grace.saturating_sub(handover);
        context.log.line(&format!(
            "[zhisuan] 不再接受新请求，等待进行中的请求，最多 {} 秒；届时未完成的回答移交其他副本",
            drain.as_secs()
        ));
        let engine = self.served.engine.clone();
        let drained = context.blocking.spawn_blocking(move || {
            engine.shutdown(drain);
            engine.stats()
        });
        let drained = drained.await;
        // What was not finished has been told to its callers; they must also have heard it.
        self.served.answers.close();
        let heard = tokio::time::timeout(handover.max(HANDOVER_LEAST), self.served.answers.wait());
        if heard.await.is_err() {
            context
                .log
                .line("[zhisuan] 仍有调用方没有读完回答，不再等待");
        }
        if let Ok(stats) = drained {
            context.log.line(&format!(
                "[zhisuan] 共完成 {} 个请求，输入 {} 词元，输出 {} 词元",
                stats.finished, stats.tokens_in, stats.tokens_out
            ));
        }
    }
}
