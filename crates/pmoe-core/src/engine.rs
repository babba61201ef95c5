//! Selects the implementation of operations: this crate's or burn's.

use std::cell::Cell;

/// An implementation of the operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// This crate's own code where available; see [`fused`](crate::fused).
    Fused,
    /// burn's operations only.
    Plain,
}

thread_local! {
    static ENGINE: Cell<Engine> = const { Cell::new(Engine::Fused) };
}

/// Returns the engine of this thread.
pub fn engine() -> Engine {
    ENGINE.get()
}

/// Runs `body` on this thread with the given engine.
pub fn with_engine<R>(engine: Engine, body: impl FnOnce() -> R) -> R {
    struct Restore(Engine);
    impl Drop for Restore {
        fn drop(&mut self) {
            ENGINE.set(self.0);
        }
    }
    let _restore = Restore(ENGINE.replace(engine));
    body()
}
