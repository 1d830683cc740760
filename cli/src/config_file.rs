//! Configuration files: strict reading, careful writing (owner only, whole file or nothing).

use crate::config::{KEYS, check_value};
use crate::error::{Failure, Result};
use crate::words::{nearest, say};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Largest file that is read, bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// One file's values.
#[derive(Clone, Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    values: BTreeMap<String, String>,
}

impl ConfigFile {
    /// An empty file at a path.
    pub(crate) fn empty(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            values: BTreeMap::new(),
        }
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A value.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// Sets a value; an empty one takes the key out.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            self.values.remove(key);
        } else {
            self.values.insert(key.to_owned(), value.to_owned());
        }
    }

    /// Writes the file for its owner only: a temporary file first, then the rename.
    pub(crate) fn write(&self) -> Result<()> {
        let folder = self.path.parent().unwrap_or_else(|| Path::new("."));
        let text = toml::to_string(&self.values).map_err(std::io::Error::other)?;
        let result = std::fs::create_dir_all(folder)
            .and_then(|()| write_private(&self.path, text.as_bytes()));
        result.map_err(|error| {
            Failure::usage(
                "ZS-CONFIG-WRITE",
                say!(
                    "写不了 {}:{}",
                    "cannot write {}: {}",
                    self.path.display(),
                    error
                ),
            )
        })
    }
}

/// Replaces a file's content, readable by its owner only.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let temporary = path.with_extension(format!("tmp{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}

/// Reads a file; `None` when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<ConfigFile>> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::usage(
            "ZS-CONFIG-READ",
            say!(
                "读不了配置文件 {}:{}",
                "cannot read the file {}: {}",
                path.display(),
                error
            ),
        )
    };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&error)),
        Ok(meta) if meta.len() > MAX_BYTES => return Err(unreadable(&"> 64 KiB")),
        Ok(_) => {}
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    parse(path, &text).map(Some)
}

/// Reads the text of a file; unknown keys are refused.
fn parse(path: &Path, text: &str) -> Result<ConfigFile> {
    let values: BTreeMap<String, String> = toml::from_str(text).map_err(|error| {
        Failure::usage(
            "ZS-CONFIG-SYNTAX",
            say!(
                "配置文件 {} 有误:{}",
                "the file {} is wrong: {}",
                path.display(),
                error
            ),
        )
        .hint(say!(
            "每行一个:key = \"值\"",
            "one per line: key = \"value\""
        ))
    })?;
    for (key, value) in &values {
        known_key(key).map_err(|failure| failure.hint(path.display().to_string()))?;
        check_value(key, value)?;
    }
    Ok(ConfigFile {
        path: path.to_owned(),
        values,
    })
}

/// Refuses a key that does not exist, with the nearest one that does.
pub(crate) fn known_key(key: &str) -> Result<()> {
    if KEYS.contains(&key) {
        return Ok(());
    }
    let failure = Failure::usage(
        "ZS-CONFIG-KEY",
        say!("没有配置项 \"{}\"", "no setting is called \"{}\"", key),
    )
    .field(key);
    Err(match nearest(key, KEYS) {
        Some(word) => failure.hint(say!("是否想用 {}?", "did you mean {}?", word)),
        None => failure.hint(say!("可用:{}", "known: {}", KEYS.join(", "))),
    })
}

/// The nearest `zhisuan.toml` in a folder or above it.
pub(crate) fn find_project(folder: &Path) -> Result<Option<ConfigFile>> {
    for folder in folder.ancestors() {
        let path = folder.join("zhisuan.toml");
        if path.is_file() {
            return read(&path);
        }
    }
    Ok(None)
}
