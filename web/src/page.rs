//! The page shell: head, banner, navigation, main part and footer around a body.

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, Render, html};

use crate::assets;

/// One page, built step by step and returned from a handler.
///
/// All text given to it is escaped; markup comes only through [`Markup`] values.
#[derive(Debug, Clone)]
#[must_use]
pub struct Page {
    title: String,
    site: String,
    home: String,
    lang: String,
    lead: Option<String>,
    nav: Vec<NavItem>,
    trail: Vec<(String, String)>,
    refresh_s: Option<u32>,
    status: StatusCode,
    wide: bool,
    body: Markup,
    footer: Option<Markup>,
}

#[derive(Debug, Clone)]
struct NavItem {
    href: String,
    label: String,
    current: bool,
}

impl Page {
    /// Starts a page with its own title; the site's name is added to it in the browser's tab.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            site: "智算".to_owned(),
            home: "/".to_owned(),
            lang: "zh-CN".to_owned(),
            lead: None,
            nav: Vec::new(),
            trail: Vec::new(),
            refresh_s: None,
            status: StatusCode::OK,
            wide: false,
            body: html! {},
            footer: None,
        }
    }

    /// Sets the name shown in the banner and the address it leads to.
    pub fn site(mut self, name: impl Into<String>, home: impl Into<String>) -> Self {
        self.site = name.into();
        self.home = home.into();
        self
    }

    /// Sets the language of the text (BCP 47); `zh-CN` unless told.
    pub fn lang(mut self, lang: impl Into<String>) -> Self {
        self.lang = lang.into();
        self
    }

    /// Sets the one sentence under the heading that says what the page is for.
    pub fn lead(mut self, text: impl Into<String>) -> Self {
        self.lead = Some(text.into());
        self
    }

    /// Adds one navigation entry; `current` marks the page being shown.
    pub fn nav(mut self, href: impl Into<String>, label: impl Into<String>, current: bool) -> Self {
        self.nav.push(NavItem {
            href: href.into(),
            label: label.into(),
            current,
        });
        self
    }

    /// Adds one step of the way back shown above the heading, outermost first.
    pub fn trail(mut self, href: impl Into<String>, label: impl Into<String>) -> Self {
        self.trail.push((href.into(), label.into()));
        self
    }

    /// Reloads the page by itself every so many seconds, without script.
    pub fn refresh_s(mut self, seconds: u32) -> Self {
        self.refresh_s = Some(seconds);
        self
    }

    /// Sets the HTTP status of the response; 200 unless told.
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Uses the whole width of the window, for tables and dashboards.
    pub fn wide(mut self) -> Self {
        self.wide = true;
        self
    }

    /// Sets the main part.
    pub fn body(mut self, body: Markup) -> Self {
        self.body = body;
        self
    }

    /// Replaces the footer's text.
    pub fn footer(mut self, footer: Markup) -> Self {
        self.footer = Some(footer);
        self
    }

    fn head(&self) -> Markup {
        html! {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(seconds) = self.refresh_s {
                    meta http-equiv="refresh" content=(seconds);
                }
                title { (self.title) " - " (self.site) }
                link rel="icon" type="image/svg+xml" href=(assets::icon_href());
                link rel="stylesheet" href=(assets::stylesheet_href());
            }
        }
    }

    fn banner(&self) -> Markup {
        html! {
            header.banner {
                div.banner-row {
                    a.brand href=(self.home) {
                        img.brand-mark src=(assets::icon_href()) alt="" width="28" height="28";
                        span { (self.site) }
                    }
                    @if !self.nav.is_empty() {
                        nav.nav aria-label="主导航" {
                            ul {
                                @for item in &self.nav {
                                    li {
                                        a href=(item.href)
                                            aria-current=[item.current.then_some("page")] {
                                            (item.label)
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn heading(&self) -> Markup {
        html! {
            @if !self.trail.is_empty() {
                nav.trail aria-label="所在位置" {
                    ol {
                        @for (href, label) in &self.trail {
                            li { a href=(href) { (label) } }
                        }
                    }
                }
            }
            h1 { (self.title) }
            @if let Some(lead) = &self.lead { p.lead { (lead) } }
        }
    }
}

impl Render for Page {
    fn render(&self) -> Markup {
        let width = if self.wide { "wide" } else { "narrow" };
        html! {
            (DOCTYPE)
            html lang=(self.lang) {
                (self.head())
                body class=(width) {
                    a.skip href="#main" { "跳到正文" }
                    (self.banner())
                    main.main id="main" {
                        (self.heading())
                        (self.body)
                    }
                    footer.foot {
                        div.foot-row {
                            @match &self.footer {
                                Some(footer) => { (footer) },
                                None => { p { (self.site) } },
                            }
                        }
                    }
                }
            }
        }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let cache = [(header::CACHE_CONTROL, "no-store")];
        (self.status, cache, Html(self.render().into_string())).into_response()
    }
}
