//! What asks a run to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

use anyhow::{Context, Result};
use pmoe_results::Exit;
use pmoe_results::exit::EndingSignals;

/// What asks a run to stop.
pub(super) enum Stop<'a> {
    /// The first signal that did, 0 before. More of them change nothing: the checkpoint is on its way.
    OnSignal(Arc<AtomicI32>),
    /// The program that trains, which has signals of its own.
    When(&'a dyn Fn() -> bool),
}

impl Stop<'_> {
    /// Listens to every signal that would end the program.
    pub(super) fn on_signals() -> Result<Self> {
        let signals = EndingSignals::catch().context("cannot catch signals")?;
        let first = Arc::new(AtomicI32::new(0));
        let stop = Self::OnSignal(first.clone());
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
        match self {
            Self::OnSignal(first) => first.load(Ordering::Relaxed) != 0,
            Self::When(is_stopped) => is_stopped(),
        }
    }

    /// How the program ends after it.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::OnSignal(first) => Exit::of_signal(first.load(Ordering::Relaxed)),
            Self::When(_) => Exit::Continue,
        }
    }
}
