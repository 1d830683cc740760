//! The real planning documents brought into a library as a maker and a checker would: proposed
//! repairs accepted, then published.

use std::fs;
use std::path::Path;

use crate::kb::{Add, BankQuestion, Library, LibraryError, VersionId};
use crate::staff::Person;

/// What became of the documents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Reviewed {
    /// Published, `seed-` and the first three characters of the file's name.
    pub published: Vec<VersionId>,
    /// Left out, and why.
    pub left_out: Vec<(String, String)>,
}

/// Brings every file of a folder in, accepts the repairs that the quality gate proposes, and
/// publishes; then their question bank, if any. The evaluation set names the documents by the first three characters of their files.
pub fn review_seeds(
    library: &Library,
    base: &str,
    (folder, bank): (&Path, &[BankQuestion]),
    now_ms: i64,
) -> Result<Reviewed, LibraryError> {
    let maker = Person::both("evaluation-maker", "评测录入");
    let checker = Person::both("evaluation-checker", "评测复核");
    let mut reviewed = Reviewed::default();
    for name in names(folder) {
        let Ok(bytes) = fs::read(folder.join(&name)) else {
            let reason = "无法读取，请检查权限".to_owned();
            reviewed.left_out.push((name, reason));
            continue;
        };
        let number: String = name.chars().take(3).collect();
        let added = library.add(&Add {
            base: base.to_owned(),
            name: name.clone(),
            bytes,
            document: Some(format!("seed-{number}")),
            person: maker.clone(),
            now_ms,
        })?;
        let proposed = added.findings.iter().flat_map(|finding| &finding.proposed);
        let repairs: Vec<_> = proposed.cloned().collect();
        let mut version = added.version;
        if !repairs.is_empty() {
            version = library
                .accept_repairs(&version, &repairs, &maker, now_ms)?
                .version;
        }
        match library.publish(&version, &checker, now_ms) {
            Ok(()) => reviewed.published.push(version),
            Err(fault) => reviewed.left_out.push((name, fault.to_string())),
        }
    }
    let proposed = library.propose_questions(base, bank, &maker, now_ms)?;
    if !proposed.waiting.is_empty() {
        library.settle_questions(base, &proposed.waiting, true, &checker, now_ms)?;
    }
    let left_out = proposed.left_out.into_iter();
    let left_out = left_out.map(|(one, reason)| (one.question, reason));
    reviewed.left_out.extend(left_out);
    Ok(reviewed)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "txt"))
        .collect();
    names.sort();
    names
}
