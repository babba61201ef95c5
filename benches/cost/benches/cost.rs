//! Counts the instructions of programs under valgrind's callgrind, while they are in their function
//! `counted`; started by `cargo xtask regress --layer cost`.
//!
//! `PMOE_COUNTED` has a line for each count: a program and its arguments, separated by tabs.

use std::env;

use gungraun::prelude::*;
use gungraun::{Callgrind, EntryPoint};

fn commands() -> Vec<String> {
    env::var("PMOE_COUNTED").unwrap_or_default().lines().map(str::to_owned).collect()
}

#[binary_benchmark]
#[benches::at(iter = commands())]
fn counted(command: String) -> Command {
    let mut words = command.split('\t');
    Command::new(words.next().unwrap_or_default()).args(words).build()
}

binary_benchmark_group!(name = programs, benchmarks = [counted]);

main!(
    config = BinaryBenchmarkConfig::default()
        // MuJoCo and its models.
        .pass_through_envs(["LD_LIBRARY_PATH", "MUJOCO_DYNAMIC_LINK_DIR", "PMOE_MODEL_DIR"])
        .tool(
            // Instructions only: simulating caches takes twice as long.
            Callgrind::with_args(["--cache-sim=no"])
                .entry_point(EntryPoint::Custom("*::counted*".to_owned()))
        ),
    binary_benchmark_groups = programs
);
