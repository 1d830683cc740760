//! The files of the repository, as git lists them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A tracked file, or one that is about to be.
pub(crate) struct File {
    /// From the repository's root, with `/`.
    pub(crate) path: String,
    /// Empty for files that are not UTF-8.
    pub(crate) text: String,
}

impl File {
    /// Whether the name ends in this extension.
    pub(crate) fn is(&self, extension: &str) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|own| own == extension)
    }
}

pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    pub(crate) files: Vec<File>,
}

impl Tree {
    pub(crate) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .canonicalize();
        let root = root.expect("the repository is there");
        let mut paths = listed(&root).unwrap_or_else(|| walked(&root));
        paths.sort();
        paths.dedup();
        let read = |path: String| {
            let bytes = std::fs::read(root.join(&path)).ok()?;
            let text = String::from_utf8(bytes).unwrap_or_default();
            Some(File { path, text })
        };
        let files: Vec<File> = paths.into_iter().filter_map(read).collect();
        assert!(
            files.len() > 50,
            "only {} files under {}",
            files.len(),
            root.display()
        );
        Self { root, files }
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is("rs"))
    }

    pub(crate) fn texts(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| !file.text.is_empty())
    }

    pub(crate) fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// What git tracks and what it would add; `None` outside a git checkout.
fn listed(root: &Path) -> Option<Vec<String>> {
    let run = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .ok()?;
    let text = String::from_utf8(run.stdout).ok()?;
    let paths: Vec<String> = text.split_terminator('\0').map(str::to_owned).collect();
    (run.status.success() && !paths.is_empty()).then_some(paths)
}

/// For a source archive without git.
fn walked(root: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)
            .expect("a readable folder")
            .flatten()
        {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let skipped = matches!(name.as_str(), "target" | ".git" | ".venv");
            if path.is_dir() && !skipped {
                folders.push(path);
            } else if path.is_file() {
                let inside = path.strip_prefix(root).expect("below the root");
                paths.push(inside.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    paths
}
