//! One task's log: a file of what was kept, and where bytes are missing. Blocks on the disk.

use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Most separate gaps that are told apart; later ones are added to the last.
const MAX_GAPS: usize = 1000;
const BLOCK: u64 = 64 * 1024;

/// Bytes that never came or that the limit dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Gap {
    /// Position in the kept file.
    pub(super) at: u64,
    pub(super) bytes: u64,
}

/// What is known of a log beside its bytes; kept in a small file next to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    pub(super) gaps: Vec<Gap>,
    pub(super) closed: bool,
}

/// The log of one task.
#[derive(Debug)]
pub(super) struct Entry {
    path: PathBuf,
    /// Opened with the first append: most logs are only read.
    file: Option<File>,
    /// Bytes in the file.
    pub(super) kept: u64,
    pub(super) index: Index,
    limit: u64,
}

impl Entry {
    /// Looks at what is on disk, if anything.
    pub(super) fn open(path: PathBuf, limit: u64) -> std::io::Result<Self> {
        let kept = match fs::metadata(&path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        let index = match fs::read(path.with_extension("gaps")) {
            Ok(json) => serde_json::from_slice(&json).unwrap_or_default(),
            Err(_) => Index::default(),
        };
        Ok(Self {
            path,
            file: None,
            kept,
            index,
            limit,
        })
    }

    /// Offset of the next byte that is new.
    fn next_offset(&self) -> u64 {
        let missing = self
            .index
            .gaps
            .iter()
            .fold(0_u64, |sum, gap| sum.saturating_add(gap.bytes));
        self.kept.saturating_add(missing)
    }

    /// Adds bytes that begin at `offset` of the task's output. What came before is ignored, what
    /// was left out is counted, what exceeds the limit is dropped and counted.
    pub(super) fn append(&mut self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        let next = self.next_offset();
        if offset > next {
            self.miss(offset - next)?;
        }
        let known = usize::try_from(next.saturating_sub(offset)).unwrap_or(usize::MAX);
        let Some(fresh) = data.get(known..).filter(|fresh| !fresh.is_empty()) else {
            return Ok(());
        };
        let room = usize::try_from(self.limit.saturating_sub(self.kept)).unwrap_or(usize::MAX);
        let (fits, over) = fresh.split_at(fresh.len().min(room));
        if !fits.is_empty() {
            self.write(fits)?;
        }
        if !over.is_empty() {
            self.miss(over.len() as u64)?;
        }
        Ok(())
    }

    /// No more bytes will come.
    pub(super) fn close(&mut self) -> std::io::Result<()> {
        self.index.closed = true;
        self.file = None;
        self.save()
    }

    fn write(&mut self, data: &[u8]) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                if let Some(folder) = self.path.parent() {
                    fs::create_dir_all(folder)?;
                }
                none.insert(File::options().create(true).append(true).open(&self.path)?)
            }
        };
        file.write_all(data)?;
        self.kept += data.len() as u64;
        Ok(())
    }

    fn miss(&mut self, bytes: u64) -> std::io::Result<()> {
        let full = self.index.gaps.len() >= MAX_GAPS;
        match self.index.gaps.last_mut() {
            Some(last) if last.at == self.kept || full => {
                last.bytes = last.bytes.saturating_add(bytes);
                // A gap that grows is written when it is closed: a lost count is counted again
                // by the next offset.
                Ok(())
            }
            _ => {
                self.index.gaps.push(Gap {
                    at: self.kept,
                    bytes,
                });
                self.save()
            }
        }
    }

    fn save(&self) -> std::io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let json = serde_json::to_vec(&self.index).map_err(std::io::Error::other)?;
        let partial = self.path.with_extension("gaps.part");
        fs::write(&partial, json)?;
        fs::rename(partial, self.path.with_extension("gaps"))
    }

    /// Where the last `lines` lines begin; 0 lines means everything.
    pub(super) fn tail(&self, lines: u32) -> std::io::Result<u64> {
        if lines == 0 || self.kept == 0 {
            return Ok(0);
        }
        let mut file = File::open(&self.path)?;
        let mut end = self.kept;
        let mut left = u64::from(lines);
        while end > 0 {
            let start = end.saturating_sub(BLOCK);
            let block = read_at(&mut file, start, end - start)?;
            for (at, byte) in block.iter().enumerate().rev() {
                let position = start + at as u64;
                // The newline at the very end closes the last line and begins none.
                if *byte == b'\n' && position + 1 < self.kept {
                    left -= 1;
                    if left == 0 {
                        return Ok(position + 1);
                    }
                }
            }
            end = start;
        }
        Ok(0)
    }
}

/// Reads `bytes` bytes (fewer at the end of the file) from `start`.
pub(super) fn read_at(file: &mut File, start: u64, bytes: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut block = Vec::new();
    file.take(bytes).read_to_end(&mut block)?;
    Ok(block)
}

/// Reads a block of a log.
pub(super) fn read_block(path: &Path, start: u64, end: u64) -> std::io::Result<Vec<u8>> {
    read_at(
        &mut File::open(path)?,
        start,
        end.saturating_sub(start).min(BLOCK),
    )
}
