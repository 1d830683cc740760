//! Blocks to passages: runs of sentences under the headings of an official text.
//!
//! The structure is read from the words themselves (第一章, 一、, （一）, 1., Markdown and HTML
//! headings), because most official texts reach the base as bare lines. Every sentence is a byte
//! range of the text; nothing is joined, reordered or left out but headings and furniture.

mod bodies;
mod cut;
mod deadline;
mod kind;
mod number;
mod path;
mod sentence;
mod structure;
mod table;

pub use cut::passages;
