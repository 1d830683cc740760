//! Several bases behind one address: each has its own service, its own pages and its own people.
//!
//! A request names its base by `?base=`. Pages remember that in a cookie, which chooses and permits
//! nothing: every base asks its visitors anew. Sources and kept answers are found without it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Path, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::{RequestExt as _, Router};
use tokio::task::{JoinHandle, spawn_blocking};
use tower::ServiceExt as _;

use super::{Desk, Site, api, shell};
use crate::kb::LibraryError;
use crate::service::{Helper, Qa};

/// Name of the cookie that remembers which base a browser looks at.
const COOKIE_NAME: &str = "zhisuan_base";
/// For so long.
const COOKIE_S: i64 = 30 * 24 * 3600;

/// The bases of a library; cheap to clone.
#[derive(Clone)]
pub struct Bases(Arc<Inner>);

struct Inner {
    /// Answers requests that name no base.
    first: Site,
    desk: Desk,
    helper: Mutex<Option<Helper>>,
    /// The others, opened when somebody asks for them.
    open: tokio::sync::Mutex<HashMap<String, Opened>>,
}

struct Opened {
    router: Router,
    qa: Qa,
    following: JoinHandle<()>,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl Bases {
    /// All bases of the desk's library; the site is that of the desk's own base.
    pub fn new(first: Site, desk: Desk) -> Self {
        let first = first.with_desk(desk.clone());
        let desk = first.desk.clone().unwrap_or(desk);
        Self(Arc::new(Inner {
            first,
            desk,
            helper: Mutex::default(),
            open: tokio::sync::Mutex::default(),
        }))
    }

    /// The pages of all bases, those of the first where a request names none.
    pub fn router(&self) -> Router {
        super::router(self.0.first.clone()).layer(from_fn_with_state(self.clone(), chosen))
    }

    /// Models help all but the first base, which is followed by whoever made its service.
    pub async fn helped_by(&self, helper: Option<Helper>) {
        let mut open = self.0.open.lock().await;
        self.helper().clone_from(&helper);
        for (base, opened) in open.iter_mut() {
            opened.following.abort();
            opened.following = opened.qa.follow(&self.0.desk.library, base, helper.clone());
        }
    }

    /// Opens the bases that are there, so that nobody waits for their indexes.
    pub async fn open_all(&self) {
        for base in self.0.desk.library.bases() {
            if let Err(error) = self.other(&base.name).await {
                tracing::error!(base = %base.name, %error, "the base is not answered from yet");
            }
        }
    }

    fn helper(&self) -> std::sync::MutexGuard<'_, Option<Helper>> {
        let helper = self.0.helper.lock();
        helper.unwrap_or_else(PoisonError::into_inner)
    }

    /// The pages of a base; none for the first.
    async fn other(&self, base: &str) -> Result<Option<Router>, LibraryError> {
        let Inner { first, desk, .. } = &*self.0;
        if base == desk.base {
            return Ok(None);
        }
        let mut open = self.0.open.lock().await;
        if let Some(opened) = open.get(base) {
            return Ok(Some(opened.router.clone()));
        }
        if !self.is_there(base) {
            let what = "知识库";
            let name = base.chars().take(40).collect();
            return Err(LibraryError::NotFound { what, name });
        }
        let (qa, library, name) = (first.qa.clone(), desk.library.clone(), base.to_owned());
        let built = spawn_blocking(move || qa.beside(&library, &name)).await;
        let qa = match built {
            Ok(Ok(qa)) => qa,
            Ok(Err(error)) => return Err(interrupted(base, &error)),
            Err(error) => return Err(interrupted(base, &error)),
        };
        let site = Site {
            qa: qa.clone(),
            // As a model there is only the first base.
            gateway_secret: None,
            public_url: Arc::clone(&first.public_url),
            pace: Arc::clone(&first.pace),
            desk: Some(desk.of_base(base)),
        };
        let router = super::router(site);
        let following = qa.follow(&desk.library, base, self.helper().clone());
        let opened = Opened {
            router: router.clone(),
            qa,
            following,
        };
        open.insert(base.to_owned(), opened);
        Ok(Some(router))
    }

    fn is_there(&self, base: &str) -> bool {
        let bases = self.0.desk.library.bases();
        bases.iter().any(|info| info.name == base)
    }

    /// The base of a page that stands under the name of a document or of a kept answer; none where
    /// the base is closed to whoever asks: not even that it has such a thing is for them.
    async fn of_thing(&self, request: &mut Request) -> Option<String> {
        let desk = &self.0.desk;
        if desk.library.bases().len() < 2 {
            return None;
        }
        let base = self.holder(request).await?;
        let open = desk.library.admits(&base, None)
            || super::staff::knows(&desk.of_base(&base), request.headers()).await;
        open.then_some(base)
    }

    /// The base that holds what a request names by its path.
    async fn holder(&self, request: &mut Request) -> Option<String> {
        let path = request.uri().path();
        let (answer, text) = (
            path.starts_with("/qa/answer/") || path.starts_with("/api/qa/answers/"),
            path.starts_with("/qa/source/") || path.starts_with("/qa/guide/"),
        );
        if !answer && !text {
            return None;
        }
        let named = request.extract_parts::<Path<HashMap<String, String>>>();
        let Path(mut named) = named.await.ok()?;
        let library = self.0.desk.library.clone();
        if text {
            return library.base_of_document(named.get("document")?);
        }
        let id = named.remove("id")?;
        let kept = spawn_blocking(move || library.answer(&id)).await;
        Some(kept.ok()?.ok()?.base)
    }
}

fn interrupted(base: &str, error: &dyn std::fmt::Display) -> LibraryError {
    tracing::error!(base, %error, "the base was not opened");
    LibraryError::Interrupted
}

/// Hands a request to the base that it is for.
async fn chosen(State(bases): State<Bases>, mut request: Request, next: Next) -> Response {
    let programs = request.uri().path().starts_with("/api/");
    let query = request.uri().query().unwrap_or_default().split('&');
    let named = query.filter_map(|field| field.strip_prefix("base="));
    let named = named.map(str::to_owned).next();
    let wanted = match &named {
        Some(named) => Some(named.clone()),
        None => match bases.of_thing(&mut request).await {
            // Programs say what they want; a cookie is a browser's.
            None if !programs => remembered(&bases, &request),
            found => found,
        },
    };
    let other = match wanted {
        Some(wanted) => bases.other(&wanted).await,
        None => Ok(None),
    };
    let remember = named.filter(|_| !programs && request.method() == Method::GET);
    let mut response = match other {
        Ok(None) => next.run(request).await,
        Ok(Some(router)) => match router.oneshot(untouched(request)).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
        Err(error) => return refused(&error, programs).await,
    };
    // Nobody is kept at a base that is closed to them.
    let open = response.status() != StatusCode::FORBIDDEN;
    if let Some(base) = remember.filter(|_| open) {
        let url = bases.0.first.public_url.get().map_or("", String::as_str);
        let line = zhisuan_web::cookie::session(COOKIE_NAME, &base, COOKIE_S, url);
        if let Ok(line) = HeaderValue::from_str(&line) {
            response.headers_mut().append(SET_COOKIE, line);
        }
    }
    response
}

/// The base that a browser looked at; a base that is gone is forgotten.
fn remembered(bases: &Bases, request: &Request) -> Option<String> {
    let base = zhisuan_web::cookie::sent(request.headers(), COOKIE_NAME)?;
    bases.is_there(base).then(|| base.to_owned())
}

/// The request as it came, without what the first base's routes found in its address.
fn untouched(request: Request) -> Request {
    let (mut head, body) = request.into_parts();
    let from = head.extensions.remove::<ConnectInfo<SocketAddr>>();
    head.extensions.clear();
    from.map(|from| head.extensions.insert(from));
    Request::from_parts(head, body)
}

async fn refused(error: &LibraryError, programs: bool) -> Response {
    if programs {
        return api::error(
            super::staff::status(error),
            error.code(),
            Some("base"),
            error.to_string(),
        );
    }
    let mut page = shell::nowhere().await.into_response();
    if !matches!(error, LibraryError::NotFound { .. }) {
        *page.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    page
}
