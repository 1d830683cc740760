//! The guided service on the sample base: every item is found with few questions.

use zhisuan_apps::guide::{Feature, Item, Path, Step, items, names, next, sheet};
use zhisuan_apps::kb::SectionKind;

use crate::support::{DAY, base_of, sample};

/// Questions until the item is found or picked by title, answering as somebody who wants it.
fn questions(items: &[Item], wanted: &Item) -> usize {
    let mut path: Path = Vec::new();
    loop {
        match next(items, &path) {
            Step::Found { item } => {
                assert_eq!(item.document, wanted.document);
                return path.len();
            }
            Step::Pick { items } => {
                assert!(items.iter().any(|item| item.document == wanted.document));
                return path.len() + 1;
            }
            Step::Ask(choice) => {
                let own = wanted
                    .values
                    .get(&choice.feature)
                    .and_then(|values| values.first());
                if let Some(own) = own {
                    assert!(choice.options.iter().any(|option| option.value == *own));
                }
                path.push((choice.feature, own.cloned()));
            }
            Step::Nothing => panic!("{} is lost after {path:?}", wanted.title),
        }
    }
}

#[test]
fn every_item_is_found_with_few_questions() {
    let items = items(&sample().published(), DAY);
    assert!(items.len() > 20, "{}", items.len());
    let asked: Vec<usize> = items.iter().map(|item| questions(&items, item)).collect();
    let mean = asked.iter().sum::<usize>() as f64 / items.len() as f64;
    eprintln!("{} items, {mean:.2} questions on average", items.len());
    assert!(asked.iter().all(|count| *count <= 6), "{asked:?}");
    assert!(mean <= 3.0, "{mean}");
}

#[test]
fn who_knows_nothing_still_sees_every_item() {
    let items = items(&sample().published(), DAY);
    let mut path: Path = Vec::new();
    while let Step::Ask(choice) = next(&items, &path) {
        path.push((choice.feature, None));
    }
    match next(&items, &path) {
        Step::Pick { items: left } => assert_eq!(left.len(), items.len()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_guide_begins_with_steps_and_its_lines_stand_in_the_text() {
    let published = sample().published();
    let mut versions = published.versions.iter();
    let version = versions
        .find(|version| version.id.document == "residence-permit")
        .unwrap();
    let sheet = sheet(version);
    assert_eq!(sheet.sections[0].kind, SectionKind::Process);
    assert!(sheet.sections[0].lines[0].text.starts_with("在“云麓办”"));
    for line in sheet.sections.iter().flat_map(|section| &section.lines) {
        let there = version.text.get(line.start_byte..line.end_byte).unwrap();
        assert!(there.contains(&line.text), "{there}");
    }
}

/// A guide with so many sections that it describes a service.
fn guide(title: &str, place: &str, theme: &str) -> String {
    format!(
        "---\n标题: {title}\n发布机构: 文化局\n适用地区: {place}\n状态: 现行\n主题: {theme}\n---\n\n\
         # {title}\n\n## 申请材料\n\n- 申请表。\n- 身份证。\n\n## 办理流程\n\n1. 网上申请。\n2. 窗口领取。\n"
    )
}

#[test]
fn one_place_in_two_scripts_is_offered_once_and_counts_what_it_leaves() {
    let shows = [
        "风筝", "灯谜", "龙舟", "舞狮", "剪纸", "皮影", "评弹", "木偶",
    ];
    let mut files: Vec<(String, String)> = shows
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let (place, theme) = match at % 4 {
                0 => ("云麓市", "文化活动"),
                1 => ("雲麓市", "文化活動"),
                _ => ("青岚市", "文化活动"),
            };
            (
                format!("{at}.md"),
                guide(&format!("{name}演出说明"), place, theme),
            )
        })
        .collect();
    // One says of no place: it stays after any choice.
    let everywhere = guide("高跷演出说明", "某地", "文化活动").replace("适用地区: 某地\n", "");
    files.push(("all.md".to_owned(), everywhere));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(n, t)| (&**n, t.as_bytes())).collect();
    let (_dir, folder) = base_of(&files);
    let items = items(&folder.published(), DAY);
    assert_eq!(items.len(), 9);
    let Step::Ask(choice) = next(&items, &Path::new()) else {
        panic!("nothing is asked")
    };
    let offered: Vec<(&str, usize)> = choice
        .options
        .iter()
        .map(|option| (&*option.value, option.items))
        .collect();
    assert_eq!(offered, [("云麓市", 5), ("青岚市", 5)]);
    for written in ["云麓市", "雲麓市"] {
        let path = vec![(choice.feature, Some(written.to_owned()))];
        let Step::Pick { items: left } = next(&items, &path) else {
            panic!("{written}")
        };
        assert_eq!(left.len(), 5, "{written}");
        // What says nothing of the place comes last.
        let named = left.iter().map(|item| names(item, &path));
        assert_eq!(named.collect::<Vec<_>>(), [true, true, true, true, false]);
    }
}

#[test]
fn what_is_planned_is_no_service() {
    let conditions = "## 总体目标\n\n到2027年建成。\n\n## 申报条件\n\n- 区县政府。\n\n## 工作程序\n\n1. 申报。\n2. 评审。\n";
    let titles = [
        "云麓市数字政府建设三年行动方案（2025—2027年）",
        "关于印发《云麓市新型智慧城市建设“十五五”规划》的通知",
        "云麓市政务服务提升工作计划（征求意见稿）",
        "建设工程规划许可办事指南",
        "露营活动应急方案备案服务指南",
    ];
    let texts = titles.map(|title| {
        format!("---\n标题: {title}\n发布机构: 云麓市人民政府\n适用地区: 云麓市\n状态: 现行\n---\n\n# {title}\n\n{conditions}")
    });
    let names = ["a.md", "b.md", "c.md", "d.md", "e.md"];
    let files: Vec<(&str, &[u8])> = names
        .into_iter()
        .zip(&texts)
        .map(|(name, text)| (name, text.as_bytes()))
        .collect();
    let (_dir, folder) = base_of(&files);
    let found = items(&folder.published(), DAY);
    let mut found: Vec<&str> = found.iter().map(|item| &*item.document).collect();
    found.sort_unstable();
    assert_eq!(found, ["d", "e"]);
}

#[test]
fn a_text_in_traditional_characters_is_found_by_its_situation() {
    let items = items(&sample().published(), DAY);
    let path = vec![(Feature::Situation, Some("养老和照顾老人".to_owned()))];
    let Step::Pick { items: left } = next(&items, &path) else {
        panic!("too many for one question")
    };
    let found: Vec<&str> = left.iter().map(|item| &*item.document).collect();
    assert!(found.contains(&"elder-meal-traditional"), "{found:?}");
    assert!(!found.contains(&"library-card"), "{found:?}");
}
