//! Just enough of Rust's lexical structure to count braces: comments, strings and characters are
//! blanked out, lines stay. Macros that unbalance braces on purpose would fool it; none here does.

pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    /// 1 for the first.
    pub(crate) line: usize,
    /// From `fn` to the closing brace.
    pub(crate) lines: usize,
}

/// The text with everything that is not code replaced by spaces.
pub(crate) fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = skipped(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        for c in &chars[at..end.min(chars.len())] {
            out.push(if *c == '\n' { '\n' } else { ' ' });
        }
        at = end;
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none begins there.
fn skipped(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied().unwrap_or(' ');
    let inside_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match chars[at] {
        '/' if next == '/' => until(chars, at, |rest| rest[0] == '\n'),
        '/' if next == '*' => block_comment(chars, at),
        '"' => string(chars, at),
        'r' if !inside_word || chars[at - 1] == 'b' => raw_string(chars, at),
        '\'' => character(chars, at),
        _ => at,
    }
}

fn until(chars: &[char], from: usize, stop: impl Fn(&[char]) -> bool) -> usize {
    (from..chars.len())
        .find(|at| stop(&chars[*at..]))
        .unwrap_or(chars.len())
}

fn block_comment(chars: &[char], from: usize) -> usize {
    let mut depth = 0;
    let mut at = from;
    while at < chars.len() {
        let next = chars.get(at + 1).copied().unwrap_or(' ');
        match (chars[at], next) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn string(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn raw_string(chars: &[char], from: usize) -> usize {
    let hashes = chars[from + 1..].iter().take_while(|c| **c == '#').count();
    let open = from + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return from;
    }
    let closes = |rest: &[char]| {
        rest[0] == '"' && rest.len() > hashes && rest[1..=hashes].iter().all(|c| *c == '#')
    };
    until(chars, open + 1, closes) + 1 + hashes
}

/// A character literal, as opposed to a lifetime.
fn character(chars: &[char], from: usize) -> usize {
    match chars.get(from + 1) {
        Some('\\') => until(chars, from + 3, |rest| rest[0] == '\'') + 1,
        Some(_) if chars.get(from + 2) == Some(&'\'') => from + 3,
        _ => from,
    }
}

/// Every function with a body, nested ones too; `code` comes from [`code_only`].
pub(crate) fn functions(code: &str) -> Vec<Function<'_>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + 3..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        let name = &rest[..end.unwrap_or(rest.len())];
        // `fn(u32) -> u32` is a type; `fn name(...);` has no body.
        let body = body(rest);
        let (false, Some(body)) = (name.is_empty(), body) else {
            continue;
        };
        let line = code[..at].matches('\n').count() + 1;
        let lines = rest[..body + length(&rest[body..])].lines().count();
        found.push(Function { name, line, lines });
    }
    found
}

/// Where the body begins: the first brace outside the brackets of the signature.
fn body(rest: &str) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Bytes up to the brace that closes the one at the beginning.
fn length(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

#[test]
fn braces_in_text_do_not_count() {
    let text = "fn a<'x>(c: &'x str) -> [u8; 2] {\n  let s = \"}\\\"}\"; // }\n  let r = r#\"}\"}\"#;\n  let c = '}';\n  /* } /* } */ */\n}\nfn b();\n";
    let code = code_only(text);
    let found = functions(&code);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].name, found[0].line, found[0].lines), ("a", 1, 6));
}
