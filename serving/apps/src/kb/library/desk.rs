//! The desk at which one person at a time works: the store and what is kept of it in memory.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Value, json};
use zhisuan_chain::{canonical, sm3_hex};

use super::error::LibraryError;
use crate::calendar::china_day;
use crate::kb::head::head_end;
use crate::kb::known::{Known, Stage};
use crate::kb::passages;
use crate::kb::published::Published;
use crate::kb::quality::{shown_extract, shown_repair};
use crate::kb::store::bank::bank;
use crate::kb::store::bases::{has_base, home, put_base, set_home};
use crate::kb::store::rows::{VersionRow, WITHOUT_TEXT};
use crate::kb::store::versions::{known, version, versions};
use crate::kb::store::words::{closed_themes, synonyms};
use crate::kb::store::{Audience, Deed, Store, StoreError};
use crate::kb::timeline::{Standing, days};
use crate::kb::version::{Version, VersionId};
use crate::staff::Person;

/// The store, the published versions as they were built, and what the gate compares with.
pub(super) struct Desk {
    pub(super) store: Store,
    built: HashMap<VersionId, Arc<Version>>,
    /// By base: what the gate says of a text names no text of another base, which its readers may
    /// not be allowed to see.
    pub(super) known: HashMap<String, Vec<Known>>,
}

impl Desk {
    pub(super) fn open(path: &Path) -> Result<Self, LibraryError> {
        let store = Store::open(path)?;
        let known = known(store.read())?;
        Ok(Self {
            store,
            built: HashMap::new(),
            known,
        })
    }

    /// Everything published of a base, built anew from the store.
    pub(super) fn load(&mut self, base: &str) -> Result<Arc<Published>, LibraryError> {
        let published = build(self.store.read(), &self.built, base)?;
        Ok(self.remember(published))
    }

    /// Runs a change and builds what is published after it, in one transaction: either both are
    /// there or neither.
    pub(super) fn change_published<T>(
        &mut self,
        base: &str,
        change: impl FnOnce(&Connection) -> Result<T, LibraryError>,
    ) -> Result<(T, Arc<Published>), LibraryError> {
        let built = &self.built;
        let (done, published) = self.store.change(|transaction| {
            let done = change(transaction)?;
            let published = build(transaction, built, base)?;
            Ok::<_, LibraryError>((done, published))
        })?;
        Ok((done, self.remember(published)))
    }

    /// What the gate knows after a version was added, changed or withdrawn.
    pub(super) fn know(&mut self, row: &VersionRow) {
        let known = self.known.entry(row.base.clone()).or_default();
        known.retain(|known| known.id != row.id);
        if row.stage != Stage::Withdrawn {
            known.push(Known::of(row.id.clone(), &row.head, row.sketch.clone()));
        }
    }

    pub(super) fn put_base(
        &mut self,
        name: &str,
        title: &str,
        audience: &Audience,
        home: Option<&str>,
        person: &Person,
        now_ms: i64,
    ) -> Result<(), LibraryError> {
        if !person.maker {
            must_check(person)?;
        }
        let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
        if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
            let message = "知识库名（base）只用小写字母、数字和连字符，1 至 40 个";
            return Err(LibraryError::bad("base", message));
        }
        self.store.change(|transaction| {
            put_base(transaction, name, title, audience)?;
            if home.is_some() {
                set_home(transaction, name, home)?;
            }
            let deed = Deed {
                at_ms: now_ms,
                base: name,
                person,
                action: "base",
                object: name.to_owned(),
                detail: json!({ "audience": audience }),
            };
            deed.write(transaction)?;
            Ok(())
        })
    }

    fn remember(&mut self, published: Published) -> Arc<Published> {
        for version in &published.versions {
            self.built.insert(version.id.clone(), Arc::clone(version));
        }
        Arc::new(published)
    }
}

/// The published part of a base. Versions that did not change are not built again.
fn build(
    connection: &Connection,
    built: &HashMap<VersionId, Arc<Version>>,
    base: &str,
) -> Result<Published, LibraryError> {
    let rows = versions(connection, base, Some(Stage::Published), WITHOUT_TEXT)?;
    let standing: Vec<Standing<'_>> = rows
        .iter()
        .map(|row| Standing {
            id: &row.id,
            file: &row.file.sha256,
            head: &row.head,
            published: china_day(row.published_ms.unwrap_or(row.added_ms)),
        })
        .collect();
    let days = days(&standing);
    let mut found = Vec::with_capacity(rows.len());
    for (row, days) in rows.iter().zip(days) {
        let known = built.get(&row.id);
        let same = known.filter(|known| known.days() == days);
        if let Some(same) = same {
            found.push(Arc::clone(same));
            continue;
        }
        let mut version = match known {
            Some(known) => Version::clone(known),
            None => build_version(&whole(connection, &row.id)?)?,
        };
        version.stands(days);
        found.push(Arc::new(version));
    }
    let mut published = Published {
        base: base.to_owned(),
        home: home(connection, base)?,
        versions: found,
        synonyms: synonyms(connection, base)?,
        bank: bank(connection, base)?,
        closed_themes: closed_themes(connection, base)?,
        digest: String::new(),
    };
    published.digest = digest(&published);
    Ok(published)
}

fn whole(connection: &Connection, id: &VersionId) -> Result<VersionRow, LibraryError> {
    version(connection, id)?.ok_or_else(|| LibraryError::not_found("版本", id))
}

/// A version as answers use it.
pub(super) fn build_version(row: &VersionRow) -> Result<Version, LibraryError> {
    let extract = shown_extract(&row.extract(), &row.repairs)?;
    let passages = passages(&extract.text, &extract.blocks, head_end(&extract));
    Ok(Version {
        id: row.id.clone(),
        head: row.head.clone(),
        file: row.file.clone(),
        text_sha256: super::add::sha256(extract.text.as_bytes()),
        text: extract.text.into(),
        repairs: row.repairs.iter().map(shown_repair).collect(),
        blocks: extract.blocks,
        passages,
        replaces_from: None,
        replaced_from: None,
        corrected_by: None,
        findings: row.findings.clone(),
        published_ms: row.published_ms.unwrap_or(row.added_ms),
    })
}

/// Everything that an answer can depend on goes into the digest.
fn digest(published: &Published) -> String {
    let versions: Vec<Value> = published
        .versions
        .iter()
        .map(|version| {
            json!({
                "id": version.id.to_string(),
                "text": version.text_sha256,
                "head": version.head,
                "replaces_from": version.replaces_from,
                "replaced_from": version.replaced_from,
                "corrected_by": version.corrected_by,
            })
        })
        .collect();
    let mut all = json!({
        "base": published.base,
        "home": published.home,
        "versions": versions,
        "synonyms": published.synonyms,
        "closed_themes": published.closed_themes,
    });
    // A base without a bank keeps the digest that it had before there were any.
    if !published.bank.is_empty() {
        all["bank"] = json!(published.bank);
    }
    sm3_hex(canonical(&all).as_bytes())
}

pub(super) fn must_have_base(connection: &Connection, base: &str) -> Result<(), LibraryError> {
    if has_base(connection, base)? {
        return Ok(());
    }
    Err(LibraryError::not_found("知识库", base))
}

pub(super) fn must_make(person: &Person) -> Result<(), LibraryError> {
    if person.maker {
        return Ok(());
    }
    Err(LibraryError::NotAllowed {
        person: person.name.clone(),
        role: "录入",
    })
}

pub(super) fn must_check(person: &Person) -> Result<(), LibraryError> {
    if person.checker {
        return Ok(());
    }
    Err(LibraryError::NotAllowed {
        person: person.name.clone(),
        role: "复核",
    })
}

/// A version by its name, with its text.
pub(super) fn find(connection: &Connection, id: &VersionId) -> Result<VersionRow, LibraryError> {
    whole(connection, id)
}

/// Versions of a base without their texts.
pub(super) fn list(
    connection: &Connection,
    base: &str,
    stage: Option<Stage>,
) -> Result<Vec<VersionRow>, StoreError> {
    versions(connection, base, stage, WITHOUT_TEXT)
}
