//! Embedded assets under addresses that carry their hash, so that browsers may keep them for ever.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

struct Asset {
    file: String,
    href: String,
    kind: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(stem: &str, extension: &str, kind: &'static str, content: &'static str) -> Self {
        let digest = hex::encode(Sha256::digest(content));
        let hash: String = digest.chars().take(16).collect();
        let file = format!("{stem}-{hash}.{extension}");
        Self {
            href: format!("/assets/{file}"),
            file,
            kind,
            content,
        }
    }
}

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let content = include_str!("style.css");
    Asset::new("style", "css", "text/css; charset=utf-8", content)
});

static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("icon.svg")));

/// The address of the style sheet; it changes whenever the style does.
pub fn stylesheet_href() -> &'static str {
    &STYLE.href
}

/// The address of the site's mark.
pub fn icon_href() -> &'static str {
    &ICON.href
}

/// Serves the assets. Merge it once per listener: a second merge of the same routes would panic.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/assets/{file}", get(serve))
}

async fn serve(Path(file): Path<String>) -> Response {
    let found = [&*STYLE, &*ICON]
        .into_iter()
        .find(|asset| asset.file == file);
    match found {
        Some(asset) => (
            [
                (header::CONTENT_TYPE, asset.kind),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ],
            asset.content,
        )
            .into_response(),
        None => (StatusCode::NOT_FOUND, "没有这个文件，请刷新页面。").into_response(),
    }
}
