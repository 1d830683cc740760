//! XLSX: sheets as rows of cells, values as the sheet shows them. Formulas are never evaluated.

use std::collections::HashMap;
use std::io::Cursor;

use calamine::{DataRef, Dimensions, ExcelDateTime, Reader, SheetVisible, Style, Xlsx};

use super::archive::Archive;
use super::draft::Draft;
use super::guard::guarded;
use super::limits::check_text_size;
use super::properties;
use super::unreadable::Unreadable;
use crate::kb::extract::{BlockKind, Extract, Format, Origin, ReadFaultKind};

/// The part that every workbook has.
pub(super) const WORKBOOK: &str = "xl/workbook.xml";
/// Most sheets of a workbook and most columns of a row.
const MAX_SHEETS: usize = 256;
const MAX_COLUMNS: u32 = 512;
/// Longest text of a cell, in characters: what the format allows.
const MAX_CELL: usize = 32_767;
/// Most merged areas of a sheet whose value is repeated.
const MAX_MERGED: usize = 20_000;
/// A merged cell is repeated in at most this many rows.
const MAX_MERGED_ROWS: u32 = 2000;

/// Reads a workbook.
pub(super) fn read(archive: &mut Archive<'_>, bytes: &[u8]) -> Result<Extract, Unreadable> {
    archive.check_xml_parts()?;
    let mut draft = Draft::new(Format::Xlsx);
    properties::declare(archive, &mut draft)?;
    guarded("broken_sheet", || read_sheets(&mut draft, bytes))?;
    draft.fault_here(
        ReadFaultKind::ActiveContent,
        properties::active_parts(archive),
    );
    draft.finish()
}

fn read_sheets(draft: &mut Draft, bytes: &[u8]) -> Result<(), Unreadable> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|_| broken())?;
    let sheets = book.sheets_metadata().to_vec();
    if sheets.len() > MAX_SHEETS {
        let message = format!("工作簿超过 {MAX_SHEETS} 张工作表，请拆分后再放入");
        return Err(Unreadable::new("too_many_sheets", message));
    }
    // What its author does not show is not what the workbook says.
    let (shown, hidden): (Vec<_>, Vec<_>) = sheets
        .into_iter()
        .partition(|sheet| sheet.visible == SheetVisible::Visible);
    draft.fault_here(ReadFaultKind::HiddenSheets, hidden.len());
    for name in shown.into_iter().map(|sheet| sheet.name) {
        let merged = book.merge_cells_by_sheet_name(&name).unwrap_or_default();
        let mut sheet = Sheet::new(name.clone(), &merged);
        if !draft.text().is_empty() {
            draft.blank_line();
        }
        // Chart sheets have no cells.
        let Ok(mut cells) = book.worksheet_cells_reader(&name) else {
            continue;
        };
        while let Some((cell, style)) = cells.next_cell_with_style_id().map_err(|_| broken())? {
            let (row, column) = cell.get_position();
            let value = fits(cell.get_value())?;
            let value = as_shown(value, cells.styles().get(style));
            sheet.put(draft, row, column, value)?;
        }
        sheet.end_row(draft)?;
    }
    Ok(())
}

/// The row of a sheet that is read, and the merged cells that reach into it.
#[derive(Debug)]
struct Sheet {
    name: String,
    row: u32,
    cells: Vec<String>,
    /// Bytes of the cells of the row.
    bytes: usize,
    /// Last row of the merged cell that begins at a place.
    merged: HashMap<(u32, u32), u32>,
    /// Values that reach down a column, and their last row.
    reaching: HashMap<u32, (String, u32)>,
}

impl Sheet {
    fn new(name: String, merged: &[Dimensions]) -> Self {
        let down = merged
            .iter()
            .take(MAX_MERGED)
            .filter(|area| area.end.0 > area.start.0);
        let merged = down.map(|area| {
            let last = area.end.0.min(area.start.0.saturating_add(MAX_MERGED_ROWS));
            (area.start, last)
        });
        Self {
            name,
            row: 0,
            cells: Vec::new(),
            bytes: 0,
            merged: merged.collect(),
            reaching: HashMap::new(),
        }
    }

    fn put(
        &mut self,
        draft: &mut Draft,
        row: u32,
        column: u32,
        value: String,
    ) -> Result<(), Unreadable> {
        if row != self.row {
            self.end_row(draft)?;
            self.row = row;
        }
        if column >= MAX_COLUMNS {
            return Ok(());
        }
        self.bytes += value.len();
        check_text_size(draft.text().len() + self.bytes)?;
        if let Some(last) = self.merged.get(&(row, column)) {
            self.reaching.insert(column, (value.clone(), *last));
        }
        let at = column as usize;
        if self.cells.len() <= at {
            self.cells.resize(at + 1, String::new());
        }
        if let Some(cell) = self.cells.get_mut(at) {
            *cell = value;
        }
        Ok(())
    }

    fn end_row(&mut self, draft: &mut Draft) -> Result<(), Unreadable> {
        let mut cells = std::mem::take(&mut self.cells);
        let mut bytes = std::mem::take(&mut self.bytes);
        if cells.iter().all(String::is_empty) {
            return Ok(());
        }
        // Programs may leave out the cells that are merged into the one above.
        for (column, (above, last)) in &self.reaching {
            let at = *column as usize;
            if self.row <= *last && cells.len() <= at {
                cells.resize(at + 1, String::new());
            }
            if let Some(cell) = cells.get_mut(at).filter(|cell| cell.is_empty())
                && self.row <= *last
            {
                bytes += above.len();
                check_text_size(draft.text().len() + bytes)?;
                cell.clone_from(above);
            }
        }
        while cells.last().is_some_and(String::is_empty) {
            cells.pop();
        }
        let origin = Origin::Row {
            sheet: self.name.clone(),
            number: self.row.saturating_add(1),
        };
        let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
        match filled {
            // A line over the whole table: its title or a note.
            1 => draft.write(&cells.concat(), BlockKind::Paragraph, origin),
            _ => draft.write(&cells.join(" | "), BlockKind::TableRow, origin),
        }
    }
}

/// Refuses a text that no cell can hold: many cells may name the same one.
fn fits<'a>(value: &'a DataRef<'a>) -> Result<&'a DataRef<'a>, Unreadable> {
    let text = match value {
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.as_str()
        }
        DataRef::SharedString(text) => text,
        _ => return Ok(value),
    };
    if text.len() > MAX_CELL && text.chars().nth(MAX_CELL).is_some() {
        let message = format!(
            "有一个单元格超过 {MAX_CELL} 字，工作簿格式不允许这样，没有读取，请核对文件来源"
        );
        return Err(Unreadable::new("cell_too_long", message));
    }
    Ok(value)
}

/// A value as its cell shows it.
fn as_shown(value: &DataRef<'_>, style: Option<&Style>) -> String {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let format = style.and_then(|style| style.number_format.as_ref());
    let code = format.map_or("", |format| format.format_code.as_str());
    match value {
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            one_line(text)
        }
        DataRef::SharedString(text) => one_line(text),
        DataRef::Int(number) => figure(*number as f64, code),
        DataRef::Float(number) => figure(*number, code),
        DataRef::Bool(true) => "是".to_owned(),
        DataRef::Bool(false) => "否".to_owned(),
        DataRef::DateTime(time) => date(*time),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}

/// A number with the percent sign and the decimals of its format; thousands stay unparted, so that
/// one figure is one word.
fn figure(number: f64, code: &str) -> String {
    let code = code.split(';').next().unwrap_or_default();
    let digits = code.rsplit_once('.').map(|(_, tail)| tail);
    let fixed = digits.map(|tail| tail.bytes().take_while(|byte| *byte == b'0').count());
    let percent = code.contains('%');
    let number = if percent { number * 100.0 } else { number };
    let sign = if percent { "%" } else { "" };
    match fixed.filter(|count| (1..=10).contains(count)) {
        Some(decimals) => format!("{number:.decimals$}{sign}"),
        None if percent || code == "0" => format!("{number:.0}{sign}"),
        // Binary fractions show as 0.30000000000000004; fifteen digits are what the sheet keeps.
        None => {
            let rounded: f64 = format!("{number:.14e}").parse().unwrap_or(number);
            format!("{rounded}")
        }
    }
}

fn date(time: ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    let value = time.as_f64();
    if time.is_duration() {
        let minutes = (value * 1440.0).round() as i64;
        return format!("{}:{:02}", minutes / 60, minutes % 60);
    }
    let clock = format!("{hour:02}:{minute:02}");
    let clock = if second == 0 {
        clock
    } else {
        format!("{clock}:{second:02}")
    };
    match (value < 1.0, value.fract() == 0.0) {
        (true, _) => clock,
        (_, true) => format!("{year}-{month:02}-{day:02}"),
        _ => format!("{year}-{month:02}-{day:02} {clock}"),
    }
}

fn broken() -> Unreadable {
    let message = "工作簿已损坏或加了密码，请用 Office 打开、去掉密码并另存后再放入";
    Unreadable::new("broken_sheet", message)
}
