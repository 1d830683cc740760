//! Pure: in which order the replicas of a model are tried.

use std::cmp::Reverse;

/// One replica as the choice sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate<'a> {
    /// All replicas of one worker share it.
    pub(crate) address: &'a str,
    /// Tells the replicas of one address apart.
    pub(crate) job_id: u64,
    /// Requests of this gateway that are under way there.
    pub(crate) outstanding: usize,
    /// Bumped by the scheduler when the replica is placed anew.
    pub(crate) epoch: u64,
}

/// Indexes of `candidates`, best first: least outstanding requests, ties by address and job, and
/// for a replica named twice (it was placed anew) the newest epoch only.
pub(crate) fn order(candidates: &[Candidate<'_>]) -> Vec<usize> {
    let mut indexes: Vec<usize> = (0..candidates.len()).collect();
    indexes.sort_by_key(|&index| {
        let candidate = &candidates[index];
        (
            candidate.outstanding,
            candidate.address,
            candidate.job_id,
            Reverse(candidate.epoch),
        )
    });
    // The same replica has one count, so its entries lie together.
    indexes.dedup_by_key(|index| (candidates[*index].address, candidates[*index].job_id));
    indexes
}

#[cfg(test)]
mod tests {
    use super::{Candidate, order};

    fn candidate(address: &str, outstanding: usize, epoch: u64) -> Candidate<'_> {
        Candidate {
            address,
            job_id: 1,
            outstanding,
            epoch,
        }
    }

    #[test]
    fn least_outstanding_first_then_by_address() {
        let all = [
            candidate("c:1", 2, 1),
            candidate("b:1", 1, 1),
            candidate("a:1", 1, 1),
            candidate("d:1", 0, 1),
        ];
        assert_eq!(order(&all), [3, 2, 1, 0]);
        assert!(order(&[]).is_empty());
    }

    #[test]
    fn a_replica_named_twice_is_tried_once_with_the_newest_epoch() {
        let all = [candidate("a:1", 0, 1), candidate("a:1", 0, 2)];
        assert_eq!(order(&all), [1]);
    }

    #[test]
    fn replicas_that_share_an_address_are_all_tried() {
        let of_job = |job_id, outstanding| Candidate {
            job_id,
            ..candidate("a:1", outstanding, 1)
        };
        let all = [of_job(1, 2), of_job(2, 0), of_job(3, 1)];
        assert_eq!(order(&all), [1, 2, 0]);
    }
}
