//! The check of a written sentence against the sources that it names.

use super::sources::Source;
use super::split::Written;
use crate::answer::question::stem;
use crate::answer::record::{Citation, Sentence};
use crate::answer::verify::{Grounds, Unsupported, covers, verify};
use crate::retrieve::fold;

/// A written sentence with its sources, if they support it and it says what they say. `places` are
/// those of the base.
pub(super) fn supported(
    written: &Written,
    sources: &[Source<'_>],
    places: &[String],
) -> Result<Sentence, Unsupported> {
    let named = |source: &&Source<'_>| {
        let at = sources
            .iter()
            .position(|other| std::ptr::eq(other, *source));
        at.is_some_and(|at| written.sources.contains(&(at + 1)))
    };
    let (named, others): (Vec<&Source<'_>>, Vec<&Source<'_>>) =
        sources.iter().partition(|source| named(source));
    let quotes: Vec<&str> = named.iter().map(|s| s.citation.quote.as_str()).collect();
    let titles = named.iter().flat_map(|source| {
        let citation = &source.citation;
        std::iter::once(&citation.title).chain(&citation.path)
    });
    let titles: Vec<&str> = titles.map(String::as_str).collect();
    let beside = named
        .iter()
        .flat_map(|source| source.beside.iter().copied());
    let others = others.iter().map(|source| source.citation.quote.as_str());
    let beside: Vec<&str> = beside.chain(others).collect();
    let grounds = Grounds {
        quotes: &quotes,
        titles: &titles,
        beside: &beside,
    };
    verify(&written.text, &grounds)?;
    let (said, known) = (
        fold(&written.text),
        fold(&[&*quotes, &*titles].concat().join("\n")),
    );
    let foreign = |place: &&String| {
        let stem = stem(place);
        said.contains(stem) && !known.contains(stem)
    };
    if let Some(place) = places.iter().find(foreign) {
        return Err(Unsupported::Name(place.clone()));
    }
    let intact = |source: &&Source<'_>| source.citation.verify(&source.version.text).is_ok();
    if !named.iter().all(intact) {
        return Err(Unsupported::NoSource);
    }
    for source in &named {
        covers(&written.text, source.words())?;
    }
    let citations: Vec<Citation> = named.iter().map(|source| source.citation.clone()).collect();
    Ok(Sentence {
        text: written.text.clone(),
        section: last_heading(&citations),
        citations,
    })
}

/// The heading under which a sentence is shown, as of the extract.
fn last_heading(citations: &[Citation]) -> String {
    let first = citations.first().and_then(|citation| citation.path.last());
    first.cloned().unwrap_or_default()
}
