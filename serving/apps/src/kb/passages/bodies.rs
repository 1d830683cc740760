//! The bodies that a text names as responsible for a measure.

/// Labels before a list of bodies.
const BODY_LABELS: [&str; 22] = [
    "责任单位",
    "责任部门",
    "责任主体",
    "责任处室",
    "牵头单位",
    "牵头部门",
    "配合单位",
    "配合部门",
    "主管部门",
    "实施单位",
    "承办单位",
    "参与单位",
    "協辦單位",
    "責任單位",
    "責任部門",
    "牽頭單位",
    "牽頭部門",
    "配合單位",
    "配合部門",
    "主管部門",
    "實施單位",
    "承辦單位",
];
/// Labels that end such a list.
const OTHER_LABELS: [&str; 6] = ["完成时限", "完成時限", "时限", "時限", "时间", "期限"];
/// Words at the end of a bracket that says who does it.
const DUTIES: [&str; 12] = [
    "按职责分工负责",
    "按照职责分工负责",
    "分别负责",
    "牵头负责",
    "共同负责",
    "负责",
    "牵头",
    "配合",
    "落实",
    "負責",
    "牽頭",
    "參與",
];
/// Most bodies of one note, and the longest name in characters.
const MAX_BODIES: usize = 40;
const MAX_NAME: usize = 40;

/// Adds the bodies that a sentence names, as they are written, each once.
pub(super) fn bodies(sentence: &str, found: &mut Vec<String>) {
    let mut labelled = false;
    let mut rest = sentence;
    while let Some((at, label)) = first_label(rest) {
        let after = rest
            .get(at + label.len()..)
            .unwrap_or_default()
            .trim_start();
        if let Some(list) = after.strip_prefix([':', '：']) {
            labelled = true;
            add(list.get(..list_end(list)).unwrap_or_default(), found);
        }
        rest = after;
    }
    if !labelled {
        in_brackets(sentence, found);
    }
}

/// Whether a line is nothing but a note of who is responsible.
pub(super) fn is_note(line: &str) -> bool {
    let line = line.trim_start_matches(['（', '(', ' ']);
    BODY_LABELS.iter().any(|label| {
        line.strip_prefix(label)
            .is_some_and(|after| after.trim_start().starts_with([':', '：']))
    })
}

fn first_label(text: &str) -> Option<(usize, &'static str)> {
    // All labels hold one of these characters at their end: most sentences hold no label.
    if !text.contains([':', '：']) {
        return None;
    }
    BODY_LABELS
        .into_iter()
        .filter_map(|label| text.find(label).map(|at| (at, label)))
        .min()
}

/// Where a list of bodies ends: at the next label, at a closing bracket that it did not open, or
/// at the end of the sentence.
fn list_end(list: &str) -> usize {
    let mut depth = 0_usize;
    for (at, char) in list.char_indices() {
        match char {
            '（' | '(' => depth += 1,
            '）' | ')' if depth == 0 => return at,
            '）' | ')' => depth -= 1,
            '。' | '；' | ';' => return at,
            '，' | ',' | ' ' | '、' => {
                let after = list.get(at + char.len_utf8()..).unwrap_or_default();
                let labels = BODY_LABELS.iter().chain(&OTHER_LABELS);
                let mut labels = labels.filter(|label| after.starts_with(**label));
                if labels.next().is_some() {
                    return at;
                }
            }
            _ => {}
        }
    }
    list.len()
}

/// `（市教育局牵头，市财政局配合）` at the end of a sentence.
fn in_brackets(sentence: &str, found: &mut Vec<String>) {
    let body = sentence.trim_end_matches(['。', '；']);
    let Some(body) = body.strip_suffix(['）', ')']) else {
        return;
    };
    let Some(at) = body.rfind(['（', '(']) else {
        return;
    };
    let inner = body
        .get(at..)
        .unwrap_or_default()
        .trim_start_matches(['（', '(']);
    if inner.len() > 900 || !DUTIES.iter().any(|duty| inner.ends_with(duty)) {
        return;
    }
    for part in inner.split(['，', ',', '；', ';']) {
        let mut part = part.trim().trim_start_matches('由');
        while let Some(shorter) = DUTIES.iter().find_map(|duty| part.strip_suffix(duty)) {
            part = shorter;
        }
        add(part, found);
    }
}

fn add(list: &str, found: &mut Vec<String>) {
    for name in list.split(['、', '，', ',', '；', ';']) {
        let name = name.trim_matches([' ', '　', '。', '：', ':']);
        let fits = !name.is_empty() && name.chars().nth(MAX_NAME).is_none();
        if fits && found.len() < MAX_BODIES && !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bodies;

    #[test]
    fn bodies_are_read_from_the_notes_of_official_texts() {
        let read = |sentence: &str| {
            let mut found = Vec::new();
            bodies(sentence, &mut found);
            found.join("/")
        };
        assert_eq!(
            read("(责任单位:市数据局、工信局，市国创公司)"),
            "市数据局/工信局/市国创公司"
        );
        assert_eq!(
            read("(牵头部门:盟发改委、政数局，责任部门:盟公安局、各旗(区)，完成时限:2025年6月)"),
            "盟发改委/政数局/盟公安局/各旗(区)"
        );
        assert_eq!(read("牵头单位：市工信局"), "市工信局");
        assert_eq!(
            read("推进改革（市教育局牵头，市财政局、市人社局配合）。"),
            "市教育局/市财政局/市人社局"
        );
        assert_eq!(read("(责任单位:市数据局"), "市数据局");
        assert_eq!(read("压实责任单位和责任部门的责任（含乡镇）。"), "");
    }
}
