//! Publishing and withdrawing: what was checked becomes what answers come from, at once.

use serde_json::json;

use super::add::{Way, deed};
use super::desk::{find, must_check};
use super::second::may_publish;
use super::{Library, LibraryError};
use crate::kb::finding::Severity;
use crate::kb::known::Stage;
use crate::kb::store::rows::VersionRow;
use crate::kb::version::VersionId;
use crate::staff::Person;

impl Library {
    /// Publishes a version. A clean file of a new document may be published by whoever brought it
    /// in; what is suspicious, repaired, whose head was edited, or what takes the place of another
    /// text needs a checker who had no hand in it; what is blocked is never published.
    pub fn publish(
        &self,
        version: &VersionId,
        person: &Person,
        now_ms: i64,
    ) -> Result<(), LibraryError> {
        self.publish_all(std::slice::from_ref(version), person, now_ms)
    }

    /// Publishes versions of one base together: all of them or none.
    pub fn publish_all(
        &self,
        versions: &[VersionId],
        person: &Person,
        now_ms: i64,
    ) -> Result<(), LibraryError> {
        self.publish_way(versions, None, person, now_ms, Way::Person)
    }

    /// Publishes a version as it was looked at ([`super::VersionInfo::seen`]); one that was changed
    /// since is refused.
    pub fn publish_seen(
        &self,
        version: &VersionId,
        seen: &str,
        person: &Person,
        now_ms: i64,
    ) -> Result<(), LibraryError> {
        let versions = std::slice::from_ref(version);
        self.publish_way(versions, Some(seen), person, now_ms, Way::Person)
    }

    pub(super) fn publish_way(
        &self,
        versions: &[VersionId],
        seen: Option<&str>,
        person: &Person,
        now_ms: i64,
        way: Way,
    ) -> Result<(), LibraryError> {
        let mut desk = self.desk();
        let Some(first) = versions.first() else {
            return Ok(());
        };
        let base = find(desk.store.read(), first)?.base;
        let ((), published) = desk.change_published(&base, |connection| {
            let mut rows = Vec::with_capacity(versions.len());
            // All are judged by what was published before any of them.
            for version in versions {
                let row = find(connection, version)?;
                if row.base != base {
                    let message = format!("{version} 不在知识库“{base}”里，请分库发布");
                    return Err(LibraryError::bad("version", message));
                }
                must_be_open(&row)?;
                may_publish(connection, &row, person)?;
                if let Some(looked_at) = seen
                    && looked_at != super::info::seen(&row)?
                {
                    return Err(LibraryError::Changed {
                        what: row.id.to_string(),
                    });
                }
                rows.push(row);
            }
            for mut row in rows {
                row.stage = Stage::Published;
                row.checker = Some(person.id.clone());
                row.published_ms = Some(now_ms);
                row.update_stage(connection)?;
                let mut deed = deed(&row, person, "publish", now_ms);
                if way == Way::Folder {
                    deed.detail["way"] = "folder".into();
                }
                deed.write(connection)?;
            }
            Ok(())
        })?;
        self.shelve(&desk.store, &base, published)
    }

    /// Takes a version out of the base at once, with a reason: anybody of the staff who may make or
    /// check. It stays in the library and can come back as a new version.
    pub fn withdraw(
        &self,
        version: &VersionId,
        reason: &str,
        person: &Person,
        now_ms: i64,
    ) -> Result<(), LibraryError> {
        if !person.maker {
            must_check(person)?;
        }
        if reason.trim().is_empty() || reason.chars().count() > 500 {
            let message = "撤下理由（reason）要写 1 至 500 个字";
            return Err(LibraryError::bad("reason", message));
        }
        let mut desk = self.desk();
        let base = find(desk.store.read(), version)?.base;
        let (row, published) = desk.change_published(&base, |connection| {
            let mut row = find(connection, version)?;
            if row.stage == Stage::Withdrawn {
                return Err(wrong(&row, "再次撤下"));
            }
            let from = row.stage;
            row.stage = Stage::Withdrawn;
            reason.trim().clone_into(&mut row.note);
            row.update_stage(connection)?;
            let mut deed = deed(&row, person, "withdraw", now_ms);
            deed.detail = json!({ "from": from });
            deed.write(connection)?;
            Ok(row)
        })?;
        desk.know(&row);
        self.shelve(&desk.store, &base, published)
    }
}

/// Refuses what is published or withdrawn already, and what the gate forbids.
fn must_be_open(row: &VersionRow) -> Result<(), LibraryError> {
    if !matches!(row.stage, Stage::Quarantined | Stage::Ready) {
        return Err(wrong(row, "发布"));
    }
    let blocking: Vec<_> = row
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Blocking)
        .collect();
    if let Some(first) = blocking.first() {
        return Err(LibraryError::Blocked {
            version: row.id.to_string(),
            count: blocking.len(),
            first: first.message.clone(),
        });
    }
    Ok(())
}

fn wrong(row: &VersionRow, deed: &'static str) -> LibraryError {
    LibraryError::WrongStage {
        version: row.id.to_string(),
        stage: row.stage.label(),
        deed,
    }
}
