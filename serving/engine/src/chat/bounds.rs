//! Marks in a template the places where values grow, so that they are measured as it runs.
//!
//! The template engine counts instructions, not bytes: forty times `{% set x = x ~ x %}` are a
//! hundred instructions and a terabyte. Every expression that makes a larger value of smaller
//! ones (`~`, `+`, `*`, lists and maps) is therefore passed through the filter [`MEASURE`], and
//! what is kept in a namespace through [`KEEP`]; see `budget`.

use crate::error::EngineError;
use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, List, Set, Spanned, Stmt};
use minijinja::machinery::{Span, WhitespaceConfig, parse};
use minijinja::syntax::SyntaxConfig;

/// Filter that charges a new value.
pub(super) const MEASURE: &str = "zhisuan_measured";
/// Filter that refuses values which would make a namespace hold itself.
pub(super) const KEEP: &str = "zhisuan_kept";
/// Bytes of a tag outside of texts; an expression is no deeper than that, and compilers recurse.
const LONGEST_TAG: usize = 4 << 10;
/// Branches of all conditions: each is one level deeper to compile, and nothing else counts them.
const MOST_BRANCHES: usize = 1_000;
/// Stack of the thread that compiles; measured need: under 1 KiB for each level.
const STACK: usize = 64 << 20;

/// A template with its measures.
pub(super) struct Bounded {
    pub(super) source: String,
    /// Bytes of its longest piece of plain text.
    pub(super) longest_text: usize,
}

/// Runs `compile` where a deep expression has room.
pub(super) fn with_stack<T: Send>(
    compile: impl FnOnce() -> Result<T, EngineError> + Send,
) -> Result<T, EngineError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let running = thread.spawn_scoped(scope, compile);
        let running = running.map_err(|e| EngineError::Internal {
            detail: e.to_string(),
        })?;
        running
            .join()
            .unwrap_or_else(|_| Err(EngineError::corrupt("chat_template", "无法编译")))
    })
}

/// Puts measures into a template.
pub(super) fn bounded(source: &str, whitespace: WhitespaceConfig) -> Result<Bounded, EngineError> {
    check_tags(source)?;
    let branches = source.matches("elif").count();
    if branches > MOST_BRANCHES {
        let detail = format!("有 {branches} 个 elif，最多 {MOST_BRANCHES} 个");
        return Err(EngineError::corrupt("chat_template", detail));
    }
    let tree = parse(source, "chat", SyntaxConfig, whitespace)
        .map_err(|e| EngineError::corrupt("chat_template", e.to_string()))?;
    let mut marks = Marks {
        source,
        found: Vec::new(),
        longest_text: 0,
        refused: None,
    };
    marks.statement(&tree);
    if let Some(why) = marks.refused {
        return Err(EngineError::corrupt("chat_template", why));
    }
    let (mut text, mut at) = (String::with_capacity(2 * source.len()), 0);
    // At one place closes come before opens; the sort keeps inner closes before outer ones.
    marks.found.sort_by_key(|mark| (mark.at, mark.opens));
    for mark in marks.found {
        let Some(part) = source.get(at..mark.at) else {
            return Err(EngineError::corrupt("chat_template", "无法标记"));
        };
        text.push_str(part);
        if mark.opens {
            text.push_str("((");
        } else {
            // The outer bracket, so that an index or a method may follow.
            text.push_str(")|");
            text.push_str(mark.filter);
            text.push(')');
        }
        at = mark.at;
    }
    text.push_str(source.get(at..).unwrap_or_default());
    Ok(Bounded {
        source: text,
        longest_text: marks.longest_text,
    })
}

/// Where the next tag begins. Every byte is looked at once, however many tags there are.
pub(super) fn next_tag(source: &str) -> Option<usize> {
    let opens = |at: &usize| matches!(source.as_bytes().get(at + 1), Some(b'{' | b'%'));
    source.match_indices('{').map(|(at, _)| at).find(opens)
}

/// Refuses tags so long that an expression in them could be too deep to compile.
fn check_tags(source: &str) -> Result<(), EngineError> {
    let mut rest = source;
    while let Some(open) = next_tag(rest) {
        let tag = &rest[open..];
        let close = if tag.starts_with("{{") { "}}" } else { "%}" };
        let (mut quote, mut plain, mut end) = (None, 0, tag.len());
        let mut characters = tag.char_indices().skip(2);
        while let Some((at, c)) = characters.next() {
            match (quote, c) {
                (Some(_), '\\') => drop(characters.next()),
                (Some(open), c) if open == c => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(c),
                (None, _) if tag[at..].starts_with(close) => {
                    end = at + close.len();
                    break;
                }
                (None, _) => plain += 1,
            }
            if plain > LONGEST_TAG {
                let detail = format!("一个标签长于 {LONGEST_TAG} 字节");
                return Err(EngineError::corrupt("chat_template", detail));
            }
        }
        rest = &tag[end..];
    }
    Ok(())
}

/// A bracket to be written into the source.
struct Mark {
    at: usize,
    opens: bool,
    filter: &'static str,
}

struct Marks<'a> {
    source: &'a str,
    found: Vec<Mark>,
    longest_text: usize,
    /// Why the template cannot be bounded.
    refused: Option<&'static str>,
}

/// Whether a part of what is assigned to is a namespace's.
fn dotted(target: &Expr<'_>) -> bool {
    match target {
        Expr::GetAttr(_) => true,
        Expr::List(list) => list.items.iter().any(dotted),
        _ => false,
    }
}

/// Whether a list has no brackets of its own.
fn bare(list: &Spanned<List<'_>>) -> bool {
    let first = list.items.first();
    first.is_some_and(|first| first.span().start_offset < list.span().start_offset)
}

impl Marks<'_> {
    fn around(&mut self, from: usize, to: usize, filter: &'static str) {
        for (at, opens) in [(from, true), (to, false)] {
            self.found.push(Mark { at, opens, filter });
        }
    }

    fn measure(&mut self, span: Span) {
        self.around(
            span.start_offset as usize,
            span.end_offset as usize,
            MEASURE,
        );
    }

    fn statements(&mut self, list: &[Stmt<'_>]) {
        for statement in list {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(s) => self.statements(&s.children),
            Stmt::EmitExpr(s) => self.expression(&s.expr),
            Stmt::EmitRaw(s) => self.longest_text = self.longest_text.max(s.raw.len()),
            Stmt::ForLoop(s) => {
                self.expression(&s.iter);
                self.optional(s.filter_expr.as_ref());
                self.statements(&s.body);
                self.statements(&s.else_body);
            }
            Stmt::IfCond(s) => {
                self.expression(&s.expr);
                self.statements(&s.true_body);
                self.statements(&s.false_body);
            }
            Stmt::WithBlock(s) => {
                for (_, value) in &s.assignments {
                    self.expression(value);
                }
                self.statements(&s.body);
            }
            Stmt::Set(s) => self.assignment(s),
            Stmt::SetBlock(s) => {
                // The block is a text; a filter could make anything of it.
                if s.filter.is_some() && dotted(&s.target) {
                    self.refused = Some("set 块带过滤器，不能写入 namespace 的字段");
                }
                self.optional(s.filter.as_ref());
                self.statements(&s.body);
            }
            Stmt::AutoEscape(s) => self.statements(&s.body),
            Stmt::FilterBlock(s) => {
                self.expression(&s.filter);
                self.statements(&s.body);
            }
            Stmt::Block(s) => self.statements(&s.body),
            Stmt::Macro(s) => {
                self.expressions(&s.defaults);
                self.statements(&s.body);
            }
            Stmt::CallBlock(s) => {
                self.expression(&s.call.expr);
                self.arguments(&s.call.args);
                self.expressions(&s.macro_decl.defaults);
                self.statements(&s.macro_decl.body);
            }
            Stmt::Do(s) => {
                self.expression(&s.call.expr);
                self.arguments(&s.call.args);
            }
            // There are no other templates, so the first four fail as they run.
            Stmt::Import(_)
            | Stmt::FromImport(_)
            | Stmt::Extends(_)
            | Stmt::Include(_)
            | Stmt::Continue(_)
            | Stmt::Break(_) => {}
        }
    }

    /// The value stands between the sign behind the target and the end of the statement.
    fn assignment(&mut self, set: &Spanned<Set<'_>>) {
        let (target, end) = (set.target.span().end_offset, set.span().end_offset);
        let (target, end) = (target as usize, end as usize);
        let rest = self.source.get(target..end);
        let Some(sign) = rest.and_then(|rest| rest.find('=')) else {
            self.refused = Some("有一个 set 找不到它的等号");
            return;
        };
        let value = target + sign + 1;
        match &set.expr {
            // `set a = 1, 2`: the span of such a list begins at its second item. One that is
            // taken apart at once (`set a, b = 1, 2`) is no value.
            Expr::List(list) if bare(list) => {
                if !matches!(set.target, Expr::List(_)) {
                    self.around(value, end, MEASURE);
                }
                self.expressions(&list.items);
            }
            other => self.expression(other),
        }
        if dotted(&set.target) {
            self.around(value, end, KEEP);
        }
    }

    fn optional(&mut self, expression: Option<&Expr<'_>>) {
        if let Some(expression) = expression {
            self.expression(expression);
        }
    }

    fn expressions(&mut self, list: &[Expr<'_>]) {
        for expression in list {
            self.expression(expression);
        }
    }

    fn arguments(&mut self, list: &[CallArg<'_>]) {
        for argument in list {
            match argument {
                CallArg::Pos(e)
                | CallArg::Kwarg(_, e)
                | CallArg::PosSplat(e)
                | CallArg::KwargSplat(e) => self.expression(e),
            }
        }
    }

    fn expression(&mut self, expression: &Expr<'_>) {
        match expression {
            Expr::Var(_) | Expr::Const(_) => {}
            Expr::Slice(e) => {
                self.expression(&e.expr);
                for part in [&e.start, &e.stop, &e.step] {
                    self.optional(part.as_ref());
                }
            }
            Expr::UnaryOp(e) => self.expression(&e.expr),
            Expr::BinOp(e) => {
                if let BinOpKind::Add | BinOpKind::Mul | BinOpKind::Concat = e.op {
                    self.measure(e.span());
                }
                self.expression(&e.left);
                self.expression(&e.right);
            }
            Expr::Compare(e) => {
                self.expression(&e.expr);
                for other in &e.ops {
                    self.expression(&other.expr);
                }
            }
            Expr::IfExpr(e) => {
                self.expression(&e.test_expr);
                self.expression(&e.true_expr);
                self.optional(e.false_expr.as_ref());
            }
            Expr::Filter(e) => {
                self.optional(e.expr.as_ref());
                self.arguments(&e.args);
            }
            Expr::Test(e) => {
                self.expression(&e.expr);
                self.arguments(&e.args);
            }
            Expr::GetAttr(e) => self.expression(&e.expr),
            Expr::GetItem(e) => {
                self.expression(&e.expr);
                self.expression(&e.subscript_expr);
            }
            Expr::Call(e) => {
                self.expression(&e.expr);
                self.arguments(&e.args);
            }
            Expr::List(e) => {
                self.measure(e.span());
                self.expressions(&e.items);
            }
            Expr::Map(e) => {
                self.measure(e.span());
                self.expressions(&e.keys);
                self.expressions(&e.values);
            }
        }
    }
}
