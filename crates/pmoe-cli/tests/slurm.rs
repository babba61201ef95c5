//! `pmoe matrix --executor slurm` on a real Slurm, which runs on this machine alone: the results are those of a local
//! matrix, whatever happens to jobs, nodes and controller.
//!
//! Skipped where Slurm is not installed, unless `PMOE_REQUIRE_SLURM` is set. `PMOE_MATRICES` is the number of matrices
//! that faults strike at random.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::print_stderr, reason = "remarks in the log of the tests")]
#![cfg(target_os = "linux")]

mod common;

// `cargo xtask test` runs these tests, which mostly wait, by the name of this module beside all others.
#[path = "slurm/on_slurm.rs"]
mod on_slurm;
