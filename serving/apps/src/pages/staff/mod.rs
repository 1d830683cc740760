//! The knowledge console: what the gate found, who publishes what, and the work that is left.

pub(crate) mod add;
pub(crate) mod api;
mod bases;
pub(crate) mod conflicts;
mod deeds;
mod diff;
pub(crate) mod documents;
mod fields;
mod forms;
mod frame;
pub(crate) mod overview;
pub(crate) mod questions;
mod report;
pub(crate) mod signin;
pub(crate) mod tickets;
pub(crate) mod version;
mod visitor;
pub(crate) mod words;
pub(crate) mod work;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderMap;
use axum::routing::{get, post};

use super::Site;
use crate::kb::{BaseInfo, Library, LibraryError, MAX_FILE_BYTES, Opened, VersionId};
use crate::staff::{Door, Person};
use visitor::Sessions;

pub(super) use frame::status;

/// A file with the fields beside it.
const MAX_UPLOAD: usize = MAX_FILE_BYTES + (1 << 20);
/// The fields of a deed, a whole question bank among them.
const MAX_DEED: usize = 16 << 20;

/// The staff's side of the pages; cheap to clone.
#[derive(Clone)]
pub struct Desk {
    pub(crate) library: Library,
    /// The base that this desk keeps.
    pub(crate) base: String,
    pub(crate) door: Arc<dyn Door>,
    pub(crate) sessions: Arc<Sessions>,
    /// Where people reach these pages; the site's own.
    pub(crate) public_url: Arc<OnceLock<String>>,
}

impl Desk {
    /// A desk over a base of a library; the door knows the staff.
    pub fn new(library: Library, base: &str, door: Arc<dyn Door>) -> Self {
        Self {
            library,
            base: base.to_owned(),
            door,
            sessions: Arc::default(),
            public_url: Arc::default(),
        }
    }

    /// The same people at the desk of another base.
    pub(crate) fn of_base(&self, base: &str) -> Self {
        Self {
            base: base.to_owned(),
            ..self.clone()
        }
    }

    /// Whether the base is there for a person of the staff.
    fn admits(&self, person: &Person) -> bool {
        self.library.admits(&self.base, Some(person))
    }

    /// The bases that are there for a person of the staff.
    fn bases(&self, person: &Person) -> Vec<BaseInfo> {
        let mut bases = self.library.bases();
        bases.retain(|info| info.audience.admits(Some(person)));
        bases
    }

    /// A version of this desk's base; those of other bases are not there.
    fn version(&self, id: &VersionId) -> Result<Opened, LibraryError> {
        let opened = self.library.version(id);
        let own = opened
            .as_ref()
            .is_ok_and(|opened| opened.info.base == self.base);
        if own {
            return opened;
        }
        Err(LibraryError::NotFound {
            what: "版本",
            name: id.to_string(),
        })
    }
}

/// Pages under `/kb` and JSON under `/api/kb`.
pub(crate) fn router(desk: &Desk) -> Router<Site> {
    let state = desk.clone();
    let upload = Router::new()
        .route("/kb/add", get(add::page).post(add::take))
        .route("/api/kb/add", post(api::add))
        .layer(DefaultBodyLimit::max(MAX_UPLOAD))
        .with_state(state.clone());
    let deed = Router::new()
        .route("/kb/do/{deed}", post(deeds::form))
        .route("/api/kb/do/{deed}", post(api::perform))
        .layer(DefaultBodyLimit::max(MAX_DEED))
        .with_state(state.clone());
    Router::new()
        .route("/kb", get(overview::page))
        .route("/kb/signin", get(signin::ask).post(signin::enter))
        .route("/kb/signout", post(signin::leave))
        .route("/kb/documents", get(documents::page))
        .route("/kb/version/{number}/{*document}", get(version::page))
        .route("/kb/raw/{number}/{*document}", get(version::raw))
        .route(
            "/kb/diff/{from}/{to}/{*document}",
            get(version::differences),
        )
        .route("/kb/work", get(work::page))
        .route("/kb/conflicts", get(conflicts::page))
        .route("/kb/words", get(words::page))
        .route("/kb/questions", get(questions::page))
        .route("/api/kb/versions", get(api::versions))
        .route("/api/kb/version", get(api::version))
        .route("/api/kb/work", get(api::work))
        .route("/api/kb/conflicts", get(api::conflicts))
        .route("/api/kb/words", get(api::words))
        .route("/api/kb/questions", get(api::questions))
        .route("/api/kb/history", get(api::history))
        .route("/api/kb/base", get(api::base))
        .route("/api/kb/bases", get(api::bases))
        .route("/api/kb/raw", get(api::raw))
        .route("/api/kb/diff", get(api::differences))
        .with_state(state)
        .merge(upload)
        .merge(deed)
}

/// Whether a request comes of somebody who may ask this base.
pub(crate) async fn knows(desk: &Desk, headers: &HeaderMap) -> bool {
    if let Some(visitor) = visitor::visitor(desk, headers).await {
        return desk.admits(&visitor.person);
    }
    let person = match visitor::key(headers) {
        Some(key) => desk.door.enter(key).await,
        None => None,
    };
    person.is_some_and(|person| desk.admits(&person))
}
