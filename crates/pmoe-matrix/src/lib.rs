//! Runs a plan: every run of the experiments that are asked for, on this machine, from nothing to the report.
//!
//! `cargo xtask bench-all` and `pmoe matrix` are this crate with a command line. It is for those who have suites of runs
//! and want them all: interrupted, killed or started twice, it does what is left.
//!
//! # Example
//! What would run of the committed suites, in miniature:
//!
//! ```
//! use std::path::Path;
//!
//! use pmoe_matrix::{Matrix, MatrixError, Options};
//! use pmoe_results::{Methods, Preset, Suite};
//!
//! # fn main() -> Result<(), MatrixError> {
//! # let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
//! let suites = Suite::load_all(&configs.join("suites"))?;
//! let methods = Methods::load_all(&configs.join("methods"))?;
//! let options = Options { only: vec!["fig6".to_owned()], ..Options::new(Preset::Smoke, "results") };
//! let matrix = Matrix::new(suites, methods, &options)?;
//! assert!(matrix.runs().iter().all(|run| run.dir.starts_with("results/smoke")));
//! println!("{}", matrix.overview());
//! # Ok(())
//! # }
//! ```
//!
//! [`Matrix::execute`] with a [`Local`] then makes them, and [`run`] does all of it and tells a [`Console`], as the two
//! commands do.
//!
//! # Where to find what
//!
//! | to see | open |
//! |---|---|
//! | which runs are wanted, at which scale | [`Options`] |
//! | these runs, planned | [`Matrix`], [`Planned`] |
//! | whatever brings runs to their end | [`Executor`] |
//! | processes on this machine: retries, and runs that another process is at | [`Local`] |
//! | jobs of a Slurm cluster, or of any engine that a command starts | [`Cluster`], [`ClusterOptions`] |
//! | what is submitted, and when a cluster is given up, without a cluster | [`cluster::Campaign`] |
//! | what an executor tells meanwhile, and who shows it | [`Notice`], [`ProgressDisplay`] |
//! | how a run ended, and how all of them did | [`RunEnd`], [`MatrixEnd`] |
//! | time and disk that the rest takes, from a short measurement | [`Forecast`] |
//!
//! The run folders are the truth: what is done is read from them and left alone. The crate starts the `pmoe` program for
//! each run; it knows nothing of learning or simulation.
//!
//! # Errors
//! [`MatrixError`] keeps a matrix from being run: a [`SelectionError`], a file, a disk that refuses.
//! [`MatrixError::is_bad_input`] tells the user's part from the machine's. A run that fails is no error but a [`RunEnd`],
//! and keeps no other from running.

pub mod cluster;
mod console;
mod end;
mod error;
mod estimate;
mod executor;
mod findings;
mod local;
mod matrix;
mod options;
mod overview;
pub mod process;
mod progress;
mod select;
#[cfg(test)]
mod tests;
mod words;

pub use cluster::{Cluster, ClusterOptions, ExecutorKind};
pub use console::{Console, run, wait};
pub use end::{MatrixEnd, RunEnd};
pub use error::{ClusterError, FlagError, MatrixError, SelectionError, SlurmError};
pub use estimate::Forecast;
pub use executor::{Advance, Executor, Listener, Notice};
pub use local::Local;
pub use matrix::Matrix;
pub use options::Options;
pub use progress::ProgressDisplay;
pub use select::Planned;
