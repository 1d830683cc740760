//! The bases that are there for a visitor, and how a new one is made.

use zhisuan_web::{Markup, html};

use super::frame::form;
use super::visitor::Visitor;
use crate::kb::{Audience, BaseInfo};

pub(super) fn card(visitor: &Visitor) -> Markup {
    html! {
        section.card {
            h2 { "知识库" }
            ul {
                @for info in &visitor.bases {
                    li {
                        @if info.name == visitor.base { strong { (info.title) } " （现在看的）" }
                        @else { a href={ "/kb?base=" (info.name) } { (info.title) } }
                        span.muted { "　" code { (info.name) } "　" (whom(info))
                            @if let Some(home) = &info.home { "　" (home) } }
                    }
                }
            }
            @if visitor.person.checker {
                details.more { summary { "新建知识库" } (form(visitor, "add_base", &fields())) }
            }
        }
    }
}

fn fields() -> Markup {
    html! {
        div.grid-fields {
            div.field { label for="base" { "名称：小写字母、数字和连字符" }
                input id="base" type="text" name="base" maxlength="40" pattern="[a-z0-9-]+" required; }
            div.field { label for="title" { "给人看的名称" }
                input id="title" type="text" name="title" maxlength="40"; }
            div.field { label for="place" { "本地（如云麓市，可不填）" }
                input id="place" type="text" name="place" maxlength="40"; }
            div.field { label for="audience" { "谁可以用" }
                input id="audience" type="text" name="audience" value="staff" required; }
        }
        button type="submit" { "新建" }
        p.hint { "staff 为全体工作人员，public 为所有人，或写逗号分开的人员编号（要有您自己）。" }
    }
}

fn whom(info: &BaseInfo) -> &'static str {
    match info.audience {
        Audience::Public => "所有人",
        Audience::Staff => "全体工作人员",
        Audience::Named(_) => "名单上的人员",
    }
}
