//! People of the staff: who they are, and the door that knows them.

use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

/// Somebody of the staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Stable name without personal data, such as the id of a key. It is kept with what they do.
    pub id: String,
    /// The name shown to colleagues.
    pub name: String,
    /// May bring in and change texts, synonyms and repairs.
    pub maker: bool,
    /// May publish what another person made.
    pub checker: bool,
}

impl Person {
    /// A person who may do both, though never check their own work.
    pub fn both(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            maker: true,
            checker: true,
        }
    }
}

/// The answer of a [`Door`] on its way.
pub type Entering<'a> = Pin<Box<dyn Future<Output = Option<Person>> + Send + 'a>>;

/// Knows the staff by their secrets: the scheduler's keys, or a city's own sign-in.
pub trait Door: Send + Sync {
    /// The person whose secret this is; none for everybody else, and while nobody can be asked.
    fn enter<'a>(&'a self, secret: &'a str) -> Entering<'a>;
}
