//! Corrections of what was published: they hold in place of what they correct, on every day.

use jiff::civil::{Date, date};
use zhisuan_apps::kb::{Declared, Head, Library, Published, State, VersionId};

use crate::library::{NOW, add, checker, guide, library, maker};

fn state(published: &Published, number: u32, day: Date) -> State {
    let mut all = published.versions.iter();
    let version = all.find(|version| version.id.number == number).unwrap();
    version.state_on(day)
}

/// Publishes a guide and then a correction of its head.
fn corrected(library: &Library, change: impl FnOnce(&mut Head)) -> VersionId {
    let first = add(library, "parking.md", &guide("2025-03-01", "30"));
    library.publish(&first.version, &maker(), NOW).unwrap();
    let mut head = first.head;
    change(&mut head);
    let second = library
        .edit_head(&first.version, head, &maker(), NOW)
        .unwrap();
    library.publish(&second.version, &checker(), NOW).unwrap();
    second.version
}

#[test]
fn a_text_that_is_found_to_be_a_draft_is_law_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    corrected(&library, |head| head.declared = Declared::Draft);
    let published = library.published("city").unwrap();
    assert_eq!(state(&published, 1, date(2026, 1, 15)), State::Superseded);
    assert_eq!(state(&published, 2, date(2026, 1, 15)), State::Draft);
}

#[test]
fn an_earlier_first_day_is_taken_up_on_every_day() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    corrected(&library, |head| head.effective = Some(date(2025, 1, 1)));
    let published = library.published("city").unwrap();
    for day in [date(2025, 1, 1), date(2025, 3, 1), date(2026, 1, 15)] {
        assert_eq!(state(&published, 1, day), State::Superseded, "{day}");
        assert_eq!(state(&published, 2, day), State::InForce, "{day}");
    }
    assert_eq!(state(&published, 2, date(2024, 12, 31)), State::NotYet);
}

#[test]
fn a_cleared_first_day_and_a_wrong_place_do_not_stay_law() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    corrected(&library, |head| {
        head.effective = None;
        head.place = Some("青石市".to_owned());
    });
    let published = library.published("city").unwrap();
    let day = date(2026, 1, 15);
    let holding: Vec<_> = published
        .versions
        .iter()
        .filter(|version| version.state_on(day).holds())
        .map(|version| (version.id.number, version.head.place.as_deref()))
        .collect();
    assert_eq!(holding, [(2, Some("青石市"))]);
}

#[test]
fn a_corrected_older_text_does_not_come_before_the_newer_one() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let bare = |fee: &str| guide("2025-03-01", fee).replace("生效日期: 2025-03-01\n", "");
    let first = add(&library, "parking.md", &bare("30"));
    library.publish(&first.version, &maker(), NOW).unwrap();
    let next_day = NOW + 86_400_000;
    let second = add(&library, "parking.md", &bare("45"));
    library
        .publish(&second.version, &checker(), next_day)
        .unwrap();
    let head = Head {
        theme: Some("停车".to_owned()),
        ..first.head
    };
    let third = library
        .edit_head(&first.version, head, &maker(), next_day)
        .unwrap();
    let later = next_day + 86_400_000;
    library.publish(&third.version, &checker(), later).unwrap();
    let published = library.published("city").unwrap();
    let day = date(2026, 2, 1);
    assert_eq!(state(&published, 2, day), State::InForce);
    assert_eq!(state(&published, 3, day), State::Superseded);
}

#[test]
fn a_draft_is_never_repealed_into_law() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let text = guide("2025-03-01", "30").replace("状态: 现行", "状态: 草案");
    let draft = add(&library, "draft.md", &text);
    library.publish(&draft.version, &checker(), NOW).unwrap();
    let refused = library.repeal(&draft.version, date(2027, 1, 1), &maker(), NOW);
    assert_eq!(refused.unwrap_err().field(), Some("version"));
    // What does not say whether it holds does not say so by its end either.
    let text = guide("2025-03-01", "30")
        .replace("状态: 现行\n", "")
        .replace("〔2025〕7号", "〔2025〕8号")
        .replace("停车证", "停车场备案");
    let unstated = add(&library, "lot.md", &text);
    library.publish(&unstated.version, &checker(), NOW).unwrap();
    let ended = library
        .repeal(&unstated.version, date(2027, 1, 1), &maker(), NOW)
        .unwrap();
    library.publish(&ended.version, &checker(), NOW).unwrap();
    let published = library.published("city").unwrap();
    let ended = published
        .versions
        .iter()
        .find(|version| version.id == ended.version)
        .unwrap();
    assert_eq!(ended.state_on(date(2026, 12, 31)), State::Unstated);
    assert_eq!(ended.state_on(date(2027, 1, 1)), State::Repealed);
    let early = library.repeal(&unstated.version, date(2024, 1, 1), &maker(), NOW);
    assert_eq!(early.unwrap_err().field(), Some("repealed"));
}
