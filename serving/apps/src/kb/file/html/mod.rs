//! HTML: the text that a reader would see, block by block. Nothing is loaded and nothing runs.

mod line;
mod page;
mod table;
mod tags;

use std::convert::Infallible;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

use self::page::Page;
use super::decode::Decoded;
use super::plain::settle;
use super::unreadable::Unreadable;
use crate::kb::extract::{Extract, Origin, ReadFaultKind};

/// Reads a page. Blocks carry the raw bytes of the file that they were read from.
pub(super) fn read(decoded: &Decoded) -> Result<Extract, Unreadable> {
    let mut page = Page::new();
    let mut emitter = CallbackEmitter::new(|event: CallbackEvent<'_>, span: Span<usize>| {
        page.handle(&event, &(span.start..span.end));
        None::<Infallible>
    });
    emitter.naively_switch_states(true);
    // The page collects by itself: there are no tokens, and reading memory cannot fail.
    Tokenizer::new_with_emitter(decoded.text(), emitter).for_each(drop);
    let mut draft = page.close()?;
    let mut raw = decoded.raw();
    for block in draft.blocks_mut() {
        if let Origin::Bytes(range) = &mut block.origin {
            *range = raw.range(range.clone());
        }
    }
    if let Some((_, count)) = decoded.invalid() {
        let first = draft.text().find('\u{fffd}').unwrap_or_default();
        let width = usize::from(draft.text()[first..].starts_with('\u{fffd}')) * 3;
        draft.fault(ReadFaultKind::InvalidBytes, first..first + width, count);
    }
    settle(&mut draft);
    draft.finish()
}
