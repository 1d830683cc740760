//! What bytes are, told by the bytes; a name only decides between kinds of text.

use super::unreadable::Unreadable;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Text in some encoding, HTML and Markdown among it.
    Text,
    Docx,
    Xlsx,
    Pdf,
}

impl Content {
    /// The word shown to people.
    fn words(self) -> &'static str {
        match self {
            Self::Text => "文字",
            Self::Docx => "Word 文件",
            Self::Xlsx => "Excel 文件",
            Self::Pdf => "PDF",
        }
    }

    /// Endings that name something else.
    fn is_contradicted_by(self, ending: &str) -> bool {
        let own: &[&str] = match self {
            Self::Text => &["txt", "md", "markdown", "html", "htm", "xhtml", "shtml"],
            Self::Docx => &["docx", "docm"],
            Self::Xlsx => &["xlsx", "xlsm"],
            Self::Pdf => &["pdf"],
        };
        let known = [
            "txt", "md", "markdown", "html", "htm", "xhtml", "shtml", "docx", "docm", "xlsx",
            "xlsm", "pdf", "doc", "xls", "wps", "et", "ofd", "rtf", "png", "jpg", "jpeg", "zip",
        ];
        known.contains(&ending) && !own.contains(&ending)
    }
}

/// Kinds of files that are recognised in order to say clearly that they are not read.
const REFUSED: [(&[u8], &str, &str); 9] = [
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "old_office",
        "这是旧版 Office 文件（.doc、.xls、.wps）或加了密码的 Office 文件，请去掉密码并另存为 .docx 或 .xlsx",
    ),
    (b"{\\rtf", "rtf", "这是 RTF 文件，请另存为 .docx"),
    (
        b"\x89PNG",
        "image",
        "这是图片，不含文字，请放入原文的电子版",
    ),
    (
        b"\xff\xd8\xff",
        "image",
        "这是图片，不含文字，请放入原文的电子版",
    ),
    (b"GIF8", "image", "这是图片，不含文字，请放入原文的电子版"),
    (b"Rar!", "archive", "这是压缩包，请解压后逐个放入"),
    (b"7z\xbc\xaf", "archive", "这是压缩包，请解压后逐个放入"),
    (b"\x1f\x8b", "archive", "这是压缩包，请解压后逐个放入"),
    (b"MZ", "program", "这是程序，不是文件"),
];

/// Refuses bytes that are known not to be readable.
pub(super) fn refuse_known(bytes: &[u8]) -> Result<(), Unreadable> {
    for (magic, code, message) in REFUSED {
        if bytes.starts_with(magic) {
            return Err(Unreadable::new(code, message).at(0));
        }
    }
    Ok(())
}

/// Refuses a name whose ending says something else than the bytes.
pub(super) fn agree(name: &str, content: Content) -> Result<(), Unreadable> {
    let ending = ending(name);
    if !content.is_contradicted_by(&ending) {
        return Ok(());
    }
    let words = content.words();
    let message =
        format!("文件名以 .{ending} 结尾，内容却是{words}，请核对来源，改成相符的文件名后再放入");
    Err(Unreadable::new("name_differs", message))
}

/// The ending of a name in lower case, without its dot.
fn ending(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    name.rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase())
        .unwrap_or_default()
}

/// Whether a text is HTML: it begins as a page, or is named one and has a tag.
pub(super) fn is_html(name: &str, text: &str) -> bool {
    let mut start = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    // A page may begin with an XML declaration or comments.
    for _ in 0..8 {
        let Some(end) = ["<?", "<!--"]
            .iter()
            .find(|open| start.starts_with(**open))
            .and_then(|_| start.find('>'))
        else {
            break;
        };
        start = start[end + 1..].trim_start();
    }
    let begins = |tag: &str| {
        start
            .get(..tag.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(tag))
    };
    let page = ["<!doctype html", "<html", "<head", "<body"];
    let named = matches!(ending(name).as_str(), "html" | "htm" | "xhtml" | "shtml");
    page.iter().any(|tag| begins(tag)) || (named && text.contains('<'))
}

/// Whether a name says Markdown.
pub(super) fn is_markdown(name: &str) -> bool {
    matches!(ending(name).as_str(), "md" | "markdown")
}
