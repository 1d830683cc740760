//! A file that already lies on this machine: copied, since its owner may change it later.

use super::error::SourceError;
use super::sink::Sink;
use std::path::Path;
use tokio::io::AsyncReadExt as _;

/// Copies `path` into `sink`.
pub(crate) async fn copy(
    path: &str,
    sink: &mut Sink,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<(), SourceError> {
    if !Path::new(path).is_absolute() {
        return Err(SourceError::Invalid(format!(
            "local_path 为“{path}”，应为绝对路径"
        )));
    }
    sink.restart()?;
    let mut file = tokio::fs::File::open(path).await?;
    if !file.metadata().await?.is_file() {
        return Err(SourceError::Invalid(format!("{path} 不是文件")));
    }
    let mut buffer = vec![0; 1024 * 1024];
    loop {
        let count = file.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        sink.write(&buffer[..count]).await?;
        progress(sink.position());
    }
}
