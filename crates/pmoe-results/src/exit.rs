//! Exit codes.

use std::fs;
use std::process::ExitCode;

use rustix::process::Signal;

/// How a program of this workspace ends: a contract with scripts, and between the matrix and its
/// runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, now or earlier.
    Done = 0,
    /// Any other failure.
    Failed = 1,
    /// Invalid arguments, configs or files; nothing was changed.
    BadInput = 2,
    /// Training diverged.
    Diverged = 3,
    /// The system ran out of memory; a run is in the same state as after a kill.
    OutOfMemory = 71,
    /// Another process holds the run folder.
    Locked = 75,
    /// SIGTERM, SIGUSR1 or any other signal that terminates programs: a checkpoint was written, and
    /// the next start resumes from it.
    Continue = 99,
    /// Ctrl-C or Ctrl-\\: a checkpoint was written.
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

    /// Returns how a run ends after being stopped by a signal.
    #[must_use]
    pub fn of_signal(signal: i32) -> Self {
        let keys = [Signal::INT, Signal::QUIT].map(Signal::as_raw);
        if keys.contains(&signal) { Self::Interrupted } else { Self::Continue }
    }

    /// Returns the exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Returns the variant with this exit code, if there is one.
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

/// Returns every signal that terminates a program by default and can be caught.
///
/// Runs catch them and write a checkpoint first. Signals for faults in the program itself, such as
/// SEGV, are left out. A hang-up that was ignored at program start (`nohup`) stays ignored.
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
