//! The pages as a person with a keyboard, a clerk and a printer meet them, in a real Chromium.

use zhisuan_apps::kb::{Audience, read};
use zhisuan_apps::staff::Person;

use crate::browser::{chromium, governed, listening};
use crate::devtools::Tab;

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_asked_and_its_source_read_with_the_keyboard_alone() {
    let Some(browser) = chromium() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (_, site) = governed(folder.path());
    let base = listening(site).await;
    let keys = tokio::task::spawn_blocking(move || {
        let mut tab = Tab::open(&browser);
        tab.go(&format!("{base}/qa"));
        tab.press("Tab");
        // The first stop leads past the navigation.
        let skips = "document.activeElement.matches('a.skip') && \
             document.activeElement.getBoundingClientRect().left >= 0";
        assert_eq!(tab.eval(skips), true);
        tab.tab_to("#q");
        tab.write("居住证要带什么材料");
        tab.press("Enter");
        tab.until("!!document.querySelector('.said .cite')");
        tab.tab_to(".said .cite");
        tab.press("Enter");
        tab.until(
            "location.pathname.startsWith('/qa/source/') && !!document.querySelector('#cited')",
        );
        let seen = "(box => box.bottom > 0 && box.top < innerHeight)\
             (document.querySelector('#cited').getBoundingClientRect())";
        tab.until(seen);
        // What opens and closes does so from the keyboard too.
        tab.go(&format!("{base}/qa"));
        tab.tab_to("summary");
        tab.press("Enter");
        tab.until("document.querySelector('details').open");
        tab.tab_to("#as_of");
    });
    keys.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_for_the_staff_opens_for_who_signs_in() {
    let Some(browser) = chromium() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (library, site) = governed(folder.path());
    let person = Person::both("anna", "安娜");
    library
        .put_base("gov", "政务", &Audience::Staff, &person, 3)
        .unwrap();
    let base = listening(site).await;
    let clerk = tokio::task::spawn_blocking(move || {
        let mut tab = Tab::open(&browser);
        tab.go(&format!("{base}/qa?q=居住证要带什么材料"));
        let text = tab.eval("document.body.innerText");
        let text = text.as_str().unwrap();
        assert!(
            text.contains("只供内部使用") && !text.contains("居民身份证"),
            "{text}"
        );
        tab.tab_to("main a[href='/kb/signin'], a[href='/kb/signin']");
        tab.press("Enter");
        tab.until("location.pathname === '/kb/signin' && !!document.querySelector('#key')");
        tab.tab_to("#key");
        tab.write("key-of-anna");
        tab.press("Enter");
        tab.until("location.pathname === '/kb' && document.body.innerText.includes('安娜')");
        // The session is a cookie that scripts cannot read.
        assert_eq!(tab.eval("document.cookie"), "");
        tab.go(&format!("{base}/qa?q=居住证要带什么材料"));
        tab.until("document.body.innerText.includes('居民身份证原件')");
        tab.go(&format!("{base}/kb/conflicts"));
        tab.tab_to("form[action='/kb/do/conflict_work'] button");
        tab.press("Enter");
        tab.until(
            "location.pathname === '/kb/work' && document.body.innerText.includes('依据冲突')",
        );
    });
    clerk.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_carries_the_label_and_the_addresses_of_its_sources() {
    let Some(browser) = chromium() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (_, site) = governed(folder.path());
    site.published_at("https://qa.example.gov");
    let base = listening(site).await;
    let printed = tokio::task::spawn_blocking(move || {
        let mut tab = Tab::open(&browser);
        tab.go(&format!("{base}/qa?q=居住证要带什么材料"));
        tab.print()
    });
    let printed = printed.await.unwrap();
    let read = read("printed.pdf", &printed).unwrap();
    let text: String = read
        .text
        .chars()
        .filter(|char| !char.is_whitespace())
        .collect();
    for wanted in [
        "AI生成合成",
        "未经人工审核",
        "居民身份证原件",
        "https://qa.example.gov/qa/source/residence-permit?version=1",
    ] {
        assert!(text.contains(wanted), "{wanted}: {}", read.text);
    }
    for hidden in ["指定日期或地区", "智能引导：回答几个问题"] {
        assert!(!text.contains(hidden), "{hidden}: {}", read.text);
    }
}
