//! A matrix of 100 000 runs on a simulated cluster of 1 000 slots, in virtual time: what the real
//! [`Campaign`](pmoe_matrix::cluster::Campaign) asks of the cluster and of this machine, with and without failures, and
//! what the files of such a plan cost.
//!
//! ```text
//! cargo build --release --workspace --example cluster_at_scale
//! target/release/examples/cluster_at_scale 100000 1000 5000 1 2 3   # runs, slots, most jobs in the queue, seeds
//! ```

use std::error::Error;
use std::fs;

use model::{Faults, Machine, Outcome, Setting, simulate};

mod files;
mod model;

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Result<Vec<usize>, _> =
        std::env::args().skip(1).map(|text| text.parse()).collect();
    let numbers = numbers?;
    let runs = numbers.first().copied().unwrap_or(100_000);
    let slots = numbers.get(1).copied().unwrap_or(1_000).max(1);
    // Half of what a cluster allows whose configuration sets nothing.
    let most_queued = numbers.get(2).copied().unwrap_or(5_000);
    let seeds: Vec<u64> = match numbers.get(3..).unwrap_or_default() {
        [] => vec![1, 2, 3],
        seeds => seeds.iter().map(|seed| *seed as u64).collect(),
    };
    println!("{runs} runs, {slots} slots, at most {most_queued} jobs in the queue\n");
    let mut rows = Vec::new();
    let machine = Machine { slots, ..Machine::default() };
    for (name, faults) in
        [("none", Faults::default()), ("some", Faults::some()), ("many", Faults::many())]
    {
        let setting = Setting { runs, most_queued, poll: 15.0, machine, faults };
        for &seed in &seeds {
            let outcome = simulate(&setting, seed);
            eprint_wrong(&outcome);
            rows.push((format!("{name}, {seed}"), outcome));
        }
    }
    let column = |cells: [&str; 8]| format!("| {} |", cells.join(" | "));
    let rule = column(["---"; 8]);
    println!(
        "{}\n{rule}",
        column([
            "failures, seed",
            "done",
            "diverged",
            "failed",
            "wrong",
            "makespan, h",
            "of the bound",
            "busy",
        ])
    );
    for (name, o) in &rows {
        let up = slots as f64 * o.makespan - o.down;
        let cells = [
            name.clone(),
            o.done.to_string(),
            o.diverged.to_string(),
            o.failed.to_string(),
            o.wrong.len().to_string(),
            format!("{:.1}", o.makespan / 3600.0),
            format!("{:.3}", o.makespan / o.bound(slots)),
            format!("{:.1} %", 100.0 * o.busy / up),
        ];
        println!("{}", column(cells.each_ref().map(String::as_str)));
    }
    println!(
        "\n{}\n{rule}",
        column([
            "failures, seed",
            "lost work",
            "idle while runs wait",
            "submitted again",
            "starts",
            "needless starts",
            "arrays at a time",
            "folders read per run",
        ])
    );
    for (name, o) in &rows {
        let cells = [
            name.clone(),
            format!("{:.2} %", 100.0 * o.lost / o.busy),
            format!("{:.2} %", 100.0 * o.idle / (slots as f64 * o.makespan)),
            (o.jobs.saturating_sub(runs)).to_string(),
            o.starts.to_string(),
            o.needless_starts.to_string(),
            o.most_arrays.to_string(),
            format!("{:.1}", o.folders_read as f64 / runs as f64),
        ];
        println!("{}", column(cells.each_ref().map(String::as_str)));
    }
    println!(
        "\n{}\n{rule}",
        column([
            "failures, seed",
            "looks at the queue",
            "arrays submitted",
            "report jobs",
            "releases",
            "calls per run",
            "ms per round",
            "longest round, ms",
        ])
    );
    for (name, o) in &rows {
        let cells = [
            name.clone(),
            o.looks.to_string(),
            o.arrays.to_string(),
            o.submitting_rounds.to_string(),
            o.releases.to_string(),
            format!("{:.2}", o.calls() as f64 / runs as f64),
            format!("{:.3}", 1e3 * o.seconds / o.rounds as f64),
            format!("{:.1}", 1e3 * o.longest_round),
        ];
        println!("{}", column(cells.each_ref().map(String::as_str)));
    }
    let seconds: f64 = rows.iter().map(|(_, outcome)| outcome.seconds).sum();
    println!("\nall rounds: {seconds:.1} s; peak memory, with the simulation: {}", peak());
    println!("\n{}", files::measure(runs)?);
    match rows.iter().any(|(_, outcome)| !outcome.wrong.is_empty()) {
        true => Err("some runs did not end as they had to".into()),
        false => Ok(()),
    }
}

#[expect(clippy::print_stderr, reason = "an example shows what is wrong")]
fn eprint_wrong(outcome: &Outcome) {
    outcome.wrong.iter().take(5).for_each(|wrong| eprintln!("{wrong}"));
}

/// Returns this process's peak memory.
fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown".to_owned(), |size| size.trim().to_owned())
}
