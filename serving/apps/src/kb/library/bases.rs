//! Knowledge bases: made, and opened to people.

use super::desk::must_check;
use super::switches::check_word;
use super::{Library, LibraryError};
use crate::kb::store::Audience;
use crate::kb::store::bases::has_base;
use crate::staff::Person;

/// Most bases of a library: each has an index in memory.
const MAX_BASES: usize = 64;

/// A base to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBase {
    /// Its name in addresses and commands.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Who may ask it; people of the staff keep it.
    pub audience: Audience,
    /// The place that it speaks for.
    pub home: Option<String>,
}

impl Library {
    /// Makes a base, or changes who may ask it.
    pub fn put_base(
        &self,
        name: &str,
        title: &str,
        audience: &Audience,
        person: &Person,
        now_ms: i64,
    ) -> Result<(), LibraryError> {
        let mut desk = self.desk();
        desk.put_base(name, title, audience, None, person, now_ms)?;
        let published = desk.load(name)?;
        self.shelve(&desk.store, name, published)
    }

    /// Makes a base that is not there: a checker does it, and never so that they are out
    /// themselves.
    pub fn add_base(
        &self,
        base: &NewBase,
        person: &Person,
        now_ms: i64,
    ) -> Result<(), LibraryError> {
        must_check(person)?;
        must_be_in(&base.audience, person)?;
        check_word("title", &base.title)?;
        if let Some(home) = &base.home {
            check_word("place", home)?;
        }
        let mut desk = self.desk();
        if has_base(desk.store.read(), &base.name)? {
            return Err(LibraryError::Exists {
                what: "知识库",
                name: base.name.clone(),
            });
        }
        if self.bases().len() >= MAX_BASES {
            let message = format!("最多 {MAX_BASES} 个知识库（base），没有新建");
            return Err(LibraryError::bad("base", message));
        }
        let home = base.home.as_deref();
        let (name, title) = (&base.name, base.title.trim());
        desk.put_base(name, title, &base.audience, home, person, now_ms)?;
        let published = desk.load(name)?;
        self.shelve(&desk.store, name, published)
    }

    /// Changes who may ask a base: a checker does it, and never so that they are out themselves.
    pub fn set_audience(
        &self,
        base: &str,
        audience: &Audience,
        person: &Person,
        now_ms: i64,
    ) -> Result<(), LibraryError> {
        must_check(person)?;
        must_be_in(audience, person)?;
        let known = self.bases().into_iter().find(|info| info.name == base);
        let known = known.ok_or_else(|| LibraryError::not_found("知识库", base))?;
        self.put_base(base, &known.title, audience, person, now_ms)
    }

    /// The base whose published texts a document is of.
    pub fn base_of_document(&self, document: &str) -> Option<String> {
        let holds = |name: &String| {
            let published = self.published(name).unwrap_or_default();
            let mut versions = published.versions.iter();
            versions.any(|version| version.id.document == document)
        };
        let mut names = self.bases().into_iter().map(|info| info.name);
        names.find(holds)
    }
}

fn must_be_in(audience: &Audience, person: &Person) -> Result<(), LibraryError> {
    if audience.admits(Some(person)) {
        return Ok(());
    }
    let message = format!(
        "名单（audience）里没有“{}”自己，改后将无法再管理",
        person.id
    );
    Err(LibraryError::bad("audience", message))
}
