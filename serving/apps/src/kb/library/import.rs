//! Bringing in a folder: clean texts are published, suspicious ones wait, unreadable ones are told.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::add::{Add, Named, Told, Way, put};
use super::desk::{Desk, must_make};
use super::second::needs_second;
use super::{Library, LibraryError};
use crate::kb::bank::read_bank;
use crate::kb::finding::{Finding, Severity};
use crate::kb::known::{Known, Stage};
use crate::kb::store::rows::VersionRow;
use crate::kb::version::VersionId;
use crate::staff::Person;

/// Deepest folder that is read.
const MAX_DEPTH: usize = 8;
/// Most files of one import.
const MAX_FILES: usize = 20_000;
/// Largest file of an import, in bytes.
const MAX_BYTES: u64 = 64 << 20;
/// Files brought in together.
const TOGETHER: usize = 64;

/// The file of a folder that is no document but its question bank.
pub const QUESTION_BANK: &str = "question-bank.jsonl";

/// What became of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Imported {
    /// Versions that were published by this import.
    pub published: Vec<VersionId>,
    /// Versions that wait for a checker, each with how many findings are suspicious.
    pub quarantined: Vec<(VersionId, usize)>,
    /// Clean versions that would take the place of a text that is or was law: a person publishes
    /// them.
    pub waiting: Vec<VersionId>,
    /// Files that were there already.
    pub unchanged: usize,
    /// Questions of the folder's [`QUESTION_BANK`] that are in force now.
    pub questions: usize,
    /// Files that were left out.
    pub left_out: Vec<LeftOut>,
}

/// A file that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LeftOut {
    /// Path below the folder.
    pub file: String,
    /// Byte offset of the fault, where it has one.
    pub offset: Option<usize>,
    /// Stable code.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub reason: String,
}

impl Library {
    /// Brings in every file below a folder. Links are not followed. Doing it again brings in only
    /// what is new, so that an import that was cut off is simply repeated. The folder's own
    /// [`QUESTION_BANK`] goes into force with the texts.
    pub fn import_folder(
        &self,
        base: &str,
        folder: &Path,
        person: &Person,
        now_ms: i64,
    ) -> Result<Imported, LibraryError> {
        must_make(person)?;
        let mut imported = Imported::default();
        let mut names = HashMap::new();
        let mut paths = Vec::new();
        walk(folder, folder, 0, &mut paths, &mut imported.left_out).map_err(|error| {
            let message = format!(
                "无法读取目录 {}：{error}，请检查路径和读取权限",
                folder.display()
            );
            LibraryError::bad("folder", message)
        })?;
        paths.sort();
        let bank = folder.join(QUESTION_BANK);
        let has_bank = paths.contains(&bank);
        paths.retain(|path| *path != bank);
        let mut ready = Vec::new();
        for (at, group) in paths.chunks(TOGETHER).enumerate() {
            if at * TOGETHER >= MAX_FILES {
                for path in group {
                    let reason = format!("一次最多导入 {MAX_FILES} 个文件，请分目录导入");
                    imported.leave_out(folder, path, "too_many", reason);
                }
                continue;
            }
            let files: Vec<Add> = group
                .iter()
                .filter_map(|path| imported.open(folder, path, base, person, now_ms))
                .collect();
            let files = imported.apart(files, &mut names);
            ready.extend(self.import_group(files, &mut imported)?);
        }
        self.publish_way(&ready, None, person, now_ms, Way::Folder)?;
        imported.published = ready;
        if has_bank {
            self.import_bank(base, &bank, &mut imported, person, now_ms)?;
        }
        Ok(imported)
    }

    /// Brings the question bank of a folder in; what of it cannot be used is told and left out.
    fn import_bank(
        &self,
        base: &str,
        file: &Path,
        imported: &mut Imported,
        person: &Person,
        now_ms: i64,
    ) -> Result<(), LibraryError> {
        let folder = file.parent().unwrap_or(file);
        let text = read_bounded(file).map(|bytes| bytes.and_then(|b| String::from_utf8(b).ok()));
        let read = match text {
            Ok(Some(text)) => read_bank(&text).map_err(|bad| bad.to_string()),
            _ => Err("读不出来，应为不太大的 UTF-8 文本".to_owned()),
        };
        match read {
            Ok(questions) => {
                let done = self.import_questions(base, &questions, person, now_ms)?;
                let published = self.published(base).unwrap_or_default();
                let in_force: HashSet<_> = published.bank.iter().collect();
                let held = questions
                    .iter()
                    .filter(|one| in_force.contains(&one.trimmed()));
                imported.questions = held.count();
                for (one, reason) in done.left_out {
                    let reason = format!("问题“{}”没有收入：{reason}", one.question);
                    imported.leave_out(folder, file, "question", reason);
                }
            }
            Err(reason) => imported.leave_out(folder, file, "question_bank", reason),
        }
        Ok(())
    }

    /// Brings files in as one transaction; a file that is refused does not hold up the others. The
    /// answer is what may be published with no second person.
    fn import_group(
        &self,
        files: Vec<(Add, Named)>,
        imported: &mut Imported,
    ) -> Result<Vec<VersionId>, LibraryError> {
        let Some(base) = files.first().map(|(add, _)| add.base.clone()) else {
            return Ok(Vec::new());
        };
        let files = self.read_new(files, imported)?;
        let mut desk = self.desk();
        let Desk { store, known, .. } = &mut *desk;
        let known = known.entry(base).or_default();
        let before = known.len();
        let done = store.change(|transaction| {
            let mut ready = Vec::new();
            for File { add, named, told } in files {
                // Somebody else may have brought it in since it was looked up.
                let (row, new) = match (named.known(transaction, &add)?, told) {
                    (Some(row), _) => (row, false),
                    (None, Some(told)) => (put(transaction, known, &add, &named, told)?, true),
                    (None, None) => continue,
                };
                let open = row.stage == Stage::Ready && !row.changed;
                let second = needs_second(transaction, &row)?;
                if open && !second {
                    ready.push(row.id.clone());
                }
                imported.count(&row, new, open && second);
                if new {
                    let id = row.id.clone();
                    known.push(Known::of(id, &row.head, row.sketch));
                }
            }
            Ok::<_, LibraryError>(ready)
        });
        if done.is_err() {
            // Nothing of the group was kept.
            known.truncate(before);
        }
        let ready = done?;
        self.tell_chain(&desk.store)?;
        Ok(ready)
    }

    /// Reads the files that are not there already, while others may use the library.
    fn read_new(
        &self,
        files: Vec<(Add, Named)>,
        imported: &mut Imported,
    ) -> Result<Vec<File>, LibraryError> {
        let mut found = Vec::with_capacity(files.len());
        for (add, named) in files {
            let known = named.known(self.desk().store.read(), &add);
            let told = known.and_then(|known| match known {
                Some(_) => Ok(None),
                None => Told::of(&add).map(Some),
            });
            match told {
                Ok(told) => found.push(File { add, named, told }),
                Err(error @ (LibraryError::Unreadable { .. } | LibraryError::BadField { .. })) => {
                    imported.left_out.push(LeftOut::of(&add.name, &error));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}

/// A file of a folder; read, unless it is there already.
struct File {
    add: Add,
    named: Named,
    told: Option<Told>,
}

impl Imported {
    /// Each file with its document; a second file of the same document is left out, for the two
    /// would take each other's place.
    fn apart(&mut self, files: Vec<Add>, names: &mut HashMap<String, String>) -> Vec<(Add, Named)> {
        let mut apart = Vec::with_capacity(files.len());
        for add in files {
            let named = match Named::of(&add, Way::Folder) {
                Ok(named) => named,
                Err(error) => {
                    self.left_out.push(LeftOut::of(&add.name, &error));
                    continue;
                }
            };
            if let Some(first) = names.get(&named.document) {
                let reason = format!(
                    "与“{first}”同名，都是文件“{}”，只取前一个；请改名或移走其中一个",
                    named.document
                );
                self.left_out.push(LeftOut {
                    file: add.name,
                    offset: None,
                    code: "same_name",
                    reason,
                });
                continue;
            }
            names.insert(named.document.clone(), add.name.clone());
            apart.push((add, named));
        }
        apart
    }

    /// Counts what became of a file.
    fn count(&mut self, row: &VersionRow, new: bool, waits: bool) {
        if !new {
            self.unchanged += 1;
            return;
        }
        let grave = |finding: &&Finding| finding.severity >= Severity::Suspicious;
        let grave = row.findings.iter().filter(grave).count();
        if grave > 0 {
            self.quarantined.push((row.id.clone(), grave));
        } else if waits {
            self.waiting.push(row.id.clone());
        }
    }

    fn leave_out(&mut self, folder: &Path, path: &Path, code: &'static str, reason: String) {
        self.left_out.push(LeftOut {
            file: relative(folder, path),
            offset: None,
            code,
            reason,
        });
    }

    fn open(
        &mut self,
        folder: &Path,
        path: &Path,
        base: &str,
        person: &Person,
        now_ms: i64,
    ) -> Option<Add> {
        match read_bounded(path) {
            Ok(Some(bytes)) => Some(Add {
                base: base.to_owned(),
                name: relative(folder, path),
                bytes,
                document: None,
                person: person.clone(),
                now_ms,
            }),
            Ok(None) => {
                let reason = format!("文件超过 {} MiB，请拆分后再放入", MAX_BYTES >> 20);
                self.leave_out(folder, path, "too_large", reason);
                None
            }
            Err(error) => {
                let reason = format!("无法读取：{error}，请检查权限");
                self.leave_out(folder, path, "unreadable", reason);
                None
            }
        }
    }
}

impl LeftOut {
    fn of(file: &str, error: &LibraryError) -> Self {
        let (code, offset) = match error {
            LibraryError::Unreadable { code, offset, .. } => (*code, *offset),
            other => (other.code(), None),
        };
        Self {
            file: file.to_owned(),
            offset,
            code,
            reason: error.to_string(),
        }
    }
}

/// A file's bytes; none if there are too many.
fn read_bounded(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MAX_BYTES).then_some(bytes))
}

fn walk(
    base: &Path,
    folder: &Path,
    depth: usize,
    paths: &mut Vec<PathBuf>,
    left_out: &mut Vec<LeftOut>,
) -> io::Result<()> {
    let refuse = |path: &Path, code, reason: String, left_out: &mut Vec<LeftOut>| {
        left_out.push(LeftOut {
            file: relative(base, path),
            offset: None,
            code,
            reason,
        });
    };
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if kind.is_dir() && depth < MAX_DEPTH {
            if let Err(error) = walk(base, &path, depth + 1, paths, left_out) {
                let reason = format!("无法读取目录：{error}，请检查权限");
                refuse(&path, "unreadable", reason, left_out);
            }
        } else if kind.is_dir() {
            let reason = format!("目录超过 {MAX_DEPTH} 层，请上移");
            refuse(&path, "too_deep", reason, left_out);
        } else if kind.is_symlink() {
            let reason = "是链接，不跟随，请放入文件本身".to_owned();
            refuse(&path, "link", reason, left_out);
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

fn relative(base: &Path, path: &Path) -> String {
    let below = path.strip_prefix(base).unwrap_or(path);
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
