//! Bringing a file in: read, judged and kept, whatever is found in it.

use rusqlite::Connection;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::desk::{must_have_base, must_make};
use super::{Library, LibraryError};
use crate::kb::finding::{Finding, Severity};
use crate::kb::head::{Head, read_head};
use crate::kb::known::{Known, Stage};
use crate::kb::quality::{Sketch, examine_version};
use crate::kb::read;
use crate::kb::store::rows::VersionRow;
use crate::kb::store::versions::{keep_raw, newest};
use crate::kb::store::{Deed, Layout};
use crate::kb::version::{SourceFile, VersionId};
use crate::staff::Person;

/// Longest name of a document, in bytes.
const MAX_NAME: usize = 200;

/// A file to bring in.
#[derive(Debug, Clone)]
pub struct Add {
    /// The knowledge base.
    pub base: String,
    /// Name of the file, with its ending.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Name of the document that it is a version of; none makes it of the file's name.
    pub document: Option<String>,
    /// Who brings it.
    pub person: Person,
    /// Now, milliseconds since 1970.
    pub now_ms: i64,
}

/// A version as it was brought in or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Added {
    /// Which it is.
    pub version: VersionId,
    /// Where it stands now.
    pub stage: Stage,
    /// What it says of itself.
    pub head: Head,
    /// What the gate found.
    pub findings: Vec<Finding>,
    /// The very same file was there already as this version; nothing was done.
    pub unchanged: bool,
}

impl Library {
    /// Brings a file in as a new version. Clean ones are ready to publish, suspicious ones wait in
    /// quarantine; a file that is the newest version already changes nothing.
    pub fn add(&self, add: &Add) -> Result<Added, LibraryError> {
        let mut desk = self.desk();
        let desk = &mut *desk;
        let known = &desk.known;
        let (row, unchanged) = desk
            .store
            .change(|transaction| put(transaction, known, add))?;
        desk.know(&row);
        self.tell_chain(&desk.store)?;
        Ok(Added::of(&row, unchanged))
    }
}

impl Added {
    pub(super) fn of(row: &VersionRow, unchanged: bool) -> Self {
        Self {
            version: row.id.clone(),
            stage: row.stage,
            head: row.head.clone(),
            findings: row.findings.clone(),
            unchanged,
        }
    }
}

/// Reads, judges and keeps a file; true where it was there already.
pub(super) fn put(
    connection: &Connection,
    known: &[Known],
    add: &Add,
) -> Result<(VersionRow, bool), LibraryError> {
    must_make(&add.person)?;
    must_have_base(connection, &add.base)?;
    let document = document_name(add)?;
    let sha256 = sha256(&add.bytes);
    let before = newest(connection, &document)?;
    if let Some(before) = &before {
        if before.base != add.base {
            let message = format!(
                "文件名（document）“{document}”已用于知识库“{}”，请换一个名称",
                before.base
            );
            return Err(LibraryError::bad("document", message));
        }
        if before.file.sha256 == sha256 && before.stage != Stage::Withdrawn {
            return Ok((before.clone(), true));
        }
    }
    let extract = read(&add.name, &add.bytes).map_err(|fault| LibraryError::Unreadable {
        name: add.name.clone(),
        code: fault.code,
        offset: fault.offset,
        message: fault.message,
    })?;
    let number = before.map_or(1, |before| before.id.number.saturating_add(1));
    let id = VersionId { document, number };
    let head = named(read_head(&extract), &id);
    let findings = examine_version(&extract, &head, known, &id.document);
    let row = VersionRow {
        base: add.base.clone(),
        stage: stage(&findings),
        file: SourceFile {
            name: add.name.clone(),
            format: extract.format,
            bytes: add.bytes.len() as u64,
            sha256: sha256.clone(),
        },
        layout: Layout::of(&extract),
        sketch: Sketch::of(&extract.text),
        text: extract.text,
        head,
        repairs: Vec::new(),
        findings,
        makers: vec![add.person.id.clone()],
        changed: false,
        checker: None,
        added_ms: add.now_ms,
        published_ms: None,
        note: String::new(),
        id,
    };
    keep_raw(connection, &sha256, &add.bytes)?;
    row.insert(connection)?;
    deed(&row, &add.person, "add", add.now_ms).write(connection)?;
    Ok((row, false))
}

/// What the history and the chain keep of a change of a version.
pub(super) fn deed<'a>(
    row: &'a VersionRow,
    person: &'a Person,
    action: &'static str,
    at_ms: i64,
) -> Deed<'a> {
    Deed {
        at_ms,
        base: &row.base,
        person: &person.id,
        action,
        object: row.id.to_string(),
        detail: json!({
            "file_sha256": row.file.sha256,
            "findings": row.findings.len(),
            "repairs": row.repairs.len(),
            "stage": row.stage,
        }),
    }
}

/// Quarantined while a person must look.
pub(super) fn stage(findings: &[Finding]) -> Stage {
    let grave = |finding: &Finding| finding.severity >= Severity::Suspicious;
    if findings.iter().any(grave) {
        Stage::Quarantined
    } else {
        Stage::Ready
    }
}

/// A text without a title goes by its document's name.
fn named(mut head: Head, id: &VersionId) -> Head {
    if head.title.trim().is_empty() {
        head.title.clone_from(&id.document);
    }
    head
}

/// The name that was given, or the file's without its ending.
fn document_name(add: &Add) -> Result<String, LibraryError> {
    let name = add.name.replace('\\', "/");
    let stem = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && !ending.contains('/') => stem,
        _ => name.as_str(),
    };
    let asked = add.document.as_deref().unwrap_or(stem).trim_matches('/');
    let keep = |char: char| {
        let plain = char.is_alphanumeric() || matches!(char, '-' | '_' | '.' | '/' | '〔' | '〕');
        if plain { char } else { '-' }
    };
    let name: String = asked.chars().map(keep).collect();
    let odd = name
        .split('/')
        .any(|part| part.is_empty() || part.starts_with('.'));
    if name.len() > MAX_NAME || odd {
        let message = format!(
            "文件名（document）“{asked}”不能用：请用 1 至 {MAX_NAME} 字节的字母、数字或汉字，各级不以点开头"
        );
        return Err(LibraryError::bad("document", message));
    }
    Ok(name)
}

/// SHA-256 of bytes in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
