//! What may be done with a version, as forms.

use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Markup, html};

use super::frame::{form, named};
use super::visitor::Visitor;
use crate::kb::{Declared, Stage, VersionInfo};

/// What may be done now, and why something may not.
pub(super) fn deeds(visitor: &Visitor, info: &VersionInfo) -> Markup {
    let open = matches!(info.stage, Stage::Quarantined | Stage::Ready);
    let own = info.makers.contains(&visitor.person.id);
    html! {
        section.card aria-label="办理" {
            h2 { "办理" }
            @if open && info.is_blocked() {
                (parts::alert(Tone::Bad, "不能发布", "有阻断级问题。请接受修正，或者换一份完好的文件重新入库。"))
            } @else if open && info.needs_checker() && own {
                (parts::alert(Tone::Info, "须由另一人发布", "这一版有可疑之处、经过修改，或者将取代已发布的版本；您是经手人，要由没有经手的同事核对后发布。"))
            } @else if open {
                (form(visitor, "publish", &html! {
                    (named(&info.id))
                    input type="hidden" name="seen" value=(info.seen);
                    @if info.needs_checker() {
                        label.radio { input type="checkbox" name="looked" value="1" required; "我已逐条核对下面的质量报告" }
                    }
                    button type="submit" { "发布" }
                }))
            }
            @if info.stage != Stage::Withdrawn {
                (withdrawal(visitor, info))
                details.more {
                    summary { "更正文件信息" }
                    (head_form(visitor, info))
                }
                (repeal(visitor, info))
            }
        }
    }
}

fn withdrawal(visitor: &Visitor, info: &VersionInfo) -> Markup {
    html! {
                details.more {
                    summary { "撤下这一版" }
                    (form(visitor, "withdraw", &html! {
                        (named(&info.id))
                        div.field {
                            label for="reason" { "理由" }
                            input id="reason" type="text" name="reason" maxlength="500" required;
                        }
                        button type="submit" { "撤下" }
                    }))
                }
    }
}

fn repeal(visitor: &Visitor, info: &VersionInfo) -> Markup {
    html! {
                @if info.head.declared != Declared::Draft {
                    details.more {
                        summary { "宣布失效" }
                        (form(visitor, "repeal", &html! {
                            (named(&info.id))
                            div.field {
                                label for="from" { "从哪一天起失效" }
                                input id="from" type="date" name="from" required;
                            }
                            p.hint { "成为新的一版，由另一人核对后发布；在那一天之前仍按原来的效力。" }
                            button type="submit" { "宣布失效" }
                        }))
                    }
                }
    }
}

fn head_form(visitor: &Visitor, info: &VersionInfo) -> Markup {
    let head = &info.head;
    let day = |day: Option<jiff::civil::Date>| day.map(|day| day.to_string()).unwrap_or_default();
    let fields = [
        ("title", "标题", "text", head.title.clone()),
        (
            "head_number",
            "文号",
            "text",
            head.number.clone().unwrap_or_default(),
        ),
        (
            "issuer",
            "发布机构",
            "text",
            head.issuer.clone().unwrap_or_default(),
        ),
        (
            "place",
            "适用地区",
            "text",
            head.place.clone().unwrap_or_default(),
        ),
        (
            "theme",
            "主题",
            "text",
            head.theme.clone().unwrap_or_default(),
        ),
        (
            "supersedes",
            "代替（题名或文号，用顿号分开）",
            "text",
            head.supersedes.join("、"),
        ),
        ("written", "成文日期", "date", day(head.written)),
        ("published", "公开日期", "date", day(head.published)),
        ("effective", "生效日期", "date", day(head.effective)),
        ("repealed", "失效日期", "date", day(head.repealed)),
    ];
    form(
        visitor,
        "head",
        &html! {
            (named(&info.id))
            div.grid-fields {
                @for (name, label, kind, value) in &fields {
                    div.field {
                        label for={ "head-" (name) } { (label) }
                        input id={ "head-" (name) } type=(kind) name=(name) value=(value);
                    }
                }
                (force(info))
            }
            p.hint { "已发布的版本不变，更正会成为新的一版，由另一人核对后发布，并在所有日期取代原来的版本。" }
            button type="submit" { "保存更正" }
        },
    )
}

/// The state that a text declares, to choose from.
fn force(info: &VersionInfo) -> Markup {
    let declared = [
        (Declared::InForce, "in_force", "现行"),
        (Declared::Draft, "draft", "草案"),
        (Declared::Repealed, "repealed", "失效"),
        (Declared::Unstated, "unstated", "未注明"),
    ];
    html! {
        div.field {
            label for="head-declared" { "效力" }
            select id="head-declared" name="declared" {
                @for (state, name, label) in declared {
                    option value=(name) selected[info.head.declared == state] { (label) }
                }
            }
        }
    }
}
