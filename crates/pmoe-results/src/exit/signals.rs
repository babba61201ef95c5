//! Waiting for signals that would end the program.

use std::io;

/// Signals that would end the program, one after the other, from now on. Waiting for the next one
/// blocks, until [`Closer::close`] ends the iteration.
///
/// Where there are no such signals (Windows), Ctrl-C is one, and is noticed within a tenth of a
/// second.
#[derive(Debug)]
pub struct EndingSignals(system::Signals);

/// Ends the wait for signals, from any thread.
#[derive(Debug, Clone)]
pub struct Closer(system::Handle);

impl EndingSignals {
    /// Catches every signal that would end the program: they end it no longer.
    ///
    /// # Errors
    /// Returns the system's error if a signal can't be caught.
    pub fn catch() -> io::Result<Self> {
        system::catch().map(Self)
    }

    /// Returns what ends the wait.
    #[must_use]
    pub fn closer(&self) -> Closer {
        Closer(system::handle(&self.0))
    }
}

impl Closer {
    /// Ends the wait.
    pub fn close(&self) {
        system::close(&self.0);
    }
}

impl Iterator for EndingSignals {
    type Item = i32;

    fn next(&mut self) -> Option<i32> {
        system::next(&mut self.0)
    }
}

#[cfg(unix)]
mod system {
    use std::fs;
    use std::io;

    use rustix::process::Signal;
    pub(super) use signal_hook::iterator::{Handle, Signals};

    pub(super) fn catch() -> io::Result<Signals> {
        Signals::new(ending())
    }

    pub(super) fn handle(signals: &Signals) -> Handle {
        signals.handle()
    }

    pub(super) fn close(handle: &Handle) {
        handle.close();
    }

    pub(super) fn next(signals: &mut Signals) -> Option<i32> {
        signals.forever().next()
    }

    /// Returns every signal that terminates a program by default and can be caught.
    ///
    /// Signals for faults in the program itself, such as SEGV, are left out. A hang-up that was
    /// ignored at program start (`nohup`) stays ignored.
    fn ending() -> Vec<i32> {
        let named = [
            Signal::HUP,
            Signal::INT,
            Signal::QUIT,
            Signal::TERM,
            Signal::USR1,
            Signal::USR2,
            Signal::ALARM,
            Signal::VTALARM,
            Signal::PROF,
            Signal::XCPU,
            // The write that exceeds the limit fails with an error as well.
            Signal::XFSZ,
            Signal::IO,
        ];
        let mut signals: Vec<i32> = named.map(Signal::as_raw).to_vec();
        #[cfg(target_os = "linux")]
        {
            signals.extend([Signal::POWER, Signal::STKFLT].map(Signal::as_raw));
            // Real-time signals, which batch systems and other programs use for any purpose.
            signals.extend(34..=64);
        }
        let hang_up = Signal::HUP.as_raw();
        signals.retain(|&signal| signal != hang_up || !is_ignored(signal));
        signals
    }

    /// Whether the process ignores a signal, as far as the system reports it.
    fn is_ignored(signal: i32) -> bool {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use signal_hook::consts::{SIGINT, SIGTERM};

    /// Time between two looks.
    const LOOK: Duration = Duration::from_millis(100);

    #[derive(Debug)]
    pub(super) struct Signals {
        /// The last signal that nobody has heard of, or 0.
        caught: Arc<AtomicUsize>,
        closed: Handle,
    }

    pub(super) type Handle = Arc<AtomicBool>;

    pub(super) fn catch() -> io::Result<Signals> {
        let caught = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM] {
            let number = signal.unsigned_abs() as usize;
            signal_hook::flag::register_usize(signal, caught.clone(), number)?;
        }
        Ok(Signals { caught, closed: Handle::default() })
    }

    pub(super) fn handle(signals: &Signals) -> Handle {
        signals.closed.clone()
    }

    pub(super) fn close(handle: &Handle) {
        handle.store(true, Ordering::Relaxed);
    }

    pub(super) fn next(signals: &mut Signals) -> Option<i32> {
        while !signals.closed.load(Ordering::Relaxed) {
            match signals.caught.swap(0, Ordering::Relaxed) {
                0 => thread::sleep(LOOK),
                signal => return i32::try_from(signal).ok(),
            }
        }
        None
    }
}
