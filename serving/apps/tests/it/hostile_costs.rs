//! Small files that would cost much: each is refused, or read once.

use std::io::{Cursor, Read};

use zhisuan_apps::kb::{FindingKind, ReadFaultKind, examine, read, read_head};

use crate::hostile_files::{archive, code, composite, one_page, page_with, pdf};
use crate::read::{faults, fixture, lines};

#[test]
fn a_font_that_names_its_codes_again_and_again_is_refused() {
    let map = "1 beginbfrange <0000> <FFFF> <0041> endbfrange ".repeat(60);
    let stream = format!("<</Length {}>>stream\n{map}\nendstream", map.len());
    let font = composite("Identity-H").replace(">>", "/ToUnicode 7 0 R>>");
    let content = "BT /F 12 Tf 72 700 Td <0001> Tj ET";
    let bytes = page_with(&font, content, &stream);
    assert_eq!(code("a.pdf", &bytes), "pdf_bomb");
    let widths = "0 65535 500 ".repeat(60);
    let widths = format!("/CIDSystemInfo<<>>/W[{widths}]");
    let bytes = String::from_utf8(one_page(&composite("Identity-H"), content)).unwrap();
    let bytes = bytes.replace(
        "/BaseFont/STSong-Light/CIDSystemInfo",
        &format!("{widths}/X"),
    );
    assert_eq!(code("a.pdf", bytes.as_bytes()), "pdf_bomb");
}

#[test]
fn a_font_within_a_page_is_read_once() {
    let content = format!("BT {}72 700 Td <00410042> Tj ET", "/F 12 Tf ".repeat(60));
    let stream = format!("<</Length {}>>stream\n{content}\nendstream", content.len());
    let map = "1 beginbfrange <0000> <FFFF> <0000> endbfrange";
    let map = format!("<</Length {}>>stream\n{map}\nendstream", map.len());
    let bytes = pdf(&[
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F \
         <</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/ToUnicode 5 0 R>>>>>>>>"
            .to_owned(),
        stream,
        map,
    ]);
    let extract = read("a.pdf", &bytes).unwrap();
    assert_eq!(extract.text.trim(), "AB");
}

/// A workbook with parts changed or added.
fn workbook(change: impl Fn(&str, Vec<u8>) -> Vec<u8>, more: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipArchive::new(Cursor::new(fixture("fees.xlsx"))).unwrap();
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    for at in 0..zip.len() {
        let mut part = zip.by_index(at).unwrap();
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).unwrap();
        let name = part.name().unwrap().into_owned();
        let bytes = change(&name, bytes);
        parts.push((name, bytes));
    }
    let own = parts.iter();
    let own = own.map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    let all: Vec<_> = own.chain(more.iter().copied()).collect();
    archive(&all)
}

#[test]
fn a_shared_text_that_no_cell_can_hold_is_refused_once_and_not_copied() {
    let cells: String = (0..400).map(|_| "<c t=\"s\"><v>0</v></c>").collect();
    let sheet = format!("<worksheet><sheetData><row r=\"1\">{cells}</row></sheetData></worksheet>");
    let strings =
        |chars: usize| format!("<sst><si><t>{}</t></si></sst>", "甲".repeat(chars)).into_bytes();
    let of = |chars: usize| {
        let change = |name: &str, bytes: Vec<u8>| {
            if name.contains("sheets/sheet") {
                sheet.clone().into_bytes()
            } else {
                bytes
            }
        };
        workbook(change, &[("xl/sharedStrings.xml", &strings(chars))])
    };
    assert_eq!(code("a.xlsx", &of(32_768)), "cell_too_long");
    assert_eq!(code("a.xlsx", &of(32_767)), "text_too_long");
    assert_eq!(code("a.xlsx", &of(12)), "read");
}

#[test]
fn hidden_sheets_are_left_out_and_told() {
    let change = |name: &str, bytes: Vec<u8>| {
        if name != "xl/workbook.xml" {
            return bytes;
        }
        let text = String::from_utf8(bytes).unwrap();
        let second = "sheetId=\"2\" state=\"hidden\"";
        text.replace("sheetId=\"2\" state=\"visible\"", second)
            .into_bytes()
    };
    let whole = read("a.xlsx", &fixture("fees.xlsx")).unwrap();
    let shown = read("a.xlsx", &workbook(change, &[])).unwrap();
    assert!(lines(&shown).len() < lines(&whole).len());
    assert_eq!(faults(&shown, ReadFaultKind::HiddenSheets), 1);
    let findings = examine(&shown, &read_head(&shown), &[]);
    let told = findings
        .iter()
        .any(|finding| finding.kind == FindingKind::HiddenContent);
    assert!(told, "{findings:#?}");
}
