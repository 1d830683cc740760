//! What one rendering may hold and make, in bytes. Rendering runs on one thread from begin to
//! end, so the budget is this thread's.

use super::bounds::{KEEP, MEASURE};
use minijinja::value::{Kwargs, Rest, StringInput, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, Value, filters};
use std::cell::Cell;

/// Bytes of one value when it is written out, and of all values made, beside what the chat's
/// own bytes allow.
const EACH: usize = 8 << 20;
const ALL: usize = 256 << 20;
/// What a value inside another one takes at least when it is written out or kept.
const ITEM: usize = 32;
/// Looking at a value is work, charged as if so many bytes were made.
const WORK: usize = 128;
const DEEPEST: usize = 64;

#[derive(Clone, Copy)]
struct Budget {
    each: usize,
    left: usize,
}

thread_local! {
    static BUDGET: Cell<Budget> = const { Cell::new(Budget { each: 0, left: 0 }) };
}

/// Begins a rendering of a chat of so many bytes.
pub(super) fn begin(bytes: usize) {
    BUDGET.set(Budget {
        each: EACH.saturating_add(bytes.saturating_mul(4)),
        left: ALL.saturating_add(bytes.saturating_mul(256)),
    });
}

fn too_large() -> Error {
    Error::new(
        ErrorKind::InvalidOperation,
        "the template needs too much memory",
    )
}

/// Charges one value of so many bytes.
fn spend(bytes: usize) -> Result<(), Error> {
    if bytes > BUDGET.get().each {
        return Err(too_large());
    }
    charge(bytes)
}

fn charge(bytes: usize) -> Result<(), Error> {
    let budget = BUDGET.get();
    let left = budget.left.checked_sub(bytes).ok_or_else(too_large)?;
    BUDGET.set(Budget { left, ..budget });
    Ok(())
}

/// What a look at a whole value found.
#[derive(Clone, Copy, Default)]
struct Size {
    /// When it is written out.
    bytes: usize,
    /// Values inside values, each of which the look visits.
    items: usize,
}

/// Looks at a whole value; fails when it is too large, on values inside values without end, and
/// on namespaces inside other values (`depth` is above 0 there).
fn look(value: &Value, depth: usize, size: &mut Size) -> Result<(), Error> {
    size.items += 1;
    size.bytes += value.as_str().map_or(ITEM, str::len);
    let object = value.as_object().filter(|_| value.as_str().is_none());
    if size.bytes > BUDGET.get().each {
        return Err(too_large());
    }
    let Some(object) = object else {
        return Ok(());
    };
    let namespace = depth > 0 && object.type_name().ends_with("Namespace");
    if depth > DEEPEST || namespace {
        return Err(too_large());
    }
    let map = value.kind() == ValueKind::Map;
    for item in object.try_iter().into_iter().flatten() {
        look(&item, depth + 1, size)?;
        if let Some(inner) = map.then(|| object.get_value(&item)).flatten() {
            look(&inner, depth + 1, size)?;
        }
    }
    Ok(())
}

fn size_of(value: &Value, depth: usize) -> Result<Size, Error> {
    let mut size = Size::default();
    let outcome = look(value, depth, &mut size);
    // Looking was work, whatever it found.
    charge(size.items.saturating_mul(WORK))?;
    outcome.map(|()| size)
}

/// Charges a value that was made of others: texts are new, the items of lists are shared.
fn measured(value: Value) -> Result<Value, Error> {
    let value = flat(value)?;
    let size = size_of(&value, 0)?;
    if value.as_str().is_some() {
        spend(size.bytes)?;
    }
    Ok(value)
}

/// Two lists that were added are one after the other to look at, and again one inside the other
/// at the next addition; as one list, a look at it stays cheap.
fn flat(value: Value) -> Result<Value, Error> {
    let added = value
        .as_object()
        .is_some_and(|object| object.type_name().ends_with("MergeSeq"));
    if !added {
        return Ok(value);
    }
    let most = BUDGET.get().each / ITEM;
    let items: Vec<Value> = value.try_iter()?.take(most + 1).collect();
    if items.len() > most {
        return Err(too_large());
    }
    charge(items.len().saturating_mul(WORK))?;
    Ok(Value::from(items))
}

/// A value that goes into a namespace: no namespace is in it, so none holds itself.
fn kept(value: Value) -> Result<Value, Error> {
    size_of(&value, 1)?;
    Ok(value)
}

/// Refuses what a value's text, `count` times `bytes` longer, would be too large for.
fn grown(value: &Value, count: usize, bytes: usize) -> Result<(), Error> {
    let own = size_of(value, 0)?.bytes;
    spend(own.saturating_add(count.saturating_mul(bytes)))
}

fn replace(
    state: &State<'_, '_>,
    value: StringInput<'_>,
    from: StringInput<'_>,
    to: StringInput<'_>,
) -> Result<Value, Error> {
    replaced(value.as_str(), from.as_str(), to.as_str())?;
    filters::replace(state, value, from, to)
}

fn replaced(text: &str, from: &str, to: &str) -> Result<(), Error> {
    let more = text.matches(from).count().saturating_mul(to.len());
    spend(text.len().saturating_add(more))
}

fn join(
    state: &State<'_, '_>,
    value: &Value,
    joiner: Option<StringInput<'_>>,
) -> Result<Value, Error> {
    let items = value.len().unwrap_or(0);
    grown(
        value,
        items,
        joiner.as_ref().map_or(0, |j| j.as_str().len()),
    )?;
    filters::join(state, value, joiner)
}

fn indent(
    value: StringInput<'_>,
    width: Option<usize>,
    first: Option<bool>,
    blank: Option<bool>,
    options: Kwargs,
) -> Result<Value, Error> {
    let given = options.peek::<Option<usize>>("width").ok().flatten();
    let width = width.or(given).unwrap_or(4);
    let more = value.as_str().matches('\n').count().saturating_add(1);
    spend(
        value
            .as_str()
            .len()
            .saturating_add(more.saturating_mul(width)),
    )?;
    filters::indent(value, width.into(), first, blank, options)
}

fn string(value: &Value) -> Result<Value, Error> {
    grown(value, 0, 0)?;
    Ok(match value.as_str() {
        Some(_) => value.clone(),
        None => Value::from(value.to_string()),
    })
}

/// Every place may show every argument; a width of four digits is no chat's.
fn formatted(form: &str, arguments: &[Value]) -> Result<(), Error> {
    const WIDEST: usize = 1_000;
    let digits = form
        .split(|c: char| !c.is_ascii_digit())
        .map(str::len)
        .max();
    // Widths that are arguments themselves cannot be bounded either.
    if digits.unwrap_or(0) > 3 || form.contains('*') || form.contains(":{") {
        return Err(too_large());
    }
    let mut places = WIDEST;
    for argument in arguments {
        places = places.saturating_add(size_of(argument, 0)?.bytes);
    }
    let count = form.matches(['{', '%']).count();
    spend(form.len().saturating_add(count.saturating_mul(places)))
}

fn format(state: &State<'_, '_>, form: &Value, arguments: Rest<Value>) -> Result<Value, Error> {
    formatted(form.as_str().unwrap_or_default(), &arguments)?;
    filters::format(state, form, arguments)
}

/// Methods of Python's values that templates call, with their growth measured.
fn method(
    state: &State<'_, '_>,
    value: &Value,
    name: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    let text = |at: usize| {
        arguments
            .get(at)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    match (name, value.as_str()) {
        ("replace", Some(own)) => replaced(own, text(0), text(1))?,
        ("join", Some(joiner)) => {
            if let Some(list) = arguments.first() {
                grown(list, list.len().unwrap_or(0), joiner.len())?;
            }
        }
        ("format", Some(own)) => formatted(own, arguments)?,
        _ => {}
    }
    minijinja_contrib::pycompat::unknown_method_callback(state, value, name, arguments)
}

/// Text that is put out, into the prompt or into a variable.
fn put_out(output: &mut Output<'_>, state: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    grown(value, 0, 0)?;
    minijinja::escape_formatter(output, state, value)
}

/// Gives an environment the filters and the formatter that keep to the budget, and takes away
/// what grows without them.
pub(super) fn install(environment: &mut Environment<'static>) {
    environment.add_filter(MEASURE, measured);
    environment.add_filter(KEEP, kept);
    environment.add_filter("replace", replace);
    environment.add_filter("join", join);
    environment.add_filter("format", format);
    environment.add_filter("indent", indent);
    environment.add_filter("string", string);
    environment.set_unknown_method_callback(method);
    environment.set_formatter(put_out);
    // No chat template has them: they nest or repeat their arguments, print everything, or take
    // memory for as many items as a number says.
    for name in ["chain", "zip", "pprint", "batch", "slice"] {
        environment.remove_filter(name);
    }
    for name in ["dict", "debug"] {
        environment.remove_global(name);
    }
}

/// Charges the reading of a value, and refuses one that is too large when it is written out.
pub(super) fn read(value: &Value) -> Result<(), Error> {
    grown(value, 0, 0)
}

/// Charges what was written.
pub(super) fn wrote(bytes: usize) -> Result<(), Error> {
    spend(bytes)
}
