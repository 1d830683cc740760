//! Five real planning documents as they were scraped: what their structure is read as.

use std::path::PathBuf;

use zhisuan_apps::kb::{BlockKind, Extract, Passage, passages, read};

/// A seed by the beginning of its name; nothing where the seeds are not at hand.
fn seed(start: &str) -> Option<(Extract, Vec<Passage>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/seeds");
    let Ok(entries) = std::fs::read_dir(folder) else {
        eprintln!("SKIPPED: no seeds at ../shared/seeds");
        return None;
    };
    let mut files = entries.map(|entry| entry.unwrap().path());
    let named = |path: &PathBuf| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with(start)
    };
    let file = files.find(named)?;
    let bytes = std::fs::read(&file).unwrap();
    let extract = read(&file.to_string_lossy(), &bytes).unwrap();
    let found = passages(&extract.text, &extract.blocks, 0);
    Some((extract, found))
}

/// The passages whose path ends so.
fn under<'a>(found: &'a [Passage], heading: &str) -> Vec<&'a Passage> {
    let ends = |passage: &&Passage| passage.path.last().is_some_and(|last| last == heading);
    let found: Vec<_> = found.iter().filter(ends).collect();
    assert!(!found.is_empty(), "no passage under {heading}");
    found
}

fn furniture(extract: &Extract) -> Vec<&str> {
    let blocks = extract.blocks.iter();
    blocks
        .filter(|block| block.kind == BlockKind::Furniture)
        .map(|block| &extract.text[block.range.clone()])
        .collect()
}

#[test]
fn items_know_their_chapter_and_who_is_responsible() {
    let Some((extract, found)) = seed("000") else {
        return;
    };
    let item = under(&found, "2.持续推动数字基础设施升级")[0];
    let path = ["三、做强数字乌海发展底座", "(一)完善信息化基础设施支撑体系"];
    assert_eq!(item.path[..2], path);
    let bodies = [
        "市行政审批政务服务与数据管理局",
        "工业和信息化局",
        "市国创数字产业发展有限责任公司",
    ];
    assert_eq!(item.responsible, bodies);
    let foot = furniture(&extract);
    assert_eq!(foot[0], "触碰右侧滑开");
    assert!(foot.iter().any(|line| line.starts_with("网站地图")));
    assert_eq!(foot.len(), 6, "{foot:?}");
}

#[test]
fn traditional_characters_are_read_alike() {
    let Some((extract, found)) = seed("001") else {
        return;
    };
    let item = under(&found, "(十)全市政務一朵云")[0];
    assert_eq!(item.path[0], "三、推動基礎設施集約化管理");
    assert_eq!(furniture(&extract).len(), 8);
    let goal = under(&found, "(三)總體目標")[0];
    assert_eq!(&extract.text[goal.deadline.clone().unwrap()], "到2025年底");
}

#[test]
fn chapters_sections_and_boxes_nest() {
    let Some((_, found)) = seed("002") else {
        return;
    };
    let plan = under(&found, "第三节 工程推进计划")[0];
    assert_eq!(plan.path[0], "第四章 规划实施安排");
    let box_of = |passage: &&Passage| {
        passage
            .path
            .last()
            .is_some_and(|last| last.starts_with("专栏"))
    };
    assert!(found.iter().filter(box_of).count() > 20);
    // A date that lost its dashes is no heading.
    assert!(
        found
            .iter()
            .all(|passage| passage.path.iter().all(|heading| heading != "2023325"))
    );
}

#[test]
fn notes_in_brackets_give_bodies_and_deadlines() {
    let Some((extract, found)) = seed("003") else {
        return;
    };
    let item = under(&found, "6. 推动电子证照标准化应用")[0];
    assert_eq!(item.responsible, ["盟政数局", "盟直各相关部门", "各旗(区)"]);
    assert_eq!(&extract.text[item.deadline.clone().unwrap()], "2024年12月");
}

#[test]
fn notes_on_lines_and_headings_without_numbers_are_read() {
    let Some((_, found)) = seed("004") else {
        return;
    };
    let item = under(&found, "推进IPv6规模化部署和应用")[0];
    assert_eq!(item.path[..2], ["二、重点行动", "(一)数字基础设施完善行动"]);
    assert_eq!(item.responsible[0], "市行政审批政务服务与数据管理局");
    assert!(item.responsible.contains(&"电信运营商".to_owned()));
}

#[test]
fn nothing_of_the_texts_is_lost_but_headings_and_furniture() {
    for start in ["000", "001", "002", "003", "004"] {
        let Some((extract, found)) = seed(start) else {
            return;
        };
        let said: usize = found
            .iter()
            .flat_map(|p| &p.sentences)
            .map(ExactSizeIterator::len)
            .sum();
        let all: usize = extract.blocks.iter().map(|block| block.range.len()).sum();
        assert!(said * 100 >= all * 93, "{start}: {said} of {all} bytes");
        let mut last = 0;
        for sentence in found.iter().flat_map(|passage| &passage.sentences) {
            assert!(sentence.start >= last, "{start}: sentences overlap");
            last = sentence.end;
        }
        for passage in &found {
            let bytes: usize = passage.sentences.iter().map(ExactSizeIterator::len).sum();
            assert!(
                bytes <= 1600,
                "{start}: {bytes} bytes under {:?}",
                passage.path
            );
        }
    }
}
