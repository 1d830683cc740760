//! Brings a stored file to this machine: checked while it is written, in place only when it is right.

use crate::client::Client;
use crate::error::{Exit, Failure, Result};
use crate::output::Printer;
use crate::output::progress::Progress;
use crate::words::{say, tr};
use sha2::{Digest as _, Sha256};
use std::path::{Component, Path, PathBuf};
use tokio::io::AsyncWriteExt as _;
use zhisuan_proto::v1::GetArtifactRequest;

/// Where an output of this name goes below a folder. Names come from programs: none may leave the folder.
pub(crate) fn place(folder: &Path, name: &str, force: bool) -> Result<PathBuf> {
    let below = Path::new(name);
    let inside = below
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if name.is_empty() || !inside {
        return Err(Failure::new(
            Exit::Failed,
            "ZS-CLI-OUTPUT-NAME",
            say!(
                "产物名 \"{}\" 会写到文件夹之外,不下载",
                "the output \"{}\" would leave the folder and is not fetched",
                name.escape_debug()
            ),
        ));
    }
    let path = folder.join(below);
    if path.is_dir() || (!force && path.symlink_metadata().is_ok()) {
        return Err(Failure::usage(
            "ZS-CLI-OUTPUT-EXISTS",
            say!("{} 已经存在", "{} is there already", path.display()),
        )
        .field("dir")
        .hint(tr(
            "换一个文件夹,或用 --force 覆盖文件",
            "name another folder, or replace files with --force",
        )));
    }
    Ok(path)
}

/// A file under way; what is left of it goes when this value does.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // After the rename nothing is there.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Fetches the content of a digest into a file.
pub(crate) async fn one(
    client: &Client,
    sha256: &str,
    bytes: u64,
    path: &Path,
    out: Printer,
) -> Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = folder.join(format!(".{name}.{}.partial", std::process::id()));
    let mut file = tokio::fs::File::create_new(&partial).await?;
    let partial = Partial(partial);
    let progress = Progress::bytes(out, &say!("下载 {}", "fetching {}", name), bytes);
    let request = GetArtifactRequest {
        sha256: sha256.to_owned(),
        offset: 0,
    };
    let mut chunks = client.artifacts().get(request).await?.into_inner();
    let mut digest = Sha256::new();
    let mut received = 0_u64;
    while let Some(chunk) = chunks.message().await? {
        received = received.saturating_add(chunk.data.len() as u64);
        if received > bytes {
            return Err(not_the_file(path));
        }
        digest.update(&chunk.data);
        file.write_all(&chunk.data).await?;
        progress.add(chunk.data.len() as u64);
    }
    if received != bytes || hex::encode(digest.finalize()) != sha256 {
        return Err(not_the_file(path));
    }
    file.sync_all().await?;
    std::fs::rename(&partial.0, path)?;
    Ok(())
}

fn not_the_file(path: &Path) -> Failure {
    Failure::new(
        Exit::Failed,
        "ZS-ARTIFACT-HASH",
        say!(
            "收到的内容与 {} 的 SHA-256 不符,没有保存",
            "what was received is not {}: its SHA-256 differs, nothing is kept",
            path.display()
        ),
    )
    .hint(tr("再试一次", "try again"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn no_name_leaves_the_folder() {
        let folder = Path::new("/nowhere/at/all");
        for name in ["", "..", "../x", "/etc/passwd", "a/../../x"] {
            let failure = place(folder, name, true).unwrap_err();
            assert_eq!(failure.code(), "ZS-CLI-OUTPUT-NAME", "{name}");
        }
        let inside = place(folder, "a/b.txt", false).unwrap();
        assert_eq!(inside, folder.join("a/b.txt"));
    }
}
