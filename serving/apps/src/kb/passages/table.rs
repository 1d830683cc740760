//! Which row of a table names its columns.

/// A name of a column has at most this many characters.
const NAME_CHARS: usize = 16;

/// Words that a two-column table has above its columns; two columns are otherwise name and value.
const NAMES: [&str; 12] = [
    "序号", "项目", "名称", "内容", "类别", "标准", "事项", "材料", "说明", "备注", "单位", "條目",
];

/// Whether the first of several rows names the columns: short cells without sentences, as many as
/// the row below has.
pub(super) fn is_head(first: &str, second: Option<&str>) -> bool {
    let Some(second) = second else {
        return false;
    };
    let cells: Vec<&str> = first.split(" | ").map(str::trim).collect();
    let short = |cell: &&str| {
        let named = !cell.is_empty() && cell.chars().nth(NAME_CHARS).is_none();
        named
            && !cell.contains(['。', '；', '：', ':'])
            && !cell.chars().all(|c| c.is_ascii_digit())
    };
    let fits = cells.iter().all(short) && cells.len() == second.split(" | ").count();
    let named = cells
        .iter()
        .any(|cell| NAMES.iter().any(|name| cell.contains(name)));
    fits && (cells.len() >= 3 || (cells.len() == 2 && named))
}
