//! Passages: what their path, kind, bodies and deadlines are.

use zhisuan_apps::kb::SectionKind::{Conditions, Materials, Phone, Place, Time};
use zhisuan_apps::kb::{Passage, passages, read};

fn cut(name: &str, text: &str) -> (String, Vec<Passage>) {
    let extract = read(name, text.as_bytes()).unwrap();
    let found = passages(&extract.text, &extract.blocks, 0);
    (extract.text, found)
}

fn paths(found: &[Passage]) -> Vec<String> {
    found
        .iter()
        .map(|passage| passage.path.join(" > "))
        .collect()
}

const LONG: &str = "为了加强和规范管理，维护公共利益，保障群众的合法权益，根据有关法律和本市的实际情况，经研究决定，制定以下规定，请认真遵照执行，并及时报告情况。";

#[test]
fn the_structure_of_official_texts_is_read_from_their_numbers() {
    let text = format!(
        "云麓市规定\n第一章 总则\n第一条 {LONG}\n第二条 办理居住证，应当符合下列条件：\n（一）年满十八周岁；\n（二）有合法住所。\n第二章 办理\n一、材料\n1.身份证\n2.照片\n二、时限\n（一）一般情形\n{LONG}\n1.加快办理。{LONG}（责任单位：市公安局，完成时限：2025年6月）\n"
    );
    let (whole, found) = cut("a.txt", &text);
    assert_eq!(
        paths(&found),
        [
            "",
            "第一章 总则 > 第一条",
            "第一章 总则 > 第二条",
            "第二章 办理 > 一、材料",
            "第二章 办理 > 二、时限 > （一）一般情形",
            "第二章 办理 > 二、时限 > （一）一般情形 > 1.加快办理",
        ]
    );
    assert_eq!(found[2].sentences.len(), 3);
    assert_eq!(found[3].kind, Materials);
    assert_eq!(found[4].kind, Time);
    assert_eq!(found[5].responsible, ["市公安局"]);
    assert_eq!(&whole[found[5].deadline.clone().unwrap()], "2025年6月");
}

#[test]
fn headings_of_markdown_and_numbers_share_one_path() {
    let text = "# 居住证\n\n## 一、受理条件\n年满十八周岁。\n\n### 例外\n无。\n\n## 二、办理时限\n15个工作日。\n\n办理地点：市民中心一楼\n咨询电话：0999-12345\n";
    let (_, found) = cut("a.md", text);
    assert_eq!(
        paths(&found),
        [
            "居住证 > 一、受理条件",
            "居住证 > 一、受理条件 > 例外",
            "居住证 > 二、办理时限",
            "居住证 > 二、办理时限 > 办理地点",
            "居住证 > 二、办理时限 > 咨询电话",
        ]
    );
    let kinds: Vec<_> = found.iter().map(|passage| passage.kind).collect();
    assert_eq!(kinds, [Conditions, Conditions, Time, Place, Phone]);
}

#[test]
fn notes_of_their_own_lines_hold_for_the_whole_item() {
    let text = format!(
        "1. 建设网络\n{LONG}\n{LONG}{LONG}{LONG}\n{LONG}{LONG}\n牵头单位：市工信局\n配合单位：市数据局，各区\n2. 其他\n{LONG}\n"
    );
    let (whole, found) = cut("a.txt", &text);
    let (first, second): (Vec<_>, Vec<_>) = found.iter().partition(|p| p.path[0].starts_with('1'));
    assert!(first.len() >= 2);
    for passage in first {
        assert_eq!(passage.responsible, ["市工信局", "市数据局", "各区"]);
    }
    assert!(second.iter().all(|passage| passage.responsible.is_empty()));
    for passage in &found {
        let chars: usize = passage
            .sentences
            .iter()
            .map(|s| whole[s.clone()].chars().count())
            .sum();
        assert!(chars <= 370, "{chars}");
    }
}

#[test]
fn a_heading_may_head_a_table() {
    let text = "# 收费\n\n一、租金\n\n| 户型 | 面积 | 租金 |\n|---|---|---|\n| 一室 | 35平方米 | 每月280元 |\n| 两室 | 50平方米 | 每月400元 |\n\n二、时限\n30日。\n";
    let (whole, found) = cut("a.md", text);
    assert_eq!(paths(&found), ["收费 > 一、租金", "收费 > 二、时限"]);
    assert_eq!(
        &whole[found[0].table_head.clone().unwrap()],
        "户型 | 面积 | 租金"
    );
    let rows: Vec<_> = found[0]
        .sentences
        .iter()
        .map(|row| &whole[row.clone()])
        .collect();
    assert_eq!(
        rows,
        ["一室 | 35平方米 | 每月280元", "两室 | 50平方米 | 每月400元"]
    );
}
