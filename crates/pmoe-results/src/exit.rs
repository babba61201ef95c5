use std::process::ExitCode;

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
    /// SIGTERM or SIGUSR1: a checkpoint is written, start again to continue.
    Continue = 99,
    /// Ctrl-C: a checkpoint is written.
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
