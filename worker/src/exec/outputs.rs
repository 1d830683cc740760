//! Putting what a task made into the artifact store, within bounds.

use super::{Context, ExecError};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Files that one command may hand over.
const MAX_FILES: usize = 256;
/// Bytes of all of them together.
const MAX_BYTES: u64 = 16 * 1024 * 1024 * 1024;
const MAX_DEPTH: usize = 8;

/// Puts one file and returns its digest.
pub(crate) async fn put(context: &Context, path: &Path, name: &str) -> Result<String, ExecError> {
    context
        .artifacts
        .put(path, name, &context.assign.tenant)
        .await
        .map_err(|error| {
            ExecError::new(error.code(), format!("输出 {name} 无法存入制品库：{error}"))
        })
}

/// Puts every regular file of `folder`; names are relative with '/'. Links are left out, since
/// they could point at files that are not the task's.
pub(crate) async fn put_folder(
    context: &Context,
    folder: &Path,
) -> Result<HashMap<String, String>, ExecError> {
    let owned = folder.to_path_buf();
    let files = tokio::task::spawn_blocking(move || list(&owned))
        .await
        .map_err(|error| ExecError::new("ZS-WORKER-IO", error.to_string()))??;
    let mut outputs = HashMap::new();
    for (name, path) in files {
        let digest = put(context, &path, &name).await?;
        outputs.insert(name, digest);
    }
    Ok(outputs)
}

fn list(folder: &Path) -> Result<Vec<(String, PathBuf)>, ExecError> {
    let mut files = Vec::new();
    let mut bytes = 0;
    walk(folder, "", MAX_DEPTH, &mut files, &mut bytes)?;
    files.sort();
    Ok(files)
}

fn walk(
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut Vec<(String, PathBuf)>,
    bytes: &mut u64,
) -> Result<(), ExecError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(ExecError::new("ZS-WORKER-IO", error.to_string())),
    };
    for entry in entries.flatten() {
        let (Ok(name), Ok(data)) = (entry.file_name().into_string(), entry.metadata()) else {
            continue;
        };
        let name = format!("{prefix}{name}");
        if data.is_dir() && depth > 0 {
            walk(&entry.path(), &format!("{name}/"), depth - 1, files, bytes)?;
        } else if data.is_file() {
            *bytes = bytes.saturating_add(data.len());
            files.push((name, entry.path()));
        }
        if files.len() > MAX_FILES || *bytes > MAX_BYTES {
            return Err(ExecError::new(
                "ZS-OUTPUT-LIMIT",
                format!("out/ 中的文件超过 {MAX_FILES} 个或 {} GiB", MAX_BYTES >> 30),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use super::list;

    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("sub/a.txt"), "a").unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("etc")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("host")).unwrap();
        let names: Vec<_> = list(folder.path())
            .unwrap()
            .into_iter()
            .map(|f| f.0)
            .collect();
        assert_eq!(names, ["sub/a.txt"]);
    }
}
