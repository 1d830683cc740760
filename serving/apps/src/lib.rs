//! Government applications on the platform.
//!
//! [`rag`] answers questions from a folder of official texts: every sentence it returns is a byte
//! range of a source, checked against the file before it is shown, or else it says that no source
//! was found. [`pages`] shows that to citizens and to programs. [`kb`] and [`answer`] hold the
//! governed base and its answers, [`audit`] their log, [`staff`] who may change them.

pub mod answer;
pub mod audit;
pub mod eval;
pub mod guide;
pub mod hotline;
pub mod kb;
pub mod pages;
pub mod rag;
pub mod retrieve;
pub mod service;
pub mod staff;
