//! Runs a plan: every run of the experiments that are asked for, on this machine, from nothing to the report.
//!
//! `cargo xtask bench-all` and `pmoe matrix` are this crate with a command line. It starts the `pmoe` program for each
//! run and reads run folders; it knows nothing of learning or simulation.
//!
//! - [`Options`] say which runs are wanted, at which scale; [`Matrix`] is these runs, planned.
//! - [`Executor`] is whatever brings runs to their end. [`Local`] starts processes on this machine, retries those that
//!   fail, and comes back to those that another process is at.
//! - [`Notice`] is what an executor tells meanwhile, and [`ProgressDisplay`] shows it: bars on a terminal, lines elsewhere.
//! - [`RunEnd`] is how a run ended, [`MatrixEnd`] how all of them did.
//! - [`Forecast`] is the time and disk that the rest takes, from a short measurement.
//! - [`run`] does all of it and tells a [`Console`], as the two commands do.
//!
//! The run folders are the truth: a matrix that was stopped, killed or started twice reads from them what is done, and
//! leaves that alone.
//!
//! # Example
//!
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
//! let methods = Methods::load_all(&configs.join("algos"))?;
//! let options = Options { only: vec!["fig6".to_owned()], ..Options::new(Preset::Smoke, "results") };
//! let matrix = Matrix::new(suites, methods, &options)?;
//! assert!(matrix.runs().iter().all(|run| run.dir.starts_with("results/smoke")));
//! println!("{}", matrix.overview());
//! # Ok(())
//! # }
//! ```
//!
//! [`Matrix::execute`] with a [`Local`] then makes them.

mod console;
mod end;
mod error;
mod estimate;
mod executor;
mod local;
mod matrix;
mod options;
mod overview;
pub mod process;
mod progress;
mod select;
mod table;
#[cfg(test)]
mod tests;
mod words;

pub use console::{Console, run};
pub use end::{MatrixEnd, RunEnd};
pub use error::MatrixError;
pub use estimate::Forecast;
pub use executor::{Advance, Executor, Listener, Notice};
pub use local::Local;
pub use matrix::Matrix;
pub use options::Options;
pub use progress::ProgressDisplay;
pub use select::Planned;
