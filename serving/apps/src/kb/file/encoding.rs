//! The encoding that bytes are in.
//!
//! The decision: a byte order mark; else UTF-16 where NUL bytes show it; else UTF-8 where at most
//! 30 % of what is not ASCII fails to be it (a text in GB 18030 fails at almost every character);
//! else what the page declares, else GB 18030 (GBK and GB 2312 are parts of it), both only where
//! at most 5 % fails. Bytes that fit nothing are refused, never guessed.

use encoding_rs::{Encoding, GB18030, GBK, UTF_8, UTF_16BE, UTF_16LE};

use super::decode::fits;
use super::unreadable::Unreadable;

/// The encoding, and how many bytes its byte order mark takes.
pub(super) fn encoding_of(bytes: &[u8]) -> Result<(&'static Encoding, usize), Unreadable> {
    if let Some(found) = Encoding::for_bom(bytes) {
        return Ok(found);
    }
    if bytes.starts_with(b"\x84\x31\x95\x33") {
        return Ok((GB18030, 4));
    }
    if bytes.contains(&0) {
        return utf16_without_mark(bytes).map(|encoding| (encoding, 0));
    }
    let (valid, invalid) = utf8_counts(bytes);
    if invalid * 10 <= (valid + invalid) * 3 {
        return Ok((UTF_8, 0));
    }
    let declared = declared_encoding(bytes).filter(|encoding| fits(encoding, bytes));
    if let Some(encoding) = declared {
        return Ok((encoding, 0));
    }
    if looks_like_gb(bytes) && fits(GB18030, bytes) {
        return Ok((GB18030, 0));
    }
    let offset = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    let message = format!(
        "第 {offset} 字节起既不是 UTF-8，也不是 GB 18030 或 UTF-16 文字，请另存为 UTF-8 后再放入"
    );
    Err(Unreadable::new("unknown_encoding", message).at(offset))
}

/// How many characters beyond ASCII are valid UTF-8, and how many runs of bytes are not.
fn utf8_counts(bytes: &[u8]) -> (usize, usize) {
    bytes.utf8_chunks().fold((0, 0), |(valid, invalid), chunk| {
        let wide = |byte: &&u8| **byte >= 0xc0;
        (
            valid + chunk.valid().as_bytes().iter().filter(wide).count(),
            invalid + usize::from(!chunk.invalid().is_empty()),
        )
    })
}

/// UTF-16 shown by NUL bytes on one side: ASCII letters, digits and line ends.
fn utf16_without_mark(bytes: &[u8]) -> Result<&'static Encoding, Unreadable> {
    let nul = |parity: usize| {
        let side = bytes.iter().skip(parity).step_by(2);
        side.filter(|byte| **byte == 0).count()
    };
    let (high_first, low_first) = (nul(0), nul(1));
    let encoding = if high_first > low_first {
        UTF_16BE
    } else {
        UTF_16LE
    };
    let clear = high_first.min(low_first) * 20 <= high_first.max(low_first);
    if clear && bytes.len().is_multiple_of(2) && fits(encoding, bytes) {
        let (text, _) = encoding.decode_without_bom_handling(bytes);
        let readable = text.chars().filter(|char| is_readable(*char)).count();
        if readable * 10 >= text.chars().count() * 9 {
            return Ok(encoding);
        }
    }
    let offset = bytes.iter().position(|byte| *byte == 0).unwrap_or_default();
    let message = format!("第 {offset} 字节是空字节，文件不是文字，请核对后再放入");
    Err(Unreadable::new("not_text", message).at(offset))
}

/// Characters that Chinese and English texts are made of.
fn is_readable(char: char) -> bool {
    matches!(char, ' '..='~' | '\n' | '\r' | '\t' | '\u{a0}'..='\u{ff}' | '\u{2000}'..='\u{27bf}'
        | '\u{3000}'..='\u{33ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

/// The encoding that a page names in its first kilobytes.
fn declared_encoding(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes.get(..4096).unwrap_or(bytes).to_ascii_lowercase();
    let at = head.windows(8).position(|window| window == b"charset=")? + 8;
    let label: Vec<u8> = head
        .get(at..)?
        .iter()
        .copied()
        .skip_while(|byte| matches!(byte, b'"' | b'\'' | b' '))
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        .take(32)
        .collect();
    let encoding = Encoding::for_label(&label)?;
    let encoding = if encoding == GBK { GB18030 } else { encoding };
    (encoding != UTF_8 && encoding.is_ascii_compatible()).then_some(encoding)
}

/// Whether bytes beyond ASCII come in pairs of such bytes, as Chinese characters do; accented
/// letters of European encodings stand alone.
fn looks_like_gb(bytes: &[u8]) -> bool {
    let (mut pairs, mut alone) = (0_usize, 0_usize);
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        if *byte >= 0x80 {
            match rest.next() {
                Some(next) if *next >= 0x80 => pairs += 1,
                _ => alone += 1,
            }
        }
    }
    pairs * 2 > alone * 3
}
