//! How much a file may hold; every reader keeps to these before it allocates.

use super::unreadable::Unreadable;

/// Largest accepted file, in bytes. Whoever receives a file stops reading one byte beyond it.
pub const MAX_FILE_BYTES: usize = 64 << 20;
/// Longest canonical text, in bytes: about 5 million Chinese characters.
pub(crate) const MAX_TEXT_BYTES: usize = 16 << 20;
/// Most blocks of a text.
pub(crate) const MAX_BLOCKS: usize = 400_000;
/// Most fields that a file may declare of itself.
pub(crate) const MAX_DECLARED: usize = 64;
/// Longest declared value, in characters.
pub(crate) const MAX_DECLARED_CHARS: usize = 1000;
/// Deepest nesting that is followed in HTML and XML.
pub(crate) const MAX_DEPTH: usize = 256;

/// Refuses a file that is empty or larger than [`MAX_FILE_BYTES`].
pub(crate) fn check_file_size(bytes: usize) -> Result<(), Unreadable> {
    if bytes == 0 {
        return Err(Unreadable::new("empty", "文件没有内容"));
    }
    if bytes > MAX_FILE_BYTES {
        let message =
            format!("文件有 {bytes} 字节，最多 {MAX_FILE_BYTES} 字节（64 MB），请拆分后再放入");
        return Err(Unreadable::new("too_large", message).at(MAX_FILE_BYTES));
    }
    Ok(())
}

/// Refuses a text that has grown beyond [`MAX_TEXT_BYTES`].
pub(crate) fn check_text_size(bytes: usize) -> Result<(), Unreadable> {
    if bytes > MAX_TEXT_BYTES {
        let message =
            format!("文件的文字超过 {MAX_TEXT_BYTES} 字节（约五百万字），请按章节拆分后再放入");
        return Err(Unreadable::new("text_too_long", message));
    }
    Ok(())
}
