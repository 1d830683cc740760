//! Threads for arithmetic that wait actively for some microseconds and then sleep.
//!
//! A step of a model has several parallel regions a layer, each tens of microseconds long,
//! so what a region costs by itself decides. Opening one is a store, entering one a
//! compare-and-swap. Nobody waits for a worker that sleeps or that the machine has taken
//! away: workers join a region that is open and the caller does what they leave.
#![expect(
    unsafe_code,
    reason = "a region's closure is borrowed by workers that live longer than it"
)]

use crate::error::EngineError;
use std::any::Any;
use std::cell::{RefCell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

/// How long a worker looks for the next region before it sleeps: longer than the serial
/// parts of a layer, far shorter than a scheduler's time slice.
const SPIN: Duration = Duration::from_micros(60);

/// Set in the state while workers may enter.
const OPEN: u64 = 1 << 16;
/// The state's lowest bits count the workers inside.
const INSIDE: u64 = OPEN - 1;
/// Its highest bits count the regions.
const REGION: u64 = OPEN << 1;

/// What a region computes: `run(data, part)` for each part.
#[derive(Clone, Copy)]
struct Task {
    data: *const (),
    run: unsafe fn(*const (), usize),
    parts: usize,
}

/// The task of a pool that has not opened a region.
unsafe fn nothing(_: *const (), _: usize) {}

struct Shared {
    state: AtomicU64,
    next: AtomicUsize,
    task: UnsafeCell<Task>,
    /// A caller owns the region; a second one computes alone.
    busy: AtomicBool,
    stop: AtomicBool,
    asleep: Vec<AtomicBool>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `task` is written only by the owner of `busy` while the region is closed and empty,
// and read only by workers that entered after it was opened; both go through `state`.
unsafe impl Sync for Shared {}
// SAFETY: the pointers in `task` are used only inside a region, whose caller outlives it and
// whose closure is `Sync`.
unsafe impl Send for Shared {}

/// A number of threads, the caller's included.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    workers: Arc<[Thread]>,
    handles: Vec<JoinHandle<()>>,
}

type Current = (Arc<Shared>, Arc<[Thread]>);

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

impl Pool {
    /// Starts `threads - 1` workers.
    pub(crate) fn new(threads: usize) -> Result<Self, EngineError> {
        let count = threads.clamp(1, 1 << 10) - 1;
        let shared = Arc::new(Shared {
            state: AtomicU64::new(0),
            next: AtomicUsize::new(0),
            task: UnsafeCell::new(Task {
                data: std::ptr::null(),
                run: nothing,
                parts: 0,
            }),
            busy: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            asleep: (0..count).map(|_| AtomicBool::new(false)).collect(),
            panic: Mutex::new(None),
        });
        let mut pool = Self {
            shared,
            workers: Arc::new([]),
            handles: Vec::with_capacity(count),
        };
        for index in 0..count {
            let shared = Arc::clone(&pool.shared);
            let handle = std::thread::Builder::new()
                .name(format!("engine-math-{index}"))
                .spawn(move || shared.work(index))
                .map_err(|e| EngineError::Internal {
                    detail: format!("cannot start a thread: {e}"),
                })?;
            pool.handles.push(handle);
        }
        pool.workers = pool.handles.iter().map(|h| h.thread().clone()).collect();
        Ok(pool)
    }

    /// Runs `work` on this thread; regions inside it use the pool's workers.
    pub(crate) fn install<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Restore(Option<Current>);
        impl Drop for Restore {
            fn drop(&mut self) {
                let before = self.0.take();
                CURRENT.with_borrow_mut(|current| *current = before);
            }
        }
        let mine = (Arc::clone(&self.shared), Arc::clone(&self.workers));
        let _restore = Restore(CURRENT.with_borrow_mut(|current| current.replace(mine)));
        work()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for handle in self.handles.drain(..) {
            handle.thread().unpark();
            // A worker catches the panics of parts, so it ends without one.
            let _ = handle.join();
        }
    }
}

/// Threads of the pool that this thread has entered, itself included.
pub(crate) fn threads() -> usize {
    CURRENT.with_borrow(|current| current.as_ref().map_or(1, |(_, workers)| workers.len() + 1))
}

/// Calls `part(i)` once for each `i < parts`, on the threads of the entered pool; on this
/// thread alone if there is none or if it is in a region already. A panic of a part is
/// raised here after all threads have left the region.
pub(crate) fn parallel(parts: usize, part: impl Fn(usize) + Sync) {
    let current = CURRENT.with_borrow(Clone::clone);
    match current {
        Some((shared, workers)) if parts > 1 && !workers.is_empty() => {
            shared.region(&workers, parts, &part);
        }
        _ => (0..parts).for_each(part),
    }
}

/// Cuts `out` into chunks of `size` (the last may be shorter) and calls `part` for each.
pub(crate) fn chunks<T: Send>(out: &mut [T], size: usize, part: impl Fn(usize, &mut [T]) + Sync) {
    let len = out.len();
    let start = SendPtr(out.as_mut_ptr());
    parallel(len.div_ceil(size.max(1)), |i| {
        let from = i * size;
        // SAFETY: `parallel` hands out each `i` once, so the chunks do not overlap; they lie
        // inside `out`, which is borrowed mutably until all threads have left.
        let chunk =
            unsafe { std::slice::from_raw_parts_mut(start.get().add(from), size.min(len - from)) };
        part(i, chunk);
    });
}

/// A buffer of this thread, so that parts cost no allocation; `work` must not ask for it again.
pub(super) fn with_scratch(len: usize, work: impl FnOnce(&mut [f32])) {
    thread_local! {
        static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    }
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.len() < len {
            scratch.resize(len, 0.0);
        }
        work(&mut scratch[..len]);
    });
}

/// Calls `work` with the number and the numbers of each row of `width`; a thread takes
/// `least` rows at a time, so that light work is not all hand-over.
pub(crate) fn rows(
    all: &mut [f32],
    width: usize,
    least: usize,
    work: impl Fn(usize, &mut [f32]) + Sync,
) {
    chunks(all, least * width, |part, rows| {
        for (i, row) in rows.chunks_exact_mut(width).enumerate() {
            work(part * least + i, row);
        }
    });
}

/// A pointer into memory of which threads write separate places.
pub(super) struct SendPtr<T>(pub(super) *mut T);

impl<T> SendPtr<T> {
    pub(super) fn get(&self) -> *mut T {
        self.0
    }
}

// SAFETY: whoever dereferences it must keep to places that no other thread touches.
unsafe impl<T: Send> Sync for SendPtr<T> {}

impl Shared {
    fn region<F: Fn(usize) + Sync>(&self, workers: &[Thread], parts: usize, part: &F) {
        unsafe fn run<F: Fn(usize)>(data: *const (), i: usize) {
            // SAFETY: `data` is the `&F` of the region that is open, see below.
            unsafe { (*data.cast::<F>())(i) }
        }
        if self.busy.swap(true, Ordering::Acquire) {
            return (0..parts).for_each(part);
        }
        let task = Task {
            data: std::ptr::from_ref(part).cast(),
            run: run::<F>,
            parts,
        };
        // SAFETY: the region is closed and empty, and `busy` keeps other callers out.
        unsafe { *self.task.get() = task };
        self.next.store(0, Ordering::Relaxed);
        let before = self.state.load(Ordering::Relaxed);
        self.state
            .store(before.wrapping_add(REGION) | OPEN, Ordering::SeqCst);
        for (worker, asleep) in workers.iter().zip(&self.asleep).take(parts - 1) {
            if asleep.load(Ordering::SeqCst) {
                worker.unpark();
            }
        }
        self.run_parts(task);
        self.state.fetch_and(!OPEN, Ordering::AcqRel);
        // From here on nobody enters; the borrow of `part` ends when all have left.
        let mut turns = 0u32;
        while self.state.load(Ordering::Acquire) & INSIDE != 0 {
            turns += 1;
            if turns.is_multiple_of(1 << 12) {
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
        let panic = self
            .panic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        self.busy.store(false, Ordering::Release);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    fn run_parts(&self, task: Task) {
        let work = || loop {
            let i = self.next.fetch_add(1, Ordering::Relaxed);
            if i >= task.parts {
                break;
            }
            // SAFETY: this thread is inside the region whose caller keeps `data` alive.
            unsafe { (task.run)(task.data, i) };
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
            self.next.store(task.parts, Ordering::Relaxed);
            *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
        }
    }

    /// A worker's life.
    fn work(&self, index: usize) {
        let mut seen = 0;
        while let Some(state) = self.wait(seen, index) {
            seen = state & !INSIDE & !OPEN;
            let mut now = state;
            while now & OPEN != 0 && now & !INSIDE & !OPEN == seen {
                match self.state.compare_exchange_weak(
                    now,
                    now + 1,
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => {
                        // SAFETY: written before the region was opened, and not again until
                        // this worker has left.
                        self.run_parts(unsafe { *self.task.get() });
                        self.state.fetch_sub(1, Ordering::Release);
                        break;
                    }
                    Err(other) => now = other,
                }
            }
        }
    }

    /// The state of an open region other than `seen`; `None` when the pool ends.
    fn wait(&self, seen: u64, index: usize) -> Option<u64> {
        let fresh = |state: u64| state & OPEN != 0 && state & !INSIDE & !OPEN != seen;
        let mut since = Instant::now();
        loop {
            for _ in 0..64 {
                let state = self.state.load(Ordering::SeqCst);
                if fresh(state) {
                    return Some(state);
                }
                std::hint::spin_loop();
            }
            if since.elapsed() < SPIN {
                continue;
            }
            self.asleep[index].store(true, Ordering::SeqCst);
            while !fresh(self.state.load(Ordering::SeqCst)) && !self.stop.load(Ordering::SeqCst) {
                std::thread::park();
            }
            self.asleep[index].store(false, Ordering::SeqCst);
            if self.stop.load(Ordering::SeqCst) {
                return None;
            }
            since = Instant::now();
        }
    }
}
