//! Checkpoints on their way: a folder of the trainer becomes one stored zip file and back.

use super::super::ExecError;
use std::io::{Read as _, Write as _};
use std::path::Path;

/// More files than a trainer ever writes.
const MAX_FILES: usize = 64;
/// Largest checkpoint that is unpacked.
const MAX_BYTES: u64 = 8 * 1024 * 1024 * 1024;

fn fault(error: impl std::fmt::Display) -> ExecError {
    ExecError::new("ZS-TRAIN-CHECKPOINT", format!("检查点无法读写：{error}"))
}

/// Packs the files of `folder`, which has no folders inside, into `target`.
pub(super) fn pack(folder: &Path, target: &Path) -> Result<(), ExecError> {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(target).map_err(fault)?);
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .large_file(true);
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .map_err(fault)?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    for name in names {
        let mut file = std::fs::File::open(folder.join(&name)).map_err(fault)?;
        zip.start_file(name, options).map_err(fault)?;
        std::io::copy(&mut file, &mut zip).map_err(fault)?;
    }
    zip.finish().map_err(fault)?.flush().map_err(fault)
}

/// Unpacks into `folder`. Names with a separator and sizes beyond the bounds are refused, since
/// the file comes from a store that others write to as well.
pub(super) fn unpack(file: &Path, folder: &Path) -> Result<(), ExecError> {
    let source = std::fs::File::open(file).map_err(fault)?;
    let mut archive = zip::ZipArchive::new(source).map_err(fault)?;
    if archive.len() > MAX_FILES {
        return Err(fault(format!("含 {} 个文件", archive.len())));
    }
    std::fs::create_dir_all(folder).map_err(fault)?;
    let mut left = MAX_BYTES;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(fault)?;
        let name = entry.name().map_err(fault)?.into_owned();
        if !crate::models::is_file_name(&name) {
            return Err(fault(format!("文件名“{name}”不可用")));
        }
        let mut target = std::fs::File::create(folder.join(&name)).map_err(fault)?;
        let mut limited = (&mut entry).take(left.saturating_add(1));
        let copied = std::io::copy(&mut limited, &mut target).map_err(fault)?;
        left = left
            .checked_sub(copied)
            .ok_or_else(|| fault("超过 8 GiB"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use super::{pack, unpack};
    use std::io::Write as _;

    #[test]
    fn a_checkpoint_survives_the_way_and_a_hostile_one_does_not_leave_its_folder() {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        std::fs::create_dir(&from).unwrap();
        std::fs::write(from.join("state.json"), "{}").unwrap();
        let file = place.path().join("c.zip");
        pack(&from, &file).unwrap();
        unpack(&file, &to).unwrap();
        assert_eq!(std::fs::read(to.join("state.json")).unwrap(), b"{}");

        let mut zip = zip::ZipWriter::new(std::fs::File::create(&file).unwrap());
        zip.start_file("../evil", zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(b"x").unwrap();
        zip.finish().unwrap();
        assert!(unpack(&file, &to).is_err());
        assert!(!place.path().join("evil").exists());
    }
}
