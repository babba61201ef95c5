//! Who computes: our own operations, or burn's.

use std::cell::Cell;

/// Who computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Our own code, where there is one: see [`fused`](crate::fused).
    Fused,
    /// burn's operations, everywhere.
    Plain,
}

thread_local! {
    static ENGINE: Cell<Engine> = const { Cell::new(Engine::Fused) };
}

/// The engine of this thread.
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
