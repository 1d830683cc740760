//! Sign-in links (ten minutes, one use) and console sessions (twelve hours), in memory only.

use super::error::AccessError;
use super::keys;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

const LINK_MS: i64 = 10 * 60 * 1000;
/// How long a console session lasts, milliseconds.
pub(crate) const SESSION_MS: i64 = 12 * 3600 * 1000;
/// Most unused links of one key. The oldest makes room, so that nobody can lock out anybody.
const MAX_LINKS: usize = 8;
/// Most sessions of one key, likewise.
const MAX_SESSIONS: usize = 64;

/// By the hash of the token: the key that stands behind it and when it ends.
type Tokens = HashMap<String, (String, i64)>;

#[derive(Default)]
pub(crate) struct Sessions {
    links: Mutex<Tokens>,
    open: Mutex<Tokens>,
}

impl Sessions {
    pub(crate) fn new_link(&self, key_id: &str, now_ms: i64) -> Result<(String, i64), AccessError> {
        let until = now_ms.saturating_add(LINK_MS);
        let mut links = lock(&self.links);
        make_room(&mut links, key_id, MAX_LINKS, now_ms);
        let token = add(&mut links, key_id, until)?;
        Ok((token, until))
    }

    /// The cookie of a new session, when the link is good; the link is used up either way.
    pub(crate) fn redeem(&self, token: &str, now_ms: i64) -> Result<Option<String>, AccessError> {
        let found = lock(&self.links).remove(&keys::digest(token));
        let Some((key_id, _)) = found.filter(|(_, until)| now_ms < *until) else {
            return Ok(None);
        };
        let until = now_ms.saturating_add(SESSION_MS);
        let mut open = lock(&self.open);
        make_room(&mut open, &key_id, MAX_SESSIONS, now_ms);
        add(&mut open, &key_id, until).map(Some)
    }

    pub(crate) fn key_of(&self, cookie: &str, now_ms: i64) -> Option<String> {
        let open = lock(&self.open);
        let (key_id, until) = open.get(&keys::digest(cookie))?;
        (now_ms < *until).then(|| key_id.clone())
    }

    pub(crate) fn end(&self, cookie: &str) {
        lock(&self.open).remove(&keys::digest(cookie));
    }
}

/// Drops what has ended, and the oldest tokens of the key until it has fewer than `most`.
fn make_room(tokens: &mut Tokens, key_id: &str, most: usize, now_ms: i64) {
    tokens.retain(|_, (_, until)| now_ms < *until);
    let of_key = tokens.iter().filter(|(_, (owner, _))| owner == key_id);
    let mut mine: Vec<(i64, String)> = of_key
        .map(|(token, (_, until))| (*until, token.clone()))
        .collect();
    mine.sort();
    let surplus = (mine.len() + 1).saturating_sub(most);
    for (_, token) in mine.iter().take(surplus) {
        tokens.remove(token);
    }
}

fn add(tokens: &mut Tokens, key_id: &str, until: i64) -> Result<String, AccessError> {
    // Not a key: without the prefix, it can never be taken for one.
    let secret = keys::new_secret()?;
    let token = secret.trim_start_matches("zs-").to_owned();
    tokens.insert(keys::digest(&token), (key_id.to_owned(), until));
    Ok(token)
}

fn lock(tokens: &Mutex<Tokens>) -> MutexGuard<'_, Tokens> {
    tokens.lock().unwrap_or_else(PoisonError::into_inner)
}
