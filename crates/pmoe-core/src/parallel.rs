//! Runs two independent computations in parallel, if the run may use two threads.
//!
//! Results never depend on the number of threads: both computations are the same wherever they run,
//! and neither is split.

use std::cell::Cell;
use std::thread::{self, ScopedJoinHandle};

use crate::engine::{engine, with_engine};

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
    if THREADS.get() < 2 {
        return (one(), two());
    }
    join_on(thread::Builder::new(), one, two)
}

fn join_on<A, B: Send>(
    thread: thread::Builder,
    one: impl FnOnce() -> A,
    two: impl FnOnce() -> B + Send,
) -> (A, B) {
    let engine = engine();
    let mut two = Some(two);
    let mut two = || two.take().expect("it is called once")();
    let (one, joined) = thread::scope(|scope| {
        let started = thread.spawn_scoped(scope, || with_engine(engine, &mut two));
        let one = with_threads(1, one);
        (one, started.ok().map(ScopedJoinHandle::join))
    });
    match joined {
        Some(Ok(two)) => (one, two),
        Some(Err(panic)) => std::panic::resume_unwind(panic),
        None => (one, with_threads(1, two)),
    }
}

#[cfg(test)]
mod tests {
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
        let too_large = thread::Builder::new().stack_size(1 << 62);
        let here = || (thread::current().id(), THREADS.get());
        let expected = (thread::current().id(), 1);
        assert_eq!(with_threads(2, || join_on(too_large, here, here)), (expected, expected));
    }

    #[test]
    #[should_panic(expected = "on purpose")]
    fn a_panic_comes_through() {
        with_threads(2, || join(|| (), || panic!("on purpose")));
    }
}
