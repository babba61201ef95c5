//! The `pmoe` command: train, evaluate, report and measure mixture-of-experts policies.

mod allocator;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

fn main() -> ExitCode {
    pmoe_cli::run(std::env::args_os(), None).into()
}
