//! The guided service on the sample base: every item is found with few questions.

use zhisuan_apps::guide::{Item, Path, Step, items, next, sheet};
use zhisuan_apps::kb::SectionKind;

use crate::support::{DAY, sample};

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
