//! A cluster, and what fails on it.

const HOUR: f64 = 3600.0;

/// A cluster without its failures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    pub(crate) slots: usize,
    pub(crate) slots_per_node: usize,
    /// Runs of an array, at most.
    pub(crate) array: usize,
    /// Most seconds that a job may run.
    pub(crate) time_limit: f64,
    /// Jobs that the scheduler starts in a second.
    pub(crate) starts_per_second: f64,
}

impl Default for Machine {
    /// Returns 1 000 slots of a Slurm whose configuration sets nothing, with a time limit of four hours.
    fn default() -> Self {
        Self {
            slots: 1_000,
            slots_per_node: 32,
            array: 1_001,
            time_limit: 4.0 * HOUR,
            starts_per_second: 10.0,
        }
    }
}

/// How often something fails.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Kills per hour of a job.
    pub(crate) kills: f64,
    /// Deaths per hour of a node.
    pub(crate) node_deaths: f64,
    /// Restarts per hour of the controller.
    pub(crate) restarts: f64,
    /// Cancellations by hand per hour, of some neighbouring jobs.
    pub(crate) cancels: f64,
    /// Share of the runs that fail whenever they get to some step.
    pub(crate) failing: f64,
    /// Share of the runs that diverge.
    pub(crate) diverging: f64,
    /// Share of the requests for another start that Slurm refuses.
    pub(crate) refused_requeues: f64,
}

impl Faults {
    /// Returns what a well-kept cluster does in a week: a job in a hundred is killed, a node dies a day.
    pub(crate) fn some() -> Self {
        Self {
            kills: 0.01,
            node_deaths: 1.0 / (30.0 * 24.0),
            restarts: 1.0 / 48.0,
            cancels: 1.0 / 12.0,
            failing: 0.002,
            diverging: 0.003,
            refused_requeues: 0.01,
        }
    }

    /// Returns ten times as much, and more.
    pub(crate) fn many() -> Self {
        Self {
            kills: 0.2,
            node_deaths: 1.0 / (3.0 * 24.0),
            restarts: 1.0 / 4.0,
            cancels: 1.0,
            failing: 0.01,
            diverging: 0.01,
            refused_requeues: 0.1,
        }
    }
}
