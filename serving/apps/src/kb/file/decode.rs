//! Bytes to text, with the way back to the raw bytes.

use std::ops::Range;

use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::encoding::encoding_of;
use super::limits::check_text_size;
use super::unreadable::Unreadable;

const REPLACEMENT: char = '\u{fffd}';

/// A decoded text that knows where its characters stood in the raw file.
#[derive(Debug)]
pub(super) struct Decoded {
    text: String,
    encoding: &'static Encoding,
    /// Where the first character of the text stood.
    raw_start: usize,
    /// After each run of invalid bytes: offset in the text, offset in the raw file.
    marks: Vec<(usize, usize)>,
    /// Bytes of the text at the first thing that is no text.
    first_invalid: Option<Range<usize>>,
    invalid: usize,
}

impl Decoded {
    /// The text; invalid bytes stand in it as U+FFFD.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The text itself.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Where invalid bytes or control characters show first, and how many there are.
    pub(super) fn invalid(&self) -> Option<(Range<usize>, usize)> {
        self.first_invalid
            .clone()
            .map(|range| (range, self.invalid))
    }

    /// A way from the text back to the raw file, to be asked in ascending order.
    pub(super) fn raw(&self) -> RawOffsets<'_> {
        RawOffsets {
            decoded: self,
            text_at: 0,
            raw_at: self.raw_start,
            next_mark: 0,
        }
    }
}

/// Translates ascending offsets of a text to offsets of its raw file, each byte looked at once.
#[derive(Debug)]
pub(super) struct RawOffsets<'a> {
    decoded: &'a Decoded,
    text_at: usize,
    raw_at: usize,
    next_mark: usize,
}

impl RawOffsets<'_> {
    /// The raw range of a text range that begins at or after the last one's end.
    pub(super) fn range(&mut self, range: Range<usize>) -> Range<usize> {
        let start = self.offset(range.start);
        start..self.offset(range.end)
    }

    fn offset(&mut self, text: usize) -> usize {
        while let Some(&(mark_text, mark_raw)) = self.decoded.marks.get(self.next_mark)
            && mark_text <= text
        {
            (self.text_at, self.raw_at) = (mark_text, mark_raw);
            self.next_mark += 1;
        }
        let between = self
            .decoded
            .text
            .get(self.text_at..text)
            .unwrap_or_default();
        self.raw_at += raw_length(self.decoded.encoding, between);
        self.text_at = self.text_at.max(text);
        self.raw_at
    }
}

/// How many raw bytes a valid text took.
fn raw_length(encoding: &'static Encoding, text: &str) -> usize {
    if encoding == UTF_8 || text.is_empty() {
        return text.len();
    }
    if encoding == UTF_16LE || encoding == UTF_16BE {
        return text.chars().map(|char| 2 * char.len_utf16()).sum();
    }
    let mut encoder = encoding.new_encoder();
    let mut buffer = [0_u8; 256];
    let (mut rest, mut length) = (text, 0);
    while !rest.is_empty() {
        let (_, read, written, _) = encoder.encode_from_utf8(rest, &mut buffer, false);
        length += written;
        let Some(after) = rest.get(read..).filter(|_| read > 0) else {
            break;
        };
        rest = after;
    }
    length
}

/// Decodes the bytes of a text file.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, Unreadable> {
    check_text_size(bytes.len())?;
    let (encoding, bom) = encoding_of(bytes)?;
    let mut decoded = match encoding {
        encoding if encoding == UTF_8 => decode_utf8(bytes),
        encoding => decode_with(encoding, bytes, bom),
    };
    check_text_size(decoded.text.len())?;
    count_controls(&mut decoded)?;
    Ok(decoded)
}

/// Whether at most 5 % of what is not ASCII fails to decode.
pub(super) fn fits(encoding: &'static Encoding, bytes: &[u8]) -> bool {
    let decoded = decode_with(encoding, bytes, 0);
    let wide = decoded.text.chars().filter(|char| !char.is_ascii()).count();
    decoded.invalid * 20 <= wide
}

fn decode_utf8(bytes: &[u8]) -> Decoded {
    let mut decoded = empty(UTF_8, bytes.len());
    let mut raw = 0;
    for chunk in bytes.utf8_chunks() {
        decoded.text.push_str(chunk.valid());
        raw += chunk.valid().len() + chunk.invalid().len();
        if !chunk.invalid().is_empty() {
            push_invalid(&mut decoded, raw);
        }
    }
    decoded
}

fn decode_with(encoding: &'static Encoding, bytes: &[u8], bom: usize) -> Decoded {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut raw = bom.min(bytes.len());
    let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len() - raw);
    let mut decoded = empty(encoding, room.unwrap_or_default());
    decoded.raw_start = raw;
    while let Some(rest) = bytes.get(raw..) {
        let (result, read) =
            decoder.decode_to_string_without_replacement(rest, &mut decoded.text, true);
        raw += read;
        match result {
            DecoderResult::InputEmpty => break,
            DecoderResult::OutputFull => decoded.text.reserve(rest.len().max(16)),
            DecoderResult::Malformed(_, after) => {
                push_invalid(&mut decoded, raw.saturating_sub(usize::from(after)));
            }
        }
    }
    decoded
}

fn empty(encoding: &'static Encoding, room: usize) -> Decoded {
    Decoded {
        text: String::with_capacity(room),
        encoding,
        raw_start: 0,
        marks: Vec::new(),
        first_invalid: None,
        invalid: 0,
    }
}

/// Puts a replacement into the text for bytes that ended at `raw`.
fn push_invalid(decoded: &mut Decoded, raw: usize) {
    let start = decoded.text.len();
    decoded.text.push(REPLACEMENT);
    let end = decoded.text.len();
    decoded.marks.push((end, raw));
    decoded.first_invalid.get_or_insert(start..end);
    decoded.invalid += 1;
}

/// Counts control characters as invalid; a file with many of them is no text.
fn count_controls(decoded: &mut Decoded) -> Result<(), Unreadable> {
    let control =
        |byte: u8| (byte < 0x20 && !matches!(byte, b'\n' | b'\r' | b'\t' | 0x0c)) || byte == 0x7f;
    let bytes = decoded.text.as_bytes();
    let Some(first) = bytes.iter().position(|byte| control(*byte)) else {
        return Ok(());
    };
    let count = bytes.iter().filter(|byte| control(**byte)).count();
    if bytes.contains(&0) || count > 8 + bytes.len() / 100 {
        let message = format!("文件里有 {count} 个控制字符，不是文字，请核对后再放入");
        return Err(Unreadable::new("not_text", message).at(first));
    }
    decoded.invalid += count;
    let earlier = decoded
        .first_invalid
        .as_ref()
        .is_some_and(|known| known.start < first);
    if !earlier {
        decoded.first_invalid = Some(first..first + 1);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use encoding_rs::GB18030;

    use super::*;

    const SENTENCE: &str = "居住证有效期为五年，期满前30日内办理续期。\n第二行。";

    fn bytes_of(encoding: &'static Encoding, text: &str) -> Vec<u8> {
        if encoding == UTF_16LE {
            return text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        }
        if encoding == UTF_16BE {
            return text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        }
        encoding.encode(text).0.into_owned()
    }

    #[test]
    fn every_encoding_gives_the_same_text_and_leads_back_to_its_bytes() {
        let at = SENTENCE.find("期满").unwrap_or_default();
        let range = at..at + "期满前30日内".len();
        for encoding in [UTF_8, GB18030, UTF_16LE, UTF_16BE] {
            for bom in [&b""[..], b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"] {
                let fits = Encoding::for_bom(bom).is_none_or(|(found, _)| found == encoding);
                if !fits || (!bom.is_empty() && encoding == UTF_8) {
                    continue;
                }
                let bytes = [bom, &bytes_of(encoding, SENTENCE)].concat();
                let decoded = decode(&bytes).ok();
                let Some(decoded) = decoded else {
                    unreachable!("{encoding:?} {bom:?} was refused");
                };
                assert_eq!(decoded.text(), SENTENCE, "{encoding:?}");
                assert!(decoded.invalid().is_none());
                let raw = decoded.raw().range(range.clone());
                let back = encoding.decode_without_bom_handling(&bytes[raw]).0;
                assert_eq!(back, "期满前30日内", "{encoding:?}");
            }
        }
    }

    #[test]
    fn invalid_bytes_are_counted_and_the_way_back_stays_right_after_them() {
        for encoding in [UTF_8, GB18030] {
            let mut bytes = bytes_of(encoding, &"居住证有效期为五年。".repeat(9));
            bytes.extend(b"\xff\xff");
            bytes.extend(bytes_of(encoding, "办理地点在市民中心一楼。"));
            let Ok(decoded) = decode(&bytes) else {
                unreachable!("{encoding:?} was refused");
            };
            assert!(decoded.invalid().is_some_and(|(_, count)| count >= 1));
            let at = decoded.text().find("市民中心").unwrap_or_default();
            let raw = decoded.raw().range(at..at + "市民中心".len());
            assert_eq!(
                encoding.decode_without_bom_handling(&bytes[raw]).0,
                "市民中心"
            );
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_place() {
        let code = |bytes: &[u8]| decode(bytes).map_err(|refused| refused.code).err();
        assert_eq!(code(b"abc\0def\0\0\x01"), Some("not_text"));
        assert_eq!(
            code("\u{1}\u{2}\u{3}".repeat(9).as_bytes()),
            Some("not_text")
        );
        assert_eq!(
            code(b"caf\xe9 cr\xe8me br\xfbl\xe9e"),
            Some("unknown_encoding")
        );
    }
}
