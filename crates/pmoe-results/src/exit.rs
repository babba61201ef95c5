//! Exit codes, and the signals that lead to them.

mod signals;

use std::process::ExitCode;

pub use self::signals::{Closer, EndingSignals};

/// Numbers of the signals that keys send, INT and QUIT: the same on every system.
const OF_KEYS: [i32; 2] = [2, 3];

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
        if OF_KEYS.contains(&signal) { Self::Interrupted } else { Self::Continue }
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

/// Whether a signal says that a job's time is about to end: USR1, as engines of clusters are told to send it. No other
/// signal asks for another start.
#[must_use]
pub fn is_end_of_time(signal: i32) -> bool {
    #[cfg(unix)]
    return signal == rustix::process::Signal::USR1.as_raw();
    #[cfg(not(unix))]
    return false;
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
