//! Runs two independent computations in parallel, if the run may use two threads.
//!
//! Results never depend on the number of threads: both computations are the same wherever they run,
//! and neither is split.

use std::cell::Cell;
use std::sync::LazyLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::engine::{engine, with_engine};

/// The other thread, which sleeps while there is nothing to do; `None` if the system refuses it.
static WORKER: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
    let worker = ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "pmoe-join".to_owned());
    worker.build().ok()
});

thread_local! {
    static THREADS: Cell<usize> = const { Cell::new(1) };
}

/// Runs `body` and lets its [`join`]s use up to `threads` threads. More than two have no effect.
pub fn with_threads<R>(threads: usize, body: impl FnOnce() -> R) -> R {
    struct Restore(usize);
    impl Drop for Restore {
        fn drop(&mut self) {
            THREADS.set(self.0);
        }
    }
    let _restore = Restore(THREADS.replace(threads));
    body()
}

/// Returns both results, computed in sequence or on two threads.
///
/// If the system refuses to start a thread, the calling thread computes both.
pub fn join<A, B: Send>(one: impl FnOnce() -> A, two: impl FnOnce() -> B + Send) -> (A, B) {
    let worker = if THREADS.get() < 2 { None } else { WORKER.as_ref() };
    join_on(worker, one, two)
}

fn join_on<A, B: Send>(
    worker: Option<&ThreadPool>,
    one: impl FnOnce() -> A,
    two: impl FnOnce() -> B + Send,
) -> (A, B) {
    let Some(worker) = worker else {
        return with_threads(1, || (one(), two()));
    };
    let engine = engine();
    let mut second = None;
    let first = worker.in_place_scope(|scope| {
        scope.spawn(|_| second = Some(with_engine(engine, two)));
        with_threads(1, one)
    });
    (first, second.expect("the scope waits for it"))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::engine::Engine;

    #[test]
    fn one_thread_unless_asked_for_more() {
        let here = thread::current().id();
        let (one, two) = join(|| thread::current().id(), || thread::current().id());
        assert_eq!((one, two), (here, here));
        let (one, two) =
            with_threads(2, || join(|| thread::current().id(), || thread::current().id()));
        assert_eq!(one, here);
        assert_ne!(two, here);
        assert_eq!(THREADS.get(), 1);
    }

    #[test]
    fn the_other_thread_has_the_same_engine() {
        let (one, two) = with_engine(Engine::Plain, || with_threads(2, || join(engine, engine)));
        assert_eq!((one, two), (Engine::Plain, Engine::Plain));
    }

    #[test]
    fn without_another_thread_this_one_computes_both() {
        let here = || (thread::current().id(), THREADS.get());
        let expected = (thread::current().id(), 1);
        assert_eq!(with_threads(2, || join_on(None, here, here)), (expected, expected));
    }

    #[test]
    #[should_panic(expected = "on purpose")]
    fn a_panic_comes_through() {
        with_threads(2, || join(|| (), || panic!("on purpose")));
    }
}
