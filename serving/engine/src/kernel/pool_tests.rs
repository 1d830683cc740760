//! What a pool promises: every part once, panics raised, no deadlock.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use super::pool::{Pool, chunks, parallel, threads};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How often each of `parts` parts ran.
fn runs(parts: usize) -> Vec<usize> {
    let counts: Vec<_> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
    parallel(parts, |i| {
        counts[i].fetch_add(1, Ordering::Relaxed);
    });
    counts.into_iter().map(AtomicUsize::into_inner).collect()
}

#[test]
fn every_part_runs_once() {
    for count in [1, 2, 5] {
        let pool = Pool::new(count).unwrap();
        pool.install(|| {
            assert_eq!(threads(), count);
            for round in 0..2000 {
                let parts = round % 40;
                assert_eq!(runs(parts), vec![1; parts]);
            }
        });
        assert_eq!(threads(), 1);
    }
}

#[test]
fn without_a_pool_the_caller_does_it_all() {
    assert_eq!(runs(9), [1; 9]);
}

#[test]
fn sleeping_workers_are_woken_and_not_waited_for() {
    let pool = Pool::new(3).unwrap();
    for _ in 0..20 {
        std::thread::sleep(std::time::Duration::from_millis(1));
        pool.install(|| assert_eq!(runs(50), [1; 50]));
    }
}

#[test]
fn regions_may_nest() {
    let pool = Pool::new(3).unwrap();
    let total = AtomicUsize::new(0);
    pool.install(|| {
        parallel(8, |_| {
            parallel(5, |_| {
                total.fetch_add(1, Ordering::Relaxed);
            });
        });
    });
    assert_eq!(total.into_inner(), 40);
}

#[test]
fn callers_of_one_pool_do_not_disturb_each_other() {
    let pool = Pool::new(3).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                pool.install(|| {
                    for _ in 0..500 {
                        assert_eq!(runs(7), [1; 7]);
                    }
                });
            });
        }
    });
}

#[test]
fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
    let pool = Pool::new(3).unwrap();
    pool.install(|| {
        for bad in [0, 6, 11] {
            let work = || parallel(12, |i| assert!(i != bad, "part {i}"));
            let panic = catch_unwind(AssertUnwindSafe(work)).unwrap_err();
            assert!(panic.downcast_ref::<String>().unwrap().contains("part"));
            assert_eq!(runs(12), [1; 12]);
        }
    });
}

#[test]
fn chunks_cover_a_slice() {
    let pool = Pool::new(2).unwrap();
    let mut out = vec![0usize; 103];
    pool.install(|| chunks(&mut out, 10, |i, part| part.fill(i)));
    let wanted: Vec<usize> = (0..103).map(|i| i / 10).collect();
    assert_eq!(out, wanted);
    chunks(&mut out[..0], 10, |_, _| panic!("nothing to do"));
}
