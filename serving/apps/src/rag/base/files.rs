//! Reading a folder of texts, bounded in size, number and depth; links are not followed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::rag::document::{Document, MAX_DOCUMENT_BYTES, Refused};

/// Deepest folder below the base that is read.
const MAX_DEPTH: usize = 8;
/// Most files of a base.
const MAX_FILES: usize = 20_000;

/// Reads all texts below `dir`, ordered by path; the second list says what was left out.
pub(super) fn read_all(dir: &Path) -> io::Result<(Vec<Document>, Vec<Refused>)> {
    let mut refused = Vec::new();
    let mut paths = Vec::new();
    walk(dir, dir, 0, &mut paths, &mut refused)?;
    paths.sort();
    let mut documents: Vec<Document> = Vec::new();
    for (at, path) in paths.iter().enumerate() {
        let file = relative(dir, path);
        if at >= MAX_FILES {
            let reason = format!("知识库最多 {MAX_FILES} 个文件");
            refused.push(refusal(&file, "too_many", reason));
            continue;
        }
        match read_one(path, &file) {
            Ok(document) if documents.iter().any(|known| known.id == document.id) => {
                let reason = format!("已有同名文件“{}”，请改名", document.id);
                refused.push(refusal(&file, "duplicate", reason));
            }
            Ok(document) => documents.push(document),
            Err(fault) => refused.push(fault),
        }
    }
    Ok((documents, refused))
}

/// Reads a file, one byte beyond the largest accepted size at most.
pub(super) fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = MAX_DOCUMENT_BYTES as u64 + 1;
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_one(path: &Path, file: &str) -> Result<Document, Refused> {
    let bytes = read_bounded(path).map_err(|error| {
        let reason = format!("无法读取：{error}，请检查权限");
        refusal(file, "unreadable", reason)
    })?;
    Document::parse(file, &bytes)
}

fn walk(
    base: &Path,
    dir: &Path,
    depth: usize,
    paths: &mut Vec<PathBuf>,
    refused: &mut Vec<Refused>,
) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if hidden {
            continue;
        }
        let file = relative(base, &path);
        if kind.is_dir() && depth < MAX_DEPTH {
            if let Err(error) = walk(base, &path, depth + 1, paths, refused) {
                let reason = format!("无法读取目录：{error}，请检查权限");
                refused.push(refusal(&file, "unreadable", reason));
            }
        } else if kind.is_dir() {
            let reason = format!("目录超过 {MAX_DEPTH} 层，请上移");
            refused.push(refusal(&file, "too_deep", reason));
        } else if kind.is_symlink() {
            let reason = "是链接，不跟随，请放入文件本身".to_owned();
            refused.push(refusal(&file, "link", reason));
        } else if is_text(&path) {
            paths.push(path);
        } else {
            let reason = "不是 .md 或 .txt 文件，请转成文本后再放入".to_owned();
            refused.push(refusal(&file, "not_text", reason));
        }
    }
    Ok(())
}

fn is_text(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|e| e.eq_ignore_ascii_case("md") || e.eq_ignore_ascii_case("txt"))
}

fn relative(base: &Path, path: &Path) -> String {
    let below = path.strip_prefix(base).unwrap_or(path);
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

fn refusal(file: &str, code: &'static str, reason: String) -> Refused {
    Refused {
        file: file.to_owned(),
        offset: None,
        code,
        reason,
    }
}
