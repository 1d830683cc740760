//! What was worked out before, kept with the base that it came from: another base has another cache.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The latest values by key, the oldest forgotten first.
#[derive(Debug)]
pub(crate) struct Cache<K, V: ?Sized> {
    capacity: usize,
    kept: Mutex<Kept<K, V>>,
}

#[derive(Debug)]
struct Kept<K, V: ?Sized> {
    values: HashMap<K, Arc<V>>,
    order: VecDeque<K>,
}

impl<K: Clone + Eq + Hash, V: ?Sized> Cache<K, V> {
    /// Keeps at most `capacity` values.
    pub(crate) fn new(capacity: usize) -> Self {
        let kept = Kept {
            values: HashMap::new(),
            order: VecDeque::new(),
        };
        Self {
            capacity,
            kept: Mutex::new(kept),
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<Arc<V>> {
        self.lock().values.get(key).cloned()
    }

    /// The value of a key, made where it is not known. Two who ask at once may both make it.
    pub(crate) fn get_or(&self, key: K, make: impl FnOnce() -> Arc<V>) -> Arc<V> {
        if let Some(known) = self.get(&key) {
            return known;
        }
        let made = make();
        self.put(key, Arc::clone(&made));
        made
    }

    pub(crate) fn put(&self, key: K, value: Arc<V>) {
        let mut kept = self.lock();
        if kept.values.insert(key.clone(), value).is_none() {
            kept.order.push_back(key);
        }
        while kept.order.len() > self.capacity {
            if let Some(oldest) = kept.order.pop_front() {
                kept.values.remove(&oldest);
            }
        }
    }

    /// The map is whole between any two of its calls, so a poisoned lock is used on.
    fn lock(&self) -> MutexGuard<'_, Kept<K, V>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Cache;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let cache: Cache<u8, str> = Cache::new(2);
        for key in [1, 2, 1, 3] {
            cache.put(key, Arc::from(key.to_string()));
        }
        assert!(cache.get(&1).is_none());
        assert_eq!(cache.get(&3).as_deref(), Some("3"));
    }

    #[test]
    fn what_is_known_is_not_made_again() {
        let cache: Cache<u8, str> = Cache::new(2);
        assert_eq!(&*cache.get_or(3, || Arc::from("made")), "made");
        assert_eq!(&*cache.get_or(3, || Arc::from("again")), "made");
    }
}
