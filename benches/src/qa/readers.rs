//! Each reader by itself: the same generated texts as TXT, Markdown, HTML, DOCX, XLSX and PDF,
//! read, and brought in one by one.

use super::files::{docx, html, pdf, plain, xlsx};
use super::{NOW_MS, library, maker};
use crate::report::Row;
use anyhow::Result;
use std::time::Instant;
use zhisuan_apps::eval::GeneratedFile;
use zhisuan_apps::kb::{Add, read};

/// Two rows for each format; megabytes are those of the text that was read, not of the file.
pub(super) fn rows(files: &[GeneratedFile]) -> Result<Vec<Row>> {
    type Make = fn(&str) -> Result<Vec<u8>>;
    let formats: [(&str, Make); 6] = [
        ("txt", |text| Ok(plain(text).into_bytes())),
        ("md", |text| Ok(text.as_bytes().to_vec())),
        ("html", |text| Ok(html(text).into_bytes())),
        ("docx", docx),
        ("xlsx", xlsx),
        ("pdf", |text| Ok(pdf(text))),
    ];
    let mut rows = Vec::new();
    for (ending, make) in formats {
        let made = files.iter().map(|file| make(&file.text));
        let made = made.collect::<Result<Vec<_>>>()?;
        let name = format!("a.{ending}");
        let begin = Instant::now();
        let mut bytes = 0;
        for file in &made {
            bytes += read(&name, file)?.text.len();
        }
        let megabytes = bytes as f64 / 1e6;
        let alone = megabytes / begin.elapsed().as_secs_f64();
        rows.push(Row::new(format!("{ending}: read"), "MB/s", vec![alone]));

        let folder = tempfile::tempdir()?;
        let library = library(&folder.path().join("kb.sqlite"))?;
        let begin = Instant::now();
        for (number, bytes) in made.into_iter().enumerate() {
            library.add(&Add {
                base: "qa".to_owned(),
                name: format!("{number}.{ending}"),
                bytes,
                document: None,
                person: maker(),
                now_ms: NOW_MS,
            })?;
        }
        let added = megabytes / begin.elapsed().as_secs_f64();
        rows.push(Row::new(
            format!("{ending}: read, judge, keep"),
            "MB/s",
            vec![added],
        ));
    }
    Ok(rows)
}
