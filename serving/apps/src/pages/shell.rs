//! The shell around every page for citizens, and its small parts.

use axum::http::StatusCode;
use jiff::civil::Date;
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Markup, Page, html};

use super::Site;
use crate::answer::{Answer, Maker};
use crate::kb::{HandOver, State};

const NAV: [(&str, &str); 3] = [
    ("/qa", "提问"),
    ("/qa/find", "智能引导"),
    ("/qa/guides", "办事指南"),
];

/// A page of the service; `current` is the address of its entry in the navigation.
pub(crate) fn page(title: impl Into<String>, current: &str) -> Page {
    let mut page = Page::new(title).site("政务知识问答", "/qa");
    for (href, label) in NAV {
        page = page.nav(href, label, href == current);
    }
    page.footer(html! {
        p {
            "回答由机器根据来源文件生成，每一句都标明出处并与原文核对；"
            "不作推测，办理结果以经办机构为准。"
        }
        p { "请不要填写身份证号、电话、住址等个人信息；填写了的，存档前会遮去。" }
        p { a href="/kb" { "工作人员入口" } }
    })
}

/// What is said under an address that this service does not have.
pub(crate) async fn nowhere() -> Page {
    page("没有这个页面", "")
        .status(StatusCode::NOT_FOUND)
        .trail("/qa", "提问")
        .body(parts::empty_state(
            "没有这个页面",
            "地址可能不完整。请回到提问页，或者从办事指南里找。",
        ))
}

/// The tone of a state.
pub(crate) fn tone(state: State) -> Tone {
    match state {
        State::InForce => Tone::Good,
        State::NotYet | State::Draft => Tone::Warn,
        State::Repealed | State::Superseded | State::Quarantined => Tone::Bad,
        State::Unstated => Tone::Neutral,
    }
}

/// What the first day in force is called: a draft only proposes one.
pub(crate) fn first_day(state: State) -> &'static str {
    if state == State::Draft {
        "拟生效日期"
    } else {
        "生效日期"
    }
}

/// The visible mark of machine-made text (GB 45438-2025).
pub(crate) fn mark(maker: &Maker) -> &'static str {
    match maker {
        Maker::Extract => "AI 生成合成 · 原文摘录",
        Maker::Model { .. } => "AI 生成合成",
    }
}

/// The label of an answer, once above its sentences and once below, so that a copy of either end
/// carries it.
pub(crate) fn label(answer: &Answer) -> Markup {
    parts::machine_made(mark(&answer.made_by), &answer.label)
}

/// Where a person will help.
pub(crate) fn hand_over(to: Option<&HandOver>) -> Markup {
    html! {
        @match to {
            Some(to) => {
                p.help-line {
                    "人工服务电话："
                    a.phone href={ "tel:" (dialled(&to.phone)) } { (to.phone) }
                }
                @if let Some(counter) = &to.counter { p { "办事窗口：" (counter) } }
            },
            None => { p { "请联系发布文件的机构，或者拨打当地政务服务热线 12345。" } },
        }
    }
}

fn dialled(phone: &str) -> String {
    phone.chars().filter(char::is_ascii_digit).collect()
}

/// A day as people write it.
pub(crate) fn day(day: Date) -> String {
    format!("{}年{}月{}日", day.year(), day.month(), day.day())
}

/// What texts say differently about one thing, beside each other; none is preferred. A side is an
/// amount, the sentence that states it, and where that stands.
pub(crate) fn sides<'a>(
    about: &str,
    sides: impl Iterator<Item = (&'a str, &'a str, Markup)>,
) -> Markup {
    html! {
        section.conflict aria-label="不一致之处" {
            h3 { "关于“" (about) "”，文件说法不一" }
            div.sides {
                @for (value, sentence, links) in sides {
                    div.side {
                        p.side-value { (value) }
                        blockquote { (sentence) }
                        (links)
                    }
                }
            }
        }
    }
}

/// Says that texts are still being brought in, while they are.
pub(crate) fn reading(site: &Site) -> Markup {
    html! {
        @if site.qa.is_reading() {
            (parts::alert(
                Tone::Info,
                "知识库正在读入文件",
                "现在的回答可能不全；读完以后这条提示会消失。",
            ))
        }
    }
}
