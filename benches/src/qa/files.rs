//! A generated Markdown text in the formats that people have.

use anyhow::Result;
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Lines of a page of the PDF.
const LINES: usize = 40;

/// The lines that are not empty behind the head, each with the depth of its heading, 0 for none.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let body = text.splitn(3, "---\n").nth(2).unwrap_or(text);
    let lines = body.lines().filter(|line| !line.is_empty());
    lines.map(|line| {
        let words = line.trim_start_matches('#');
        (line.len() - words.len(), words.trim())
    })
}

/// Text without marks.
pub(super) fn plain(text: &str) -> String {
    let lines: Vec<&str> = lines(text).map(|(_, line)| line).collect();
    lines.join("\n") + "\n"
}

/// An HTML page. The generated words need no escapes.
pub(super) fn html(text: &str) -> String {
    let mut page = "<!DOCTYPE html><html><head><meta charset=\"utf-8\"></head><body>\n".to_owned();
    for (depth, line) in lines(text) {
        let tag = ["p", "h1", "h2"].get(depth).unwrap_or(&"h3");
        let _ = writeln!(page, "<{tag}>{line}</{tag}>");
    }
    page + "</body></html>\n"
}

/// A DOCX file of one part.
pub(super) fn docx(text: &str) -> Result<Vec<u8>> {
    let mut body = String::new();
    for (depth, line) in lines(text) {
        let style = match depth {
            0 => String::new(),
            depth => format!("<w:pPr><w:outlineLvl w:val=\"{}\"/></w:pPr>", depth - 1),
        };
        let _ = write!(body, "<w:p>{style}<w:r><w:t>{line}</w:t></w:r></w:p>");
    }
    let document = format!("<w:document xmlns:w=\"w\"><w:body>{body}</w:body></w:document>");
    archive(&[("word/document.xml", &document)])
}

/// An XLSX file of one sheet with a line a row.
pub(super) fn xlsx(text: &str) -> Result<Vec<u8>> {
    let office = "http://schemas.openxmlformats.org";
    let mut rows = String::new();
    for (number, (_, line)) in lines(text).enumerate() {
        let row = number + 1;
        let cell = format!("<c r=\"A{row}\" t=\"inlineStr\"><is><t>{line}</t></is></c>");
        let _ = write!(rows, "<row r=\"{row}\">{cell}</row>");
    }
    let main = format!("{office}/spreadsheetml/2006/main");
    let links = format!("{office}/officeDocument/2006/relationships");
    archive(&[
        (
            "_rels/.rels",
            &format!(
                "<Relationships xmlns=\"{office}/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"{links}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            &format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{links}\"><sheets><sheet name=\"1\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            &format!(
                "<Relationships xmlns=\"{office}/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"{links}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            &format!("<worksheet xmlns=\"{main}\"><sheetData>{rows}</sheetData></worksheet>"),
        ),
    ])
}

fn archive(parts: &[(&str, &str)]) -> Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(*name, SimpleFileOptions::default())?;
        zip.write_all(text.as_bytes())?;
    }
    Ok(zip.finish()?.into_inner())
}

/// A PDF (ISO 32000-1) with its text in GBK and its pages not packed.
pub(super) fn pdf(text: &str) -> Vec<u8> {
    let lines: Vec<String> = lines(text).map(|(_, line)| shown(line)).collect();
    let pages: Vec<&[String]> = lines.chunks(LINES).collect();
    let kids: Vec<String> = (0..pages.len())
        .map(|at| format!("{} 0 R", 5 + 2 * at))
        .collect();
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        format!("<</Type/Pages/Count {}/Kids[{}]>>", kids.len(), kids.join(" ")),
        "<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/GBK-EUC-H/DescendantFonts[4 0 R]>>".to_owned(),
        "<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 2>>>>".to_owned(),
    ];
    for (at, lines) in pages.iter().enumerate() {
        let content = format!("BT /F 10 Tf 18 TL 60 780 Td {} ET", lines.join(" "));
        objects.push(format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents {} 0 R/Resources<</Font<</F 3 0 R>>>>>>",
            6 + 2 * at
        ));
        objects.push(format!(
            "<</Length {}>>stream\n{content}\nendstream",
            content.len()
        ));
    }
    let mut file = "%PDF-1.7\n".to_owned();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (at, object) in objects.iter().enumerate() {
        let _ = writeln!(table, "{:010} 00000 n ", file.len());
        let _ = write!(file, "{} 0 obj\n{object}\nendobj\n", at + 1);
    }
    let (size, start) = (objects.len() + 1, file.len());
    let end = format!("trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n");
    (file + &table + &end).into_bytes()
}

/// The operators that show a line and go to the next.
fn shown(line: &str) -> String {
    let (bytes, ..) = encoding_rs::GB18030.encode(line);
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes.iter() {
        let _ = write!(hex, "{byte:02X}");
    }
    format!("<{hex}> Tj T*")
}
