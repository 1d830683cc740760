//! The pages in a real Chromium: nothing overflows on a phone, everything is there without script,
//! and pictures of what people see.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use zhisuan_apps::kb::{Audience, Library};
use zhisuan_apps::pages::{self, Desk, Site};
use zhisuan_apps::service::Qa;
use zhisuan_apps::staff::{Door, Entering, Person};

use crate::support::{DAY, example};

/// Two clerks, known by the name of their key.
pub(crate) struct Clerks;

impl Door for Clerks {
    fn enter<'a>(&'a self, secret: &'a str) -> Entering<'a> {
        Box::pin(async move {
            let name = match secret {
                "key-of-anna" => "安娜",
                "key-of-boris" => "鲍里斯",
                _ => return None,
            };
            Some(Person::both(secret.trim_start_matches("key-of-"), name))
        })
    }
}

/// The site over a library with the sample texts.
pub(crate) fn governed(folder: &Path) -> (Library, Site) {
    let library = Library::open(&folder.join("library.sqlite")).unwrap();
    let person = Person::both("import", "导入");
    library
        .put_base("gov", "政务", &Audience::Public, &person, 1)
        .unwrap();
    library
        .import_folder("gov", &example("knowledge"), &person, 2)
        .unwrap();
    let qa = Qa::over_on(&library, "gov", Arc::new(|| DAY)).unwrap();
    let site = Site::new(qa).with_desk(Desk::new(library.clone(), "gov", Arc::new(Clerks)));
    (library, site)
}

/// The browser, or a loud reason.
pub(crate) fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("ZHISUAN_TEST_CHROMIUM").map(PathBuf::from);
    let found = named.or_else(|| Some(PathBuf::from("/usr/bin/chromium")));
    let found = found.filter(|path| path.exists());
    if found.is_none() {
        eprintln!("SKIPPED: no Chromium; install it or name it in ZHISUAN_TEST_CHROMIUM");
    }
    found
}

/// Where pictures go: beside the build.
fn pictures() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) async fn listening(site: Site) -> String {
    serving(pages::router(site)).await
}

async fn serving(router: axum::Router) -> String {
    let router = router.merge(zhisuan_web::assets::router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// Takes a picture; answers what the page became in the browser.
async fn shot(browser: &Path, url: &str, name: &str, size: &str) -> String {
    let (browser, url) = (browser.to_owned(), url.to_owned());
    let picture = pictures().join(format!("{name}.png"));
    let size = size.to_owned();
    tokio::task::spawn_blocking(move || {
        let profile = tempfile::tempdir().unwrap();
        let run = |what: &[&str]| {
            Command::new(&browser)
                .args([
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--hide-scrollbars",
                ])
                .arg(format!("--user-data-dir={}", profile.path().display()))
                .arg(format!("--window-size={size}"))
                .args(what)
                .arg(&url)
                .output()
                .unwrap()
        };
        let shot = format!("--screenshot={}", picture.display());
        let taken = run(&[&shot]);
        assert!(
            taken.status.success() && picture.exists(),
            "{}",
            String::from_utf8_lossy(&taken.stderr)
        );
        String::from_utf8_lossy(&run(&["--dump-dom"]).stdout).into_owned()
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn citizens_see_whole_pages_on_phone_and_desk() {
    let Some(browser) = chromium() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (_, site) = governed(folder.path());
    let base = listening(site).await;
    let (phone, desk) = ("390,1400", "1366,1200");
    let text = std::fs::read_to_string(example("knowledge/residence-permit.md")).unwrap();
    let at = text.find("近期一寸白底").unwrap();
    let cited = format!(
        "/qa/source/residence-permit?start={at}&end={}#cited",
        at + "近期一寸白底免冠照片一张".len()
    );
    for (path, name, size, wanted) in [
        ("/qa", "ask-phone", phone, "可以这样问"),
        ("/qa", "ask-desk", desk, "智能引导"),
        (
            "/qa?q=居住证要带什么材料",
            "answer-phone",
            phone,
            "居民身份证原件",
        ),
        (
            "/qa?q=居住证要带什么材料",
            "answer-desk",
            desk,
            "AI 生成合成",
        ),
        (
            "/qa?q=火星上有没有政务大厅",
            "nothing-phone",
            phone,
            "没有找到可靠来源",
        ),
        (cited.as_str(), "source-phone", phone, "id=\"cited\""),
        ("/qa/find", "find-phone", phone, "跳过"),
        ("/qa/guides", "guides-desk", desk, "办事指南"),
        (
            "/qa/guide/residence-permit",
            "guide-phone",
            phone,
            "办理步骤",
        ),
        ("/kb/signin", "signin-desk", desk, "密钥"),
    ] {
        let dom = shot(&browser, &format!("{base}{path}"), name, size).await;
        assert!(dom.contains(wanted), "{name}: {wanted}");
        assert!(!dom.contains("<script"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_in_pictures() {
    let Some(browser) = chromium() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (library, site) = governed(folder.path());
    let question = zhisuan_apps::service::Question::plain("火星上有没有政务大厅");
    site.service().ask(&question).await.unwrap();
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/seeds");
    let person = Person::both("import", "导入");
    if seeds.is_dir() {
        library.import_folder("gov", &seeds, &person, 3).unwrap();
    } else {
        eprintln!("SKIPPED in part: no seeds beside the repository");
    }
    let router = pages::router(site.clone());
    let request = axum::http::Request::post("/kb/signin")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(axum::body::Body::from("key=key-of-anna"))
        .unwrap();
    let entered = tower::ServiceExt::oneshot(router.clone(), request)
        .await
        .unwrap();
    let cookie = entered.headers()["set-cookie"].clone();
    // The browser's command line takes no cookie: it is put in front of the pages.
    let signed_in = axum::middleware::from_fn(
        move |mut request: axum::extract::Request, next: axum::middleware::Next| {
            request.headers_mut().insert("cookie", cookie.clone());
            next.run(request)
        },
    );
    let base = serving(router.layer(signed_in)).await;
    let waiting = library
        .versions("gov", Some(zhisuan_apps::kb::Stage::Quarantined))
        .unwrap();
    let mut shown = vec![
        ("/kb".to_owned(), "console-overview", "隔离待核"),
        ("/kb/work".to_owned(), "console-work", "火星"),
        ("/kb/words".to_owned(), "console-words", "主题开关"),
        ("/kb/questions".to_owned(), "console-questions", "提出问题"),
        ("/kb/tickets".to_owned(), "console-tickets", "来电内容"),
    ];
    if let Some(first) = waiting.first() {
        let page = format!("/kb/version/{}/{}", first.id.number, first.id.document);
        shown.push((page, "console-version", "质量报告"));
    }
    for (path, name, wanted) in shown {
        let dom = shot(&browser, &format!("{base}{path}"), name, "1366,1300").await;
        assert!(
            dom.contains(wanted) && dom.contains("安娜"),
            "{name}: {wanted}"
        );
    }
}
