//! A stored version as it is in the file.

use rusqlite::{Connection, Row, params};

use super::layout::Layout;
use super::{StoreError, damaged, from_json, to_json};
use crate::kb::extract::Extract;
use crate::kb::finding::{Finding, Repair};
use crate::kb::head::Head;
use crate::kb::known::Stage;
use crate::kb::quality::Sketch;
use crate::kb::version::{SourceFile, VersionId};

/// A version with everything that is known of it.
#[derive(Debug, Clone)]
pub(crate) struct VersionRow {
    pub(crate) id: VersionId,
    pub(crate) base: String,
    pub(crate) stage: Stage,
    pub(crate) file: SourceFile,
    /// As read from the file, before any repair.
    pub(crate) text: String,
    pub(crate) layout: Layout,
    pub(crate) head: Head,
    pub(crate) repairs: Vec<Repair>,
    /// Of the repaired text.
    pub(crate) findings: Vec<Finding>,
    pub(crate) sketch: Sketch,
    /// Whoever brought it in or changed it.
    pub(crate) makers: Vec<String>,
    /// Whether a person changed its head or text.
    pub(crate) changed: bool,
    pub(crate) checker: Option<String>,
    pub(crate) added_ms: i64,
    pub(crate) published_ms: Option<i64>,
    /// Why it was withdrawn.
    pub(crate) note: String,
}

/// Columns in the order in which [`VersionRow::read`] takes them.
pub(crate) const COLUMNS: &str = "document, number, base, stage, file, text, layout, head, repairs, \
     findings, sketch, makers, changed, checker, added_ms, published_ms, note";

/// The same without the text, for lists.
pub(crate) const WITHOUT_TEXT: &str = "document, number, base, stage, file, '', \
     '{\"blocks\":[],\"declared\":[],\"faults\":[]}', head, repairs, findings, sketch, makers, \
     changed, checker, added_ms, published_ms, note";

impl VersionRow {
    /// As it was read from its file.
    pub(crate) fn extract(&self) -> Extract {
        self.layout.with(self.file.format, self.text.clone())
    }

    pub(super) fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        let id = VersionId {
            document: row.get(0)?,
            number: row.get(1)?,
        };
        let named = |what: &str| format!("{id} 的 {what}");
        let json = |at: usize| row.get::<_, String>(at);
        let stage: String = row.get(3)?;
        let stage = Stage::parse(&stage).ok_or_else(|| damaged(&named("stage"), &stage))?;
        let sketch: Vec<u8> = row.get(10)?;
        Ok(Self {
            base: row.get(2)?,
            stage,
            file: from_json(&named("file"), &json(4)?)?,
            text: row.get(5)?,
            layout: from_json(&named("layout"), &json(6)?)?,
            head: from_json(&named("head"), &json(7)?)?,
            repairs: from_json(&named("repairs"), &json(8)?)?,
            findings: from_json(&named("findings"), &json(9)?)?,
            sketch: Sketch::from_bytes(&sketch),
            makers: from_json(&named("makers"), &json(11)?)?,
            changed: row.get(12)?,
            checker: row.get(13)?,
            added_ms: row.get(14)?,
            published_ms: row.get(15)?,
            note: row.get(16)?,
            id,
        })
    }

    /// Writes a new version.
    pub(crate) fn insert(&self, connection: &Connection) -> Result<(), StoreError> {
        let statement = format!(
            "INSERT INTO version ({COLUMNS}, sha256) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        );
        connection.prepare_cached(&statement)?.execute(params![
            self.id.document,
            self.id.number,
            self.base,
            self.stage.name(),
            to_json("file", &self.file)?,
            self.text,
            to_json("layout", &self.layout)?,
            to_json("head", &self.head)?,
            to_json("repairs", &self.repairs)?,
            to_json("findings", &self.findings)?,
            self.sketch.to_bytes(),
            to_json("makers", &self.makers)?,
            self.changed,
            self.checker,
            self.added_ms,
            self.published_ms,
            self.note,
            self.file.sha256,
        ])?;
        Ok(())
    }

    /// Writes what a person changed in a version that is not published yet.
    pub(crate) fn update_draft(&self, connection: &Connection) -> Result<(), StoreError> {
        let changed = connection
            .prepare_cached(
                "UPDATE version SET stage = ?, head = ?, repairs = ?, findings = ?, sketch = ?, \
                 makers = ?, changed = ? WHERE document = ? AND number = ? AND published_ms IS NULL",
            )?
            .execute(params![
                self.stage.name(),
                to_json("head", &self.head)?,
                to_json("repairs", &self.repairs)?,
                to_json("findings", &self.findings)?,
                self.sketch.to_bytes(),
                to_json("makers", &self.makers)?,
                self.changed,
                self.id.document,
                self.id.number,
            ])?;
        self.must_be_one(changed)
    }

    /// Writes that it was published or withdrawn.
    pub(crate) fn update_stage(&self, connection: &Connection) -> Result<(), StoreError> {
        let changed = connection
            .prepare_cached(
                "UPDATE version SET stage = ?, checker = ?, published_ms = ?, note = ? \
                 WHERE document = ? AND number = ?",
            )?
            .execute(params![
                self.stage.name(),
                self.checker,
                self.published_ms,
                self.note,
                self.id.document,
                self.id.number,
            ])?;
        self.must_be_one(changed)
    }

    fn must_be_one(&self, changed: usize) -> Result<(), StoreError> {
        if changed == 1 {
            return Ok(());
        }
        Err(damaged(&self.id.to_string(), &"没有这一行"))
    }
}
