//! Pages and JSON addresses of the knowledge service, for citizens, staff and programs.
//!
//! The style sheet is not merged here: the listener merges `zhisuan_web::assets::router()` once.

mod api;
mod citizen;
mod gov_qa;
mod guard;
mod href;
mod shell;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use zhisuan_web::headers;

use crate::kb::HandOver;
use crate::service::Qa;

/// Largest accepted request body, in bytes: the longest question with room for JSON escapes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// What the handlers share; cheap to clone.
#[derive(Clone)]
pub struct Site {
    /// Questions and answers.
    pub(crate) qa: Qa,
    /// What a gateway must show to use the base as a model; none closes that address.
    pub(crate) gateway_secret: Option<String>,
    /// Stands before links in citations that leave this site; empty for links within it.
    pub(crate) public_url: String,
}

impl Site {
    /// The pages of a service.
    pub fn new(qa: Qa) -> Self {
        Self {
            qa,
            gateway_secret: None,
            public_url: String::new(),
        }
    }

    /// Where a person will help: as the base says, else as the first of its texts does.
    pub(crate) fn hand_over(&self) -> Option<HandOver> {
        let published = self.qa.published();
        let mut heads = published.versions.iter().map(|version| &version.head);
        let told = published.hand_over.clone();
        told.or_else(|| heads.find_map(|head| head.hand_over.clone()))
    }

    /// Lets a gateway that shows a secret use the base as a model. `public_url` stands before the
    /// links of its citations.
    #[must_use]
    pub fn behind_gateway(mut self, secret: &str, public_url: &str) -> Self {
        self.gateway_secret = Some(secret.to_owned());
        public_url
            .trim_end_matches('/')
            .clone_into(&mut self.public_url);
        self
    }
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
        .route("/api/qa/ask", get(api::get_ask).post(api::post_ask))
        .route("/api/qa/search", get(api::search))
        .route("/api/qa/status", get(api::status))
        .route("/api/qa/answers/{id}", get(api::kept))
        .route("/api/qa/answers/{id}/replay", get(api::replay))
        .route("/api/qa/feedback", post(api::feedback))
        .route("/api/qa/ticket", post(api::ticket))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(site);
    headers::protect(routes)
}
