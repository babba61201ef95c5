//! Signals that ask a run to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

use anyhow::{Context, Result};
use pmoe_results::Exit;
use pmoe_results::exit::EndingSignals;

/// The first signal that asked the run to stop, 0 before. More of them change nothing: the checkpoint
/// is on its way.
pub(super) struct Stop(Arc<AtomicI32>);

impl Stop {
    /// Listens to every signal that would end the program.
    pub(super) fn on_signals() -> Result<Self> {
        let signals = EndingSignals::catch().context("cannot catch signals")?;
        let first = Arc::new(AtomicI32::new(0));
        let stop = Self(first.clone());
        let listen = move || {
            for signal in signals {
                let _ = first.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed);
            }
        };
        let listener = thread::Builder::new().spawn(listen);
        listener.context("cannot start the thread that listens for signals")?;
        Ok(stop)
    }

    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// How the program ends after it.
    pub(super) fn exit(&self) -> Exit {
        Exit::of_signal(self.0.load(Ordering::Relaxed))
    }
}
