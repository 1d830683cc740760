//! Pages and JSON addresses of the knowledge service, for citizens, staff and programs.
//!
//! The style sheet is not merged here: the listener merges `zhisuan_web::assets::router()` once.

mod api;
mod bases;
mod citizen;
mod gov_qa;
mod guard;
mod href;
mod pace;
mod shell;
mod staff;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Page, headers, html};

use crate::answer::{Answer, Notice, since};
use crate::guide::{Item, items};
use crate::kb::HandOver;
use crate::service::Qa;

pub use bases::Bases;
pub use staff::Desk;

/// Largest accepted request body, in bytes: the longest question with room for JSON escapes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// What the handlers share; cheap to clone.
#[derive(Clone)]
pub struct Site {
    /// Questions and answers.
    pub(crate) qa: Qa,
    /// What a gateway must show to use the base as a model; none closes that address.
    pub(crate) gateway_secret: Option<String>,
    /// Stands before links in citations that leave this site, and says whether it is reached over
    /// TLS; unset until the listener is known.
    pub(crate) public_url: Arc<OnceLock<String>>,
    /// How often each address asks.
    pub(crate) pace: Arc<pace::Pace>,
    /// The staff's side; none closes it.
    pub(crate) desk: Option<Desk>,
}

impl Site {
    /// The pages of a service.
    pub fn new(qa: Qa) -> Self {
        Self {
            qa,
            gateway_secret: None,
            public_url: Arc::default(),
            pace: Arc::default(),
            desk: None,
        }
    }

    /// Where a person will help today.
    pub(crate) fn hand_over(&self) -> Option<HandOver> {
        self.qa.base().hand_over(self.qa.today(), None)
    }

    /// What readers of a kept answer must know of the time since.
    pub(crate) fn since(&self, answer: &Answer) -> Vec<Notice> {
        since(answer, &self.qa.published(), self.qa.today())
    }

    /// The service items that hold today, those of the base's own place first.
    pub(crate) fn items(&self) -> Vec<Item> {
        let (base, today) = (self.qa.base(), self.qa.today());
        let mut items = items(base.published(), today);
        items.sort_by_key(|item| {
            item.place()
                .is_some_and(|place| !base.is_home(place, today))
        });
        items
    }

    /// The service behind the pages.
    pub fn service(&self) -> &Qa {
        &self.qa
    }

    /// Lets a gateway that shows a secret use the base as a model.
    #[must_use]
    pub fn behind_gateway(mut self, secret: &str) -> Self {
        self.gateway_secret = Some(secret.to_owned());
        self
    }

    /// Opens the staff's side.
    #[must_use]
    pub fn with_desk(mut self, desk: Desk) -> Self {
        self.desk = Some(Desk {
            public_url: Arc::clone(&self.public_url),
            ..desk
        });
        self
    }

    /// Tells the address under which the pages are reached; the first one stays.
    pub fn published_at(&self, url: &str) {
        drop(self.public_url.set(url.trim_end_matches('/').to_owned()));
    }
}

/// Lets through who may ask the base: everybody for a public one, else the people whom it admits.
/// As a model it is there for everybody with a key of the gateway, so only a public one is.
async fn permitted(State(site): State<Site>, request: Request, next: Next) -> Response {
    let Some(desk) = &site.desk else {
        return next.run(request).await;
    };
    if desk.library.admits(&desk.base, None) {
        return next.run(request).await;
    }
    let as_model = request.uri().path().starts_with("/qa/v1/");
    if !as_model && staff::knows(desk, request.headers()).await {
        return next.run(request).await;
    }
    if request.uri().path().starts_with("/api/") {
        let message =
            "这个知识库只供内部使用：请用它对之开放的人员的密钥，在网页上先登录（/kb/signin）"
                .to_owned();
        return api::error(StatusCode::FORBIDDEN, "ZS-AUTH", None, message);
    }
    Page::new("只供内部使用")
        .site("政务知识问答", "/qa")
        .status(StatusCode::FORBIDDEN)
        .body(html! {
            (parts::alert(Tone::Info, "这个知识库只供内部使用", "请用工作人员的密钥登录后再打开。"))
            p { a href="/kb/signin" { "登录" } }
            @for info in desk.library.bases().iter().filter(|info| info.audience.admits(None)) {
                p { a href={ "/qa?base=" (info.name) } { "到公开的" (info.title) "提问" } }
            }
        })
        .into_response()
}

/// Pages for citizens under `/qa`, JSON under `/api/qa`, and the base as a model under `/qa/v1`,
/// all with the strict headers.
pub fn router(site: Site) -> Router {
    let routes = Router::new()
        .route("/qa", get(citizen::ask::page))
        .route("/qa/source/{*document}", get(citizen::source::page))
        .route("/qa/answer/{id}", get(citizen::answer::page))
        .route("/qa/answer/{id}/text", get(citizen::export::text))
        .route("/qa/answer/{id}/json", get(citizen::export::json))
        .route("/qa/feedback", post(citizen::feedback::take))
        .route("/qa/person", post(citizen::feedback::person))
        .route("/qa/guides", get(citizen::guide::list))
        .route("/qa/guide/{*document}", get(citizen::guide::page))
        .route("/qa/find", get(citizen::find::page))
        .route("/qa/v1/chat/completions", post(gov_qa::chat))
        .route("/qa/", get(shell::nowhere))
        .route("/qa/{*rest}", get(shell::nowhere))
        .route("/api/qa/ask", get(api::get_ask).post(api::post_ask))
        .route("/api/qa/search", get(api::search))
        .route("/api/qa/status", get(api::status))
        .route("/api/qa/answers/{id}", get(api::kept))
        .route("/api/qa/answers/{id}/replay", get(api::replay))
        .route("/api/qa/feedback", post(api::feedback))
        .route("/api/qa/ticket", post(api::ticket))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(site.clone(), permitted))
        .layer(from_fn_with_state(site.clone(), pace::kept));
    let routes = match &site.desk {
        Some(desk) => routes
            .route(
                "/kb/tickets",
                get(staff::tickets::ask).post(staff::tickets::take),
            )
            .merge(staff::router(desk)),
        None => routes,
    };
    headers::protect(routes.with_state(site))
}
