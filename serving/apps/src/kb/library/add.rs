//! Bringing a file in: read, judged and kept, whatever is found in it.

use rusqlite::Connection;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::desk::{must_have_base, must_make};
use super::{Library, LibraryError};
use crate::kb::extract::Extract;
use crate::kb::finding::{Finding, Severity};
use crate::kb::head::{Head, read_head};
use crate::kb::known::{Known, Stage};
use crate::kb::quality::{Sketch, examine_version};
use crate::kb::read;
use crate::kb::store::rows::VersionRow;
use crate::kb::store::versions::{keep_raw, newest, of_file};
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
        must_make(&add.person)?;
        let named = Named::of(add, Way::Person)?;
        if let Some(row) = named.known(self.desk().store.read(), add)? {
            return Ok(Added::of(&row, true));
        }
        // A hostile file may take its reader long: nobody waits for it.
        let told = Told::of(add)?;
        let mut desk = self.desk();
        let desk = &mut *desk;
        let known = desk.known.get(&add.base).map_or(&[][..], Vec::as_slice);
        let (row, unchanged) =
            desk.store
                .change(|transaction| match named.known(transaction, add)? {
                    Some(row) => Ok::<_, LibraryError>((row, true)),
                    None => Ok((put(transaction, known, add, &named, told)?, false)),
                })?;
        desk.know(&row);
        self.tell_chain(&desk.store)?;
        Ok(Added::of(&row, unchanged))
    }
}

/// How a file comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A person brings this one: a file that was withdrawn, or an older one, may come back.
    Person,
    /// A folder that is read again and again: what was there once is not new, whatever became of
    /// it since.
    Folder,
}

/// A file by its document and its digest, before anything of it is read.
pub(super) struct Named {
    pub(super) document: String,
    sha256: String,
    way: Way,
}

impl Named {
    pub(super) fn of(add: &Add, way: Way) -> Result<Self, LibraryError> {
        Ok(Self {
            document: document_name(add)?,
            sha256: sha256(&add.bytes),
            way,
        })
    }

    /// The version that this file is already; a document of another base is refused.
    pub(super) fn known(
        &self,
        connection: &Connection,
        add: &Add,
    ) -> Result<Option<VersionRow>, LibraryError> {
        must_have_base(connection, &add.base)?;
        let Some(newest) = newest(connection, &self.document)? else {
            return Ok(None);
        };
        if newest.base != add.base {
            // Which base has it is for those who may see that base.
            let message = format!(
                "文件名（document）“{}”已用于别的知识库，请换一个名称",
                self.document
            );
            return Err(LibraryError::bad("document", message));
        }
        match self.way {
            Way::Folder => Ok(of_file(connection, &self.document, &self.sha256)?),
            Way::Person => {
                let same = newest.file.sha256 == self.sha256 && newest.stage != Stage::Withdrawn;
                Ok(same.then_some(newest))
            }
        }
    }
}

/// What a file says, read away from the desk.
pub(super) struct Told {
    extract: Extract,
    head: Head,
    sketch: Sketch,
}

impl Told {
    pub(super) fn of(add: &Add) -> Result<Self, LibraryError> {
        let extract = read(&add.name, &add.bytes).map_err(|fault| LibraryError::Unreadable {
            name: add.name.clone(),
            code: fault.code,
            offset: fault.offset,
            message: fault.message,
        })?;
        Ok(Self {
            head: read_head(&extract),
            sketch: Sketch::of(&extract.text),
            extract,
        })
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

/// Judges and keeps a file that was read, as the next version of its document.
pub(super) fn put(
    connection: &Connection,
    known: &[Known],
    add: &Add,
    named: &Named,
    told: Told,
) -> Result<VersionRow, LibraryError> {
    let Told {
        extract,
        head,
        sketch,
    } = told;
    let before = newest(connection, &named.document)?;
    let id = VersionId {
        document: named.document.clone(),
        number: before.map_or(1, |before| before.id.number.saturating_add(1)),
    };
    let head = titled(head, &id);
    let findings = examine_version(&extract, &head, known, &id.document);
    let row = VersionRow {
        base: add.base.clone(),
        stage: stage(&findings),
        file: SourceFile {
            name: add.name.clone(),
            format: extract.format,
            bytes: add.bytes.len() as u64,
            sha256: named.sha256.clone(),
        },
        layout: Layout::of(&extract),
        sketch,
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
    keep_raw(connection, &named.sha256, &add.bytes)?;
    row.insert(connection)?;
    let action = match named.way {
        Way::Person => "add",
        Way::Folder => "import",
    };
    deed(&row, &add.person, action, add.now_ms).write(connection)?;
    Ok(row)
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
        person,
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
fn titled(mut head: Head, id: &VersionId) -> Head {
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
