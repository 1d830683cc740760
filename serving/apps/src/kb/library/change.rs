//! What people change in a version before it is published: repairs, and what its head says.

use jiff::civil::Date;
use rusqlite::Connection;

use super::add::{deed, stage};
use super::desk::{find, must_make};
use super::{Added, Library, LibraryError};
use crate::kb::finding::{Finding, Repair};
use crate::kb::head::{Declared, Head, read_head};
use crate::kb::known::{Known, Stage};
use crate::kb::quality::{Sketch, examine_version, repaired_extract};
use crate::kb::store::rows::VersionRow;
use crate::kb::store::versions::newest;
use crate::kb::version::VersionId;
use crate::staff::Person;

impl Library {
    /// Adds repairs to those that a version has; all of them name bytes of the text as it was read.
    /// A version that is published stays as it is: a new one gets them, and waits for a checker.
    pub fn accept_repairs(
        &self,
        version: &VersionId,
        repairs: &[Repair],
        person: &Person,
        now_ms: i64,
    ) -> Result<Added, LibraryError> {
        self.change(version, person, "repair", now_ms, |row| {
            let first = row.repairs.is_empty();
            let before = row.repairs.len();
            for repair in repairs {
                if !row.repairs.contains(repair) {
                    row.repairs.push(repair.clone());
                }
            }
            if row.repairs.len() == before {
                return Err(nothing(version, "可以接受的修正"));
            }
            row.repairs.sort_by_key(|repair| repair.start);
            // What the text says of itself may read differently now; what a person wrote stays.
            if first && !row.changed {
                let (repaired, _) = repaired_extract(&row.extract(), &row.repairs)?;
                let title = std::mem::take(&mut row.head.title);
                row.head = read_head(&repaired);
                if row.head.title.is_empty() {
                    row.head.title = title;
                }
            }
            Ok(())
        })
    }

    /// Takes back all repairs of a version that is not published.
    pub fn drop_repairs(
        &self,
        version: &VersionId,
        person: &Person,
        now_ms: i64,
    ) -> Result<Added, LibraryError> {
        self.change(version, person, "repair", now_ms, |row| {
            if row.repairs.is_empty() {
                return Err(nothing(version, "可以撤回的修正"));
            }
            row.repairs.clear();
            Ok(())
        })
    }

    /// Writes what a version says of itself: title, number, dates, state. A version that is
    /// published stays as it is: a new one gets it, and waits for a checker.
    pub fn edit_head(
        &self,
        version: &VersionId,
        head: Head,
        person: &Person,
        now_ms: i64,
    ) -> Result<Added, LibraryError> {
        check_head(&head)?;
        self.change(version, person, "edit_head", now_ms, move |row| {
            if row.head == head {
                return Err(nothing(version, "要更正的文件信息"));
            }
            row.head = head;
            Ok(())
        })
    }

    /// Says that a document is out of force from a day on: a new version with that date, which a
    /// checker publishes. What the text declares of itself stays: until that day it is what it was.
    /// A draft was never in force.
    pub fn repeal(
        &self,
        version: &VersionId,
        from: Date,
        person: &Person,
        now_ms: i64,
    ) -> Result<Added, LibraryError> {
        self.change(version, person, "repeal", now_ms, |row| {
            if row.head.declared == Declared::Draft {
                let message = format!("{} 是草案，从未生效，不能宣布失效；不再需要就撤下", row.id);
                return Err(LibraryError::bad("version", message));
            }
            if row.head.repealed == Some(from) {
                return Err(nothing(version, "要更正的失效日期"));
            }
            row.head.repealed = Some(from);
            check_head(&row.head)
        })
    }

    fn change(
        &self,
        version: &VersionId,
        person: &Person,
        action: &'static str,
        now_ms: i64,
        change: impl FnOnce(&mut VersionRow) -> Result<(), LibraryError>,
    ) -> Result<Added, LibraryError> {
        must_make(person)?;
        let mut desk = self.desk();
        let desk = &mut *desk;
        let known = &desk.known;
        let row = desk.store.change(|transaction| {
            let mut row = editable(transaction, version, person, now_ms)?;
            change(&mut row)?;
            row.changed = true;
            if !row.makers.contains(&person.id) {
                row.makers.push(person.id.clone());
            }
            let known = known.get(&row.base).map_or(&[][..], Vec::as_slice);
            judge(&mut row, known)?;
            if row.id == *version {
                row.update_draft(transaction)?;
            } else {
                row.insert(transaction)?;
            }
            deed(&row, person, action, now_ms).write(transaction)?;
            Ok::<_, LibraryError>(row)
        })?;
        desk.know(&row);
        self.tell_chain(&desk.store)?;
        Ok(Added::of(&row, false))
    }
}

/// The version itself while it is not published, else a new one that begins as it is.
fn editable(
    connection: &Connection,
    id: &VersionId,
    person: &Person,
    now_ms: i64,
) -> Result<VersionRow, LibraryError> {
    let mut row = find(connection, id)?;
    if row.published_ms.is_none() && row.stage != Stage::Withdrawn {
        return Ok(row);
    }
    let newest = newest(connection, &id.document)?;
    row.id.number = newest.map_or(1, |newest| newest.id.number.saturating_add(1));
    row.makers = vec![person.id.clone()];
    row.checker = None;
    row.added_ms = now_ms;
    row.published_ms = None;
    row.note = String::new();
    Ok(row)
}

/// Judges a version again after a change.
fn judge(row: &mut VersionRow, known: &[Known]) -> Result<(), LibraryError> {
    let (extract, done) = repaired_extract(&row.extract(), &row.repairs)?;
    let mut findings = examine_version(&extract, &row.head, known, &row.id.document);
    // What the gate proposes for the repaired text is said of the text as it was read.
    for finding in &mut findings {
        back(finding, &|repair| {
            let range = repair.start..repair.start + repair.before.len();
            let range = done.back(&range)?;
            Some(Repair {
                start: range.start,
                ..repair.clone()
            })
        });
    }
    row.sketch = Sketch::of(&extract.text);
    row.stage = stage(&findings);
    row.findings = findings;
    Ok(())
}

fn nothing(version: &VersionId, lacking: &'static str) -> LibraryError {
    LibraryError::Nothing {
        what: version.to_string(),
        lacking,
    }
}

fn back(finding: &mut Finding, moved: &dyn Fn(&Repair) -> Option<Repair>) {
    finding.proposed = finding.proposed.iter().filter_map(moved).collect();
}

/// Refuses a head that cannot be.
fn check_head(head: &Head) -> Result<(), LibraryError> {
    if head.title.trim().is_empty() {
        return Err(LibraryError::bad(
            "title",
            "标题（title）是空的，请写明文件标题",
        ));
    }
    if let (Some(first), Some(end)) = (head.effective, head.repealed)
        && end < first
    {
        let message = format!("失效日期（repealed）{end} 早于生效日期 {first}，请更正其一");
        return Err(LibraryError::bad("repealed", message));
    }
    if let Some(period) = head.period
        && period.to < period.from
    {
        let message = format!("规划期（period）{}—{} 首尾颠倒", period.from, period.to);
        return Err(LibraryError::bad("period", message));
    }
    Ok(())
}
