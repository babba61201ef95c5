//! What is compared: a method on a task, by a score of its runs.

use std::fmt;

use serde::Serialize;

/// A method on a task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Case {
    /// Name of the method.
    pub method: String,
    /// Name of the task.
    pub task: String,
}

impl Case {
    /// Names a case.
    #[must_use]
    pub fn new(method: impl Into<String>, task: impl Into<String>) -> Self {
        Self { method: method.into(), task: task.into() }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.method, self.task)
    }
}

/// What is compared of a run: a mean return over the whole training, so that slower learning counts
/// as well as a worse end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Of the evaluations (AUC).
    Evaluation,
    /// Of the training episodes, as the agent acts.
    Acting,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Evaluation, Self::Acting];

    /// Returns the name, as in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Evaluation => "evaluation",
            Self::Acting => "acting",
        }
    }
}
