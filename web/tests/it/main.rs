//! The page kit seen from outside: whole pages, assets and headers through a router.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use tower::ServiceExt;
use zhisuan_web::parts::{self, Tile, Tone};
use zhisuan_web::{Page, Render, Table, assets, chart, headers, html};

async fn sample() -> Page {
    Page::new("作业 <b>")
        .nav("/jobs", "作业", true)
        .body(html! {
            (parts::tiles(&[Tile::new("等待", "3").href("/jobs?state=waiting")]))
            (Table::new("作业").column("名称").number("卡数").row(vec![html! { "a&b" }]))
        })
}

async fn fetch(path: &str) -> (StatusCode, axum::http::HeaderMap, String) {
    let router: Router = Router::new()
        .route("/", get(sample))
        .merge(assets::router());
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer: Response = headers::protect(router).oneshot(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    (head.status, head.headers, text)
}

#[tokio::test]
async fn a_page_is_whole_escaped_and_closed_to_other_origins() {
    let (status, head, text) = fetch("/").await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.starts_with("<!DOCTYPE html><html lang=\"zh-CN\">"));
    assert!(text.contains("<h1>作业 &lt;b&gt;</h1>"), "{text}");
    assert!(text.contains("a&amp;b") && !text.contains("style="));
    assert!(text.contains("aria-current=\"page\""));
    assert!(text.contains("title=\"未知\""), "a missing cell is unknown");
    assert!(!text.contains("<script") && !text.contains("http:") && !text.contains("https:"));
    let policy = head[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert_eq!(policy, headers::CONTENT_SECURITY_POLICY);
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(head[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert_eq!(head[header::CACHE_CONTROL], "no-store");
}

#[tokio::test]
async fn assets_are_kept_for_ever_under_the_address_the_page_names() {
    let (_, _, page) = fetch("/").await;
    for href in [assets::stylesheet_href(), assets::icon_href()] {
        assert!(page.contains(href));
        let (status, head, text) = fetch(href).await;
        assert_eq!(status, StatusCode::OK);
        assert!(!text.is_empty());
        let cache = head[header::CACHE_CONTROL].to_str().unwrap();
        assert!(cache.contains("immutable"), "{cache}");
    }
    let (status, head, _) = fetch("/assets/style-0000000000000000.css").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(head[header::CACHE_CONTROL], "no-store");
}

#[tokio::test]
async fn the_style_sheet_runs_on_chromium_80() {
    let (_, _, css) = fetch(assets::stylesheet_href()).await;
    let too_new = [
        ":has(",
        ":is(",
        ":where(",
        "@layer",
        "@container",
        ":focus-visible",
        "inset:",
        "&:",
        "& ",
        "color-mix",
        "aspect-ratio",
        "url(",
        "@import",
    ];
    let rules = css.split_once("*/").unwrap().1;
    for feature in too_new {
        assert!(!rules.contains(feature), "{feature} is not in Chromium 80");
    }
    let gaps = rules.matches("gap:").count();
    assert_eq!(
        gaps,
        rules.matches("grid-gap:").count(),
        "gap only in grids"
    );
}

#[test]
fn state_is_told_by_word_and_shape() {
    let badge = parts::badge(Tone::Bad, "失败").into_string();
    assert!(badge.contains("失败") && badge.contains('■'), "{badge}");
    let alert = parts::alert(Tone::Warn, "注意", "<i>").into_string();
    assert!(alert.contains("role=\"alert\"") && alert.contains("&lt;i&gt;"));
}

#[test]
fn an_empty_table_says_so() {
    let table = Table::new("作业")
        .column("名称")
        .empty("没有作业", "提交一个");
    let text = table.render().into_string();
    assert!(text.contains("没有作业") && text.contains("提交一个") && !text.contains("<table"));
}

#[test]
fn charts_take_any_number() {
    let full = chart::bar(u64::MAX, 3, "用量").into_string();
    assert!(full.contains("width=\"1000\" height=\"60\""), "{full}");
    let none = chart::bar(5, 0, "用量").into_string();
    assert!(none.contains("class=\"bar-part\" x=\"0\" y=\"0\" width=\"0\""));
    let values = [
        Some(1.0),
        None,
        Some(f64::NAN),
        Some(f64::INFINITY),
        Some(2.0),
    ];
    let line = chart::sparkline(&values, 0.0, "占用").into_string();
    assert_eq!(line.matches("<polyline").count(), 2, "{line}");
    assert!(!line.contains("NaN") && !line.contains("inf"));
}
