//! Runs two independent computations in parallel, if the run may use two threads.
//!
//! Results never depend on the number of threads: both computations are the same wherever they run,
//! and neither is split.

use std::cell::Cell;
use std::thread;

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
pub fn join<A, B: Send>(one: impl FnOnce() -> A, two: impl FnOnce() -> B + Send) -> (A, B) {
    if THREADS.get() < 2 {
        return (one(), two());
    }
    let engine = engine();
    thread::scope(|scope| {
        let two = scope.spawn(move || with_engine(engine, two));
        let one = with_threads(1, one);
        match two.join() {
            Ok(two) => (one, two),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
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
    #[should_panic(expected = "on purpose")]
    fn a_panic_comes_through() {
        with_threads(2, || join(|| (), || panic!("on purpose")));
    }
}
