//! A ZIP archive of office parts, bounded in parts, bytes and ratio; nothing is written to disk
//! and no name in it is used as a path.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::unreadable::Unreadable;

/// Most parts of an archive.
const MAX_PARTS: u64 = 4000;
/// Most bytes of one part once unpacked.
const MAX_PART_BYTES: u64 = 64 << 20;
/// Most bytes of all parts that are read.
const MAX_TOTAL_BYTES: u64 = 192 << 20;
/// A part may unpack to this many times its packed size, beyond its first mebibyte.
const MAX_RATIO: u64 = 250;
const FREE_BYTES: u64 = 1 << 20;

/// An opened archive.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    names: Vec<String>,
    /// Bytes that may still be unpacked.
    budget: u64,
}

impl<'a> Archive<'a> {
    /// Opens an archive by its directory; nothing is unpacked.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        check_directory(bytes)?;
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_| broken())?;
        if zip.len() as u64 > MAX_PARTS {
            return Err(too_many());
        }
        let names = zip
            .file_names_raw()
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect();
        Ok(Self {
            zip,
            names,
            budget: MAX_TOTAL_BYTES,
        })
    }

    /// Names of all parts.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether a part is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Unpacks a part; nothing if it is not there.
    pub(super) fn part(&mut self, name: &str) -> Result<Option<Vec<u8>>, Unreadable> {
        let Some(index) = self.zip.index_for_name(name) else {
            return Ok(None);
        };
        let mut unpacked = Vec::new();
        self.unpack(index, |chunk| unpacked.extend_from_slice(chunk))?;
        Ok(Some(unpacked))
    }

    /// Unpacks all XML parts without keeping them: whoever reads them next meets no bomb.
    pub(super) fn check_xml_parts(&mut self) -> Result<(), Unreadable> {
        for index in 0..self.zip.len() {
            let name = self
                .names
                .get(index)
                .map(String::as_str)
                .unwrap_or_default();
            let ending = name.rsplit('.').next().unwrap_or_default();
            if matches!(ending, "xml" | "rels" | "vml") {
                self.unpack(index, |_| {})?;
            }
        }
        Ok(())
    }

    fn unpack(&mut self, index: usize, mut keep: impl FnMut(&[u8])) -> Result<(), Unreadable> {
        let mut part = self.zip.by_index(index).map_err(|_| broken())?;
        let by_ratio = part.compressed_size().saturating_mul(MAX_RATIO);
        let limit = by_ratio
            .saturating_add(FREE_BYTES)
            .min(MAX_PART_BYTES)
            .min(self.budget);
        let mut buffer = [0_u8; 16 << 10];
        let mut read = 0_u64;
        loop {
            let count = part.read(&mut buffer).map_err(|_| broken())?;
            if count == 0 {
                break;
            }
            read += count as u64;
            if read > limit {
                let message = "压缩的内容展开后过大（疑似压缩炸弹），没有读取，请核对文件来源";
                return Err(Unreadable::new("archive_bomb", message));
            }
            keep(buffer.get(..count).unwrap_or_default());
        }
        self.budget -= read;
        Ok(())
    }
}

/// Refuses directories of too many parts before they are loaded: the end record says how many
/// there are (APPNOTE 6.3.10, 4.3.16), its 64-bit form likewise (4.3.14).
fn check_directory(bytes: &[u8]) -> Result<(), Unreadable> {
    let tail_start = bytes.len().saturating_sub(65_557 + 20 + 56);
    let tail = bytes.get(tail_start..).unwrap_or_default();
    let number = |at: usize, len: usize| {
        let field = tail.get(at..at + len).unwrap_or_default();
        field
            .iter()
            .rev()
            .fold(0_u64, |value, byte| value << 8 | u64::from(*byte))
    };
    for at in 0..tail.len().saturating_sub(3) {
        let count = match tail.get(at..at + 4) {
            Some(b"PK\x05\x06") => number(at + 10, 2),
            Some(b"PK\x06\x06") => number(at + 32, 8),
            _ => continue,
        };
        // 65535 says that the 64-bit record has the number.
        if count > MAX_PARTS && count != 0xffff {
            return Err(too_many());
        }
    }
    Ok(())
}

fn broken() -> Unreadable {
    let message = "文件是压缩包格式，但已损坏、不完整或加了密码，请重新导出后再放入";
    Unreadable::new("broken_archive", message)
}

fn too_many() -> Unreadable {
    let message = format!("压缩包里超过 {MAX_PARTS} 个部件，不是正常的 Office 文件");
    Unreadable::new("archive_bomb", message)
}
