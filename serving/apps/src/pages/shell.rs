//! The shell around every page of the knowledge service.

use zhisuan_web::parts::Tone;
use zhisuan_web::{Markup, Page, html};

use crate::rag::{HandOver, Status};

/// A page of the service.
pub(crate) fn page(title: impl Into<String>) -> Page {
    Page::new(title).site("政务知识问答", "/qa").footer(html! {
        p {
            "回答由机器从来源文件逐句摘录，每一句都与原文字节核对一致；"
            "不作推测，办理结果以经办机构为准。"
        }
        p { "请不要在问题中填写身份证号、电话、住址等个人信息。" }
    })
}

/// The tone of a status.
pub(crate) fn tone(status: Status) -> Tone {
    match status {
        Status::InForce => Tone::Good,
        Status::NotYet | Status::Draft => Tone::Warn,
        Status::Repealed => Tone::Bad,
        Status::Unstated => Tone::Neutral,
    }
}

/// What the first day in force is called: a draft only proposes one.
pub(crate) fn first_day(status: Status) -> &'static str {
    if status == Status::Draft {
        "拟生效日期"
    } else {
        "生效日期"
    }
}

/// Where a person will help.
pub(crate) fn hand_over(to: &HandOver) -> Markup {
    html! {
        p {
            "人工服务电话：" strong { (to.phone) }
            @if let Some(counter) = &to.counter { "；窗口：" (counter) }
        }
    }
}
