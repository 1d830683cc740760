//! The example files: those of the current folder, else the ones inside the binary.

use crate::error::Result;
use std::path::{Path, PathBuf};

/// Name below `examples/` and content.
const EMBEDDED: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/examples.rs"));

/// A file or folder of the examples. What is not in the current folder is written below `data_dir`.
pub(crate) fn provide(name: &str, data_dir: &Path) -> Result<Option<PathBuf>> {
    let here = Path::new("examples").join(name);
    if here.exists() {
        return Ok(Some(std::path::absolute(here)?));
    }
    let folder = data_dir.join("examples");
    let mut found = false;
    for (path, bytes) in EMBEDDED
        .iter()
        .filter(|(path, _)| Path::new(path).starts_with(name))
    {
        let place = folder.join(path);
        if let Some(parent) = place.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(place, bytes)?;
        found = true;
    }
    Ok(found.then(|| folder.join(name)))
}
