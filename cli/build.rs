//! Embeds the example files, so that an installed binary can give the demo anywhere.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Folders under `examples/` that the demo and `up` need.
const FOLDERS: [&str; 4] = ["knowledge", "finetune", "batch", "jobs"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../examples");
    let mut files = Vec::new();
    if std::env::var_os("CARGO_FEATURE_SERVER").is_some() {
        for folder in FOLDERS {
            let path = root.join(folder);
            println!("cargo::rerun-if-changed={}", path.display());
            collect(&root, &path, &mut files)?;
        }
    }
    files.sort();
    let mut text = String::from("[\n");
    for (name, path) in files {
        let path = path.to_string_lossy();
        writeln!(text, "    ({name:?}, include_bytes!({path:?}).as_slice()),")?;
    }
    text.push_str("]\n");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("examples.rs"), text)?;
    Ok(())
}

/// Every plain file below a folder that exists, with its name below `examples/`.
fn collect(
    root: &Path,
    folder: &Path,
    files: &mut Vec<(String, PathBuf)>,
) -> Result<(), Box<dyn std::error::Error>> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else {
            let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
            files.push((name, path.canonicalize()?));
        }
    }
    Ok(())
}
