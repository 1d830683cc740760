//! What the tests share: the sample base, small bases of their own, a fixed day.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use jiff::civil::{Date, date};
use tempfile::TempDir;
use zhisuan_apps::answer::{Answer, Asked, Base};
use zhisuan_apps::kb::{Audience, Library, Published};
use zhisuan_apps::staff::Person;

/// The day on which all tests ask.
pub(crate) const DAY: Date = date(2026, 1, 15);
/// The same day at 08:00 in China, in milliseconds since 1970.
const NOW_MS: i64 = 1_768_435_200_000;

static SAMPLE: LazyLock<Arc<Published>> = LazyLock::new(|| published(&example("knowledge")));

/// A folder of texts as its library publishes it.
pub(crate) struct Folder(Arc<Published>);

impl Folder {
    pub(crate) fn published(&self) -> Published {
        Published::clone(&self.0)
    }

    pub(crate) fn base(&self) -> Base {
        Base::build(self.0.clone(), None).unwrap()
    }
}

/// A path below the examples.
pub(crate) fn example(path: &str) -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    examples.join(path)
}

/// The sample base.
pub(crate) fn sample() -> Folder {
    Folder(SAMPLE.clone())
}

/// A base of given files in a folder that lives as long as the first value.
pub(crate) fn base_of(files: &[(&str, &[u8])]) -> (TempDir, Folder) {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let folder = Folder(published(dir.path()));
    (dir, folder)
}

/// Brings a folder in and publishes all that a checker may publish.
fn published(folder: &Path) -> Arc<Published> {
    let store = tempfile::tempdir().unwrap();
    let library = Library::open(&store.path().join("kb.sqlite")).unwrap();
    let (maker, checker) = (Person::both("m", "录入"), Person::both("c", "复核"));
    library
        .put_base("city", "城市知识库", &Audience::Public, &maker, NOW_MS)
        .unwrap();
    let imported = library
        .import_folder("city", folder, &maker, NOW_MS)
        .unwrap();
    for (version, _) in imported.quarantined {
        // What is blocked stays out.
        drop(library.publish(&version, &checker, NOW_MS));
    }
    library.published("city").unwrap()
}

/// A question on [`DAY`].
pub(crate) fn asked(question: &str) -> Asked {
    Asked {
        question: question.to_owned(),
        as_of: DAY,
        place: None,
        top_k: 5,
    }
}

/// The answer on [`DAY`].
pub(crate) fn ask(base: &Base, question: &str) -> Answer {
    base.answer(&asked(question))
}

/// All sentences of an answer in one text.
pub(crate) fn told(answer: &Answer) -> String {
    let texts = answer
        .sentences
        .iter()
        .map(|sentence| sentence.text.as_str());
    texts.collect::<Vec<_>>().join("\n")
}
