//! How programs end.

use std::fs;
use std::process::ExitCode;

use rustix::process::Signal;

/// How a program of this workspace ends: the contract with scripts, and between the matrix and its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, now or before.
    Done = 0,
    /// Anything that has no code of its own.
    Failed = 1,
    /// Arguments, configs or files are at fault; nothing was changed.
    BadInput = 2,
    /// Learning diverged.
    Diverged = 3,
    /// The system has no more memory to give; a run is as after a kill.
    OutOfMemory = 71,
    /// Another process holds the run folder.
    Locked = 75,
    /// SIGTERM, SIGUSR1 or any other signal that ends programs: a checkpoint is written, start again to
    /// continue.
    Continue = 99,
    /// Ctrl-C or Ctrl-\\: a checkpoint is written.
    Interrupted = 130,
}

impl Exit {
    const ALL: [Self; 8] = [
        Self::Done,
        Self::Failed,
        Self::BadInput,
        Self::Diverged,
        Self::OutOfMemory,
        Self::Locked,
        Self::Continue,
        Self::Interrupted,
    ];

    /// How a run that a signal has stopped ends.
    #[must_use]
    pub fn of_signal(signal: i32) -> Self {
        let keys = [Signal::INT, Signal::QUIT].map(Signal::as_raw);
        if keys.contains(&signal) { Self::Interrupted } else { Self::Continue }
    }

    /// Its exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The one that a program's exit code means.
    #[must_use]
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| i32::from(exit.code()) == code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Every signal that ends a program unless it is caught, and that can be: for runs, which write a
/// checkpoint first.
///
/// Without those of a fault in the program itself (such as SEGV). A hang-up that was ignored when the
/// program began (`nohup`) stays ignored.
#[must_use]
pub fn ending_signals() -> Vec<i32> {
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
        // The write that was too much for a limit fails as well, and says so.
        Signal::XFSZ,
        Signal::IO,
    ];
    let mut signals: Vec<i32> = named.map(Signal::as_raw).to_vec();
    #[cfg(target_os = "linux")]
    {
        signals.extend([Signal::POWER, Signal::STKFLT].map(Signal::as_raw));
        // The real-time signals, which batch systems and other programs use as they like.
        signals.extend(34..=64);
    }
    let hang_up = Signal::HUP.as_raw();
    signals.retain(|&signal| signal != hang_up || !is_ignored(signal));
    signals
}

/// Whether the process ignores a signal, as far as the system tells.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_leads_back_and_others_mean_nothing() {
        for exit in Exit::ALL {
            assert_eq!(Exit::from_code(exit.code().into()), Some(exit));
        }
        assert_eq!(Exit::from_code(101), None);
    }
}
