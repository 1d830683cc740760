//! Which texts run together next: urgent bands first, tenants of a band in turn, one text
//! each, until a batch has its tokens. Pure.

use std::collections::{BTreeMap, VecDeque};

/// One text that waits: its request, its place in it, its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) request: u64,
    pub(super) index: usize,
    pub(super) tokens: usize,
}

struct Tenant {
    name: String,
    texts: VecDeque<Waiting>,
}

/// All texts that wait. A tenant is listed in a band exactly while it has texts there.
#[derive(Default)]
pub(super) struct Queue {
    bands: BTreeMap<u32, VecDeque<Tenant>>,
}

impl Queue {
    /// Adds the texts of a request, given their tokens.
    pub(super) fn push(&mut self, band: u32, tenant: &str, request: u64, lengths: &[usize]) {
        if lengths.is_empty() {
            return;
        }
        let tenants = self.bands.entry(band).or_default();
        let at = tenants.iter().position(|t| t.name == tenant);
        let at = at.unwrap_or_else(|| {
            tenants.push_back(Tenant {
                name: tenant.to_owned(),
                texts: VecDeque::new(),
            });
            tenants.len() - 1
        });
        for (index, tokens) in lengths.iter().enumerate() {
            tenants[at].texts.push_back(Waiting {
                request,
                index,
                tokens: *tokens,
            });
        }
    }

    /// Takes the next batch: texts of at most `budget` tokens together, or one longer text
    /// alone. A text that does not fit ends the batch, so that no text is passed over.
    pub(super) fn take(&mut self, budget: usize) -> Vec<Waiting> {
        let (mut batch, mut left) = (Vec::new(), budget);
        while let Some(mut band) = self.bands.first_entry() {
            let tenants = band.get_mut();
            while let Some(mut tenant) = tenants.pop_front() {
                let Some(text) = tenant.texts.front().copied() else {
                    continue;
                };
                if text.tokens > left && !batch.is_empty() {
                    // Its turn is not over.
                    tenants.push_front(tenant);
                    return batch;
                }
                left = left.saturating_sub(text.tokens);
                batch.push(text);
                tenant.texts.pop_front();
                if !tenant.texts.is_empty() {
                    tenants.push_back(tenant);
                }
            }
            band.remove();
        }
        batch
    }

    /// Forgets the texts of a request.
    pub(super) fn remove(&mut self, request: u64) {
        for tenants in self.bands.values_mut() {
            for tenant in tenants.iter_mut() {
                tenant.texts.retain(|text| text.request != request);
            }
            tenants.retain(|tenant| !tenant.texts.is_empty());
        }
        self.bands.retain(|_, tenants| !tenants.is_empty());
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.bands.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;
    use proptest::prelude::*;

    fn requests(queue: &mut Queue, budget: usize) -> Vec<u64> {
        queue.take(budget).iter().map(|t| t.request).collect()
    }

    #[test]
    fn tenants_of_a_band_take_turns_and_urgent_bands_go_first() {
        let mut queue = Queue::default();
        queue.push(1, "big", 1, &[10; 6]);
        queue.push(1, "small", 2, &[10; 2]);
        queue.push(0, "urgent", 3, &[10]);
        assert_eq!(requests(&mut queue, 50), [3, 1, 2, 1, 2]);
        assert_eq!(requests(&mut queue, 50), [1, 1, 1, 1]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_long_text_runs_alone_and_is_not_passed_over() {
        let mut queue = Queue::default();
        queue.push(1, "a", 1, &[5, 500, 5]);
        assert_eq!(requests(&mut queue, 100), [1]);
        assert_eq!(queue.take(100)[0].tokens, 500);
        assert_eq!(queue.take(100)[0].index, 2);
    }

    proptest! {
        #[test]
        fn every_text_runs_once_within_the_budget(
            pushed in proptest::collection::vec(
                (0u32..3, 0u8..4, proptest::collection::vec(1usize..200, 0..6)), 0..12),
            removed: u64, budget in 1usize..300,
        ) {
            let mut queue = Queue::default();
            let mut wanted = Vec::new();
            let removed = removed % 12;
            for (request, (band, tenant, lengths)) in pushed.iter().enumerate() {
                queue.push(*band, &tenant.to_string(), request as u64, lengths);
                if request as u64 != removed {
                    wanted.extend((0..lengths.len()).map(|index| (request as u64, index)));
                }
            }
            queue.remove(removed);
            let mut seen = Vec::new();
            while !queue.is_empty() {
                let batch = queue.take(budget);
                let tokens: usize = batch.iter().map(|t| t.tokens).sum();
                prop_assert!(!batch.is_empty() && (batch.len() == 1 || tokens <= budget));
                seen.extend(batch.iter().map(|t| (t.request, t.index)));
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, wanted);
        }
    }
}
