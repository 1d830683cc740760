//! Memory maps: model files, and zeroed memory that the system provides page by page.

use memmap2::{Mmap, MmapMut, MmapOptions};
use std::fs::File;
use std::io;

/// Maps a file for reading.
pub(crate) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the bytes are only ever read as numbers and checked as such, so a file that
    // another program changes meanwhile gives wrong numbers, not wrong memory. Cutting the
    // file short would end this process (SIGBUS): model files are never changed in place,
    // the cache replaces them by rename.
    #[expect(unsafe_code, reason = "the only way to map a file")]
    unsafe {
        Mmap::map(file)
    }
}

/// Half-precision numbers as bits, zero at first. A page costs memory from its first use on.
#[derive(Debug)]
pub(crate) struct Halves {
    map: MmapMut,
    count: usize,
}

impl Halves {
    /// Reserves `count` numbers (at least one).
    pub(crate) fn zeroed(count: usize) -> io::Result<Self> {
        let bytes = count
            .checked_mul(size_of::<u16>())
            .filter(|b| isize::try_from(*b).is_ok())
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let map = MmapOptions::new().len(bytes).map_anon()?;
        Ok(Self { map, count })
    }

    pub(crate) fn as_slice(&self) -> &[u16] {
        // SAFETY: the map is page-aligned, `2 * count` bytes long and lives as long as
        // `self`; any bits are a `u16`.
        #[expect(unsafe_code, reason = "bytes seen as numbers")]
        unsafe {
            std::slice::from_raw_parts(self.map.as_ptr().cast(), self.count)
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u16] {
        // SAFETY: as in `as_slice`, and `self` is borrowed mutably.
        #[expect(unsafe_code, reason = "bytes seen as numbers")]
        unsafe {
            std::slice::from_raw_parts_mut(self.map.as_mut_ptr().cast(), self.count)
        }
    }
}
