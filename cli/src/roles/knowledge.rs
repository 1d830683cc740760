//! The knowledge service of one process: its library, its pages, and the model name `gov-qa`.

use super::door::SchedulerDoor;
use super::not_started;
use crate::args::QaModelArgs;
use crate::client::Client;
use crate::error::{Failure, Result};
use crate::words::{say, tr};
use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};
use zhisuan_apps::audit::Chain;
use zhisuan_apps::kb::{Audience, Library, LibraryError};
use zhisuan_apps::pages::{Bases, Desk, Site};
use zhisuan_apps::service::{Helper, ModelServer, Qa};
use zhisuan_apps::staff::Person;
use zhisuan_proto::v1::{AddBackendRequest, Backend, Metering, RemoveBackendRequest};

/// The base that citizens ask, and that answers where no other is named.
const BASE: &str = "gov";
/// The name under which the base is offered as a model.
const MODEL: &str = "gov-qa";
/// Longest question and answer together, as tokens of the gateway.
const CONTEXT: u32 = 8192;

/// Between looks for answers that were kept long enough.
const DAILY: Duration = Duration::from_hours(24);
const DAY_MS: i64 = 24 * 3600 * 1000;

/// What the service is told.
pub(crate) struct KnowledgeOptions<'a> {
    /// Folder that keeps the library and the log of answers.
    pub(crate) data: &'a Path,
    /// Texts to bring in.
    pub(crate) folder: Option<&'a Path>,
    /// Days for which answers are kept; 0 for ever.
    pub(crate) keep_days: u32,
    /// Where people reach the pages, if that is not the gateway's own address.
    pub(crate) public_url: Option<&'a str>,
    /// Knows the staff's keys.
    pub(crate) scheduler: &'a str,
    pub(crate) ca: Option<&'a str>,
}

/// The service.
pub(crate) struct Knowledge {
    library: Library,
    qa: Qa,
    site: Site,
    /// Every base of the library.
    bases: Bases,
    secret: String,
    /// Brought in as soon as pages are reached.
    folder: Option<PathBuf>,
    keep_days: u32,
    following: Option<JoinHandle<()>>,
    /// Reads the folder, and later forgets old answers.
    keeping: Option<JoinHandle<()>>,
}

impl Knowledge {
    /// Opens the library below a data folder. Texts are read when [`Knowledge::follow`] says that
    /// somebody listens; until then and meanwhile the service says so.
    pub(crate) async fn open(options: KnowledgeOptions<'_>) -> Result<Self> {
        let data = options.data.to_owned();
        let opened = spawn_blocking(move || library(&data)).await;
        let (library, qa) = opened.map_err(|error| broken(&error))??;
        let secret = secret()?;
        let door = SchedulerDoor::new(options.scheduler, options.ca);
        let desk = Desk::new(library.clone(), BASE, Arc::new(door));
        let site = Site::new(qa.clone()).behind_gateway(&secret);
        if let Some(url) = options.public_url {
            site.published_at(url);
        }
        let bases = Bases::new(site.clone(), desk);
        Ok(Self {
            library,
            qa,
            site,
            bases,
            secret,
            folder: options.folder.map(Path::to_owned),
            keep_days: options.keep_days,
            following: None,
            keeping: None,
        })
    }

    /// The pages with their style sheet; the root leads to them.
    pub(crate) fn router(&self) -> Router {
        let home = get(|| async { Redirect::temporary("/qa") });
        self.bases
            .router()
            .merge(zhisuan_web::assets::router())
            .route("/", home)
    }

    /// Follows what is published. With a tenant's key, the gateway's models help as soon as they
    /// are served.
    pub(crate) fn follow(
        &mut self,
        gateway: &str,
        models: Option<(&str, &QaModelArgs)>,
    ) -> Result<()> {
        self.site.published_at(gateway);
        let helper = models
            .map(|(key, models)| {
                let server = ModelServer::new(&format!("{gateway}/v1"), key)?;
                // `gov-qa` would be asked to reword its own answers.
                let writer = models.writer.clone();
                Ok(Helper {
                    server,
                    embedder: models.embedder.clone(),
                    reranker: models.reranker.clone(),
                    writer: writer.filter(|name| name != "off" && name != MODEL),
                    every: Helper::EVERY,
                })
            })
            .transpose()
            .map_err(|error: reqwest::Error| broken(&error))?;
        let (bases, helped) = (self.bases.clone(), helper.clone());
        tokio::spawn(async move { bases.helped_by(helped).await });
        let following = self.qa.follow(&self.library, BASE, helper);
        if let Some(earlier) = self.following.replace(following) {
            earlier.abort();
        }
        if self.keeping.is_none() {
            let kept = keep(
                self.library.clone(),
                self.qa.clone(),
                self.bases.clone(),
                self.folder.take(),
                self.keep_days,
            );
            self.keeping = Some(tokio::spawn(kept));
        }
        Ok(())
    }

    /// Offers the base as a model: a gateway treats it like any other, with keys, limits and audit.
    /// The address and the secret are this process's, so an earlier offer is taken back.
    pub(crate) async fn offer(&self, operator: &Client, gateway: &str) -> Result<()> {
        let earlier = RemoveBackendRequest {
            name: MODEL.to_owned(),
        };
        match operator.models().remove_backend(earlier).await {
            Ok(_) => {}
            Err(status) if status.code() == tonic::Code::NotFound => {}
            Err(status) => return Err(status.into()),
        }
        // As a model the base would be there for everybody with a key of the gateway.
        if !self.library.admits(BASE, None) {
            tracing::warn!("the base is not public: it is not offered as a model");
            return Ok(());
        }
        let backend = Backend {
            name: MODEL.to_owned(),
            model: MODEL.to_owned(),
            url: format!("{gateway}/qa/v1"),
            remote_model: MODEL.to_owned(),
            context_length: CONTEXT,
            // A public service: its tokens are counted at no price.
            metering: Metering::Dedicated.into(),
            ..Backend::default()
        };
        let request = AddBackendRequest {
            backend: Some(backend),
            api_key: self.secret.clone(),
        };
        operator.models().add_backend(request).await?;
        Ok(())
    }
}

impl Drop for Knowledge {
    fn drop(&mut self) {
        for task in self.following.iter().chain(&self.keeping) {
            task.abort();
        }
    }
}

/// Brings a folder in: clean texts are published, suspicious ones wait for a person. Then forgets
/// answers that were kept long enough, once a day.
async fn keep(library: Library, qa: Qa, bases: Bases, folder: Option<PathBuf>, keep_days: u32) {
    if let Some(folder) = folder {
        let into = library.clone();
        let read = spawn_blocking(move || import(&into, &folder)).await;
        match read.map_err(|error| broken(&error)) {
            Ok(Ok(())) => {}
            Ok(Err(failure)) | Err(failure) => {
                tracing::error!(%failure, "the folder was not brought in; the base stays as it was");
            }
        }
    }
    qa.caught_up(&library, BASE).await;
    qa.reading(false);
    bases.open_all().await;
    if keep_days == 0 {
        return;
    }
    loop {
        let now_ms = Timestamp::now().as_millisecond();
        let before_ms = now_ms - i64::from(keep_days) * DAY_MS;
        for base in library.bases() {
            let into = library.clone();
            let dropped = move || into.drop_answers(&base.name, before_ms, now_ms);
            match spawn_blocking(dropped).await {
                Ok(Ok(0)) => {}
                Ok(Ok(dropped)) => tracing::info!(dropped, keep_days, "old answers were forgotten"),
                Ok(Err(error)) => tracing::error!(%error, "old answers are not forgotten yet"),
                Err(error) => tracing::error!(%error, "old answers are not forgotten yet"),
            }
        }
        tokio::time::sleep(DAILY).await;
    }
}

fn library(data: &Path) -> Result<(Library, Qa)> {
    std::fs::create_dir_all(data)?;
    let log = data.join("answers");
    let chain = Chain::open(&log).map_err(|error| broken(&error))?;
    let library = Library::open_with(&data.join("library.sqlite"), Some(chain))
        .map_err(|error| refused(&error, &log))?;
    if library.bases().iter().all(|base| base.name != BASE) {
        let now_ms = Timestamp::now().as_millisecond();
        library
            .put_base(BASE, "政务知识库", &Audience::Public, &importer(), now_ms)
            .map_err(|error| broken(&error))?;
    }
    let qa = Qa::before_reading(&library, BASE).map_err(|error| broken(&error))?;
    Ok((library, qa))
}

fn importer() -> Person {
    Person::both("import", "目录导入")
}

fn import(library: &Library, folder: &Path) -> Result<()> {
    let now_ms = Timestamp::now().as_millisecond();
    let imported = library
        .import_folder(BASE, folder, &importer(), now_ms)
        .map_err(|error| broken(&error))?;
    tracing::info!(
        published = imported.published.len(),
        unchanged = imported.unchanged,
        questions = imported.questions,
        "texts of the folder"
    );
    for (version, findings) in &imported.quarantined {
        tracing::warn!(%version, findings, "waits for a person: see the knowledge console");
    }
    for version in &imported.waiting {
        tracing::warn!(%version, "a new version of a text that is law: another person publishes it");
    }
    for left_out in &imported.left_out {
        tracing::warn!(file = %left_out.file, reason = %left_out.reason, "left out");
    }
    Ok(())
}

/// A log of answers that lacks what it had is a matter of its own: it says how to go on.
fn refused(error: &LibraryError, log: &Path) -> Failure {
    let LibraryError::Log(_) = error else {
        return broken(error);
    };
    not_started(tr("知识库", "the knowledge base"), error.code(), error).hint(say!(
        "从备份恢复 {} 后再启动;确实找不回来,用 zhisuan kb verify {} --accept-loss 按现状继续,这件事会记进经过",
        "bring {} back from a backup and start again; if it cannot be had back, zhisuan kb verify {} --accept-loss goes on without, and the history keeps that",
        log.display(),
        log.display()
    ))
}

fn broken(error: &dyn std::fmt::Display) -> Failure {
    not_started(tr("知识库", "the knowledge base"), "ZS-KNOWLEDGE", error)
}

/// A secret that only this process and its gateway know.
fn secret() -> Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| broken(&error))?;
    Ok(hex::encode(bytes))
}
