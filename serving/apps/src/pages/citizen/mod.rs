//! Pages for citizens: ask, answer, source, guide, guided service, feedback, exports.

pub(crate) mod answer;
pub(crate) mod ask;
pub(crate) mod export;
pub(crate) mod feedback;
pub(crate) mod find;
pub(crate) mod guide;
pub(crate) mod marked;
pub(crate) mod source;
