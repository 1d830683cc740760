//! What the elements of a page mean for its text.

/// Elements that have no end tag.
pub(super) fn is_void(name: &[u8]) -> bool {
    matches!(
        name,
        b"area"
            | b"base"
            | b"basefont"
            | b"bgsound"
            | b"br"
            | b"col"
            | b"embed"
            | b"frame"
            | b"hr"
            | b"img"
            | b"input"
            | b"keygen"
            | b"link"
            | b"meta"
            | b"param"
            | b"source"
            | b"track"
            | b"wbr"
    )
}

/// Elements whose end tag is often left out: they are not put on the stack.
pub(super) fn ends_by_itself(name: &[u8]) -> bool {
    matches!(
        name,
        b"p" | b"li"
            | b"dt"
            | b"dd"
            | b"tr"
            | b"td"
            | b"th"
            | b"thead"
            | b"tbody"
            | b"tfoot"
            | b"option"
            | b"optgroup"
            | b"colgroup"
            | b"rt"
            | b"rp"
    )
}

/// Elements at whose start and end a line ends.
pub(super) fn breaks_line(name: &[u8]) -> bool {
    heading_level(name).is_some()
        || matches!(
            name,
            b"p" | b"div"
                | b"br"
                | b"hr"
                | b"ul"
                | b"ol"
                | b"li"
                | b"dl"
                | b"dt"
                | b"dd"
                | b"table"
                | b"caption"
                | b"tr"
                | b"section"
                | b"article"
                | b"header"
                | b"footer"
                | b"nav"
                | b"main"
                | b"aside"
                | b"form"
                | b"fieldset"
                | b"legend"
                | b"figure"
                | b"figcaption"
                | b"address"
                | b"blockquote"
                | b"pre"
                | b"title"
                | b"body"
                | b"html"
                | b"head"
                | b"center"
                | b"details"
                | b"summary"
                | b"ucapcontent"
        )
}

/// The level of a heading.
pub(super) fn heading_level(name: &[u8]) -> Option<u8> {
    match name {
        [b'h', level @ b'1'..=b'6'] => Some(level - b'0'),
        _ => None,
    }
}

/// Elements whose content is no text of the page.
pub(super) fn is_skipped(name: &[u8]) -> bool {
    is_active(name)
        || matches!(
            name,
            b"style"
                | b"noscript"
                | b"template"
                | b"svg"
                | b"canvas"
                | b"video"
                | b"audio"
                | b"noframes"
                | b"datalist"
        )
}

/// Scripts, frames, plug-ins and form fields: left out and counted. The text between the fields
/// of a form stays, because many sites wrap their whole page in one.
pub(super) fn is_active(name: &[u8]) -> bool {
    matches!(
        name,
        b"script"
            | b"iframe"
            | b"frame"
            | b"object"
            | b"embed"
            | b"applet"
            | b"input"
            | b"select"
            | b"textarea"
            | b"button"
    )
}

/// Elements that are furniture by their name.
pub(super) fn is_furniture(name: &[u8]) -> bool {
    matches!(name, b"nav" | b"footer" | b"aside" | b"menu")
}

/// Whether an element may be furniture by its class, id or role: not those that hold the page.
pub(super) fn may_be_furniture(name: &[u8]) -> bool {
    !matches!(
        name,
        b"html" | b"body" | b"main" | b"article" | b"form" | b"td" | b"tr"
    )
}

/// Whether a class, id or role names furniture.
pub(super) fn names_furniture(value: &str) -> bool {
    value
        .split(|char: char| !char.is_ascii_alphanumeric())
        .any(|word| {
            let words = [
                "nav",
                "navbar",
                "navigation",
                "menu",
                "breadcrumb",
                "breadcrumbs",
                "crumb",
                "crumbs",
                "footer",
                "foot",
                "sidebar",
                "share",
                "pager",
                "pagination",
                "copyright",
                "toolbar",
                "contentinfo",
                "dqwz",
            ];
            words.iter().any(|known| word.eq_ignore_ascii_case(known))
        })
}

/// Whether a style hides the element: what people cannot see is never answered from.
pub(super) fn hides(style: &str) -> bool {
    let plain: String = style
        .chars()
        .filter(|char| !char.is_whitespace())
        .take(2000)
        .collect::<String>()
        .to_ascii_lowercase();
    [
        "display:none",
        "visibility:hidden",
        "font-size:0;",
        "font-size:0px",
        "opacity:0;",
    ]
    .iter()
    .any(|hidden| plain.contains(hidden))
        || plain.ends_with("opacity:0")
        || plain.ends_with("font-size:0")
}
