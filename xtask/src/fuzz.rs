//! Fuzzes the program that users run with thousands of invalid inputs.
//!
//! Each case is a small folder and one to five calls of `pmoe` in it, as separate processes. A
//! panic, an abort, a hang or excessive memory can only be detected from outside, and an abort in
//! MuJoCo then ends just the case. Starting a process takes 4 ms, less than reading its inputs. No
//! fuzzing library is used: those for stable Rust generate arguments of functions, but these inputs
//! are files and folders.

mod case;
mod mutate;
mod seeds;
mod target;

use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::ValueEnum;
use pmoe_matrix::process;
use pmoe_results::Exit;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::BadInput;
use case::{Case, Record};
use target::{Maker, Target};

/// Gives `pmoe` invalid inputs of every kind: none may cause a panic, an abort or a hang, or take a
/// gigabyte
///
/// Inputs are valid ones (committed configs, models and results, checkpoints of small runs),
/// changed at random. Each failure is kept as a folder, which `--replay` runs again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask fuzz                                   all kinds, ten minutes each
  cargo xtask fuzz --target checkpoint --seconds 60
  cargo xtask fuzz --cases 50 --seed 1               the same 50 cases of each kind every time
  cargo xtask fuzz --replay target/fuzz/config-1-17

Exit codes: 0 nothing found, 1 something found, 2 bad input.")]
pub struct Options {
    /// Only this kind of input; may be repeated
    #[arg(long, value_enum)]
    target: Vec<Target>,
    /// Seconds to fuzz each kind for
    #[arg(long, default_value = "600", conflicts_with = "cases")]
    seconds: NonZeroU64,
    /// Stop after this many cases of each kind instead
    #[arg(long)]
    cases: Option<NonZeroU64>,
    /// Seed of all choices [default: the time]
    #[arg(long)]
    seed: Option<u64>,
    /// Run one finding again
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["target", "seconds", "cases", "seed"])]
    pub replay: Option<PathBuf>,
}

/// Maximum number of findings per kind; further ones most likely have the same cause.
const MAX_FINDINGS: usize = 10;

/// Fuzzes all requested kinds; `out` is the folder for findings.
pub fn run(root: &Path, pmoe: &Path, out: &Path, options: &Options) -> Result<Exit> {
    // A hard link, because a build during the run would replace the program under its usual name.
    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let own = tempfile::tempdir_in(out)?;
    let linked = own.path().join("pmoe");
    fs::hard_link(pmoe, &linked).with_context(|| format!("cannot link {}", pmoe.display()))?;
    let pmoe = &linked;
    if let Some(folder) = &options.replay {
        return replay(pmoe, folder);
    }
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let seed = options.seed.unwrap_or_else(now);
    let all = Target::value_variants().to_vec();
    let targets = if options.target.is_empty() { all } else { options.target.clone() };
    let needs_runs = targets.iter().any(|target| target.needs_runs());
    let runs = if needs_runs { seeds::runs(root, pmoe)? } else { Vec::new() };
    let mut found = 0;
    for target in targets {
        let kind = || format!("kind {}", name(target));
        let maker = Maker::new(target, root, pmoe, &runs).with_context(kind)?;
        found += fuzz(&maker, target, seed, pmoe, out, options).with_context(kind)?;
    }
    Ok(if found == 0 { Exit::Done } else { Exit::Failed })
}

/// Fuzzes one kind and returns the number of findings.
fn fuzz(
    maker: &Maker<'_>,
    target: Target,
    seed: u64,
    pmoe: &Path,
    out: &Path,
    options: &Options,
) -> Result<usize> {
    let begun = Instant::now();
    let length = Duration::from_secs(options.seconds.get());
    let goes_on = |cases: u64| match options.cases {
        Some(wanted) => cases < wanted.get(),
        None => begun.elapsed() < length,
    };
    let (mut cases, mut found, mut record) = (0, 0, Record::default());
    while goes_on(cases) && found < MAX_FINDINGS {
        // Each case has a separate stream, so that it does not depend on those before it.
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(cases);
        let case = maker.case(&mut rng);
        match case.run(pmoe)? {
            Ok(of_case) => record.add(of_case),
            Err(finding) => {
                found += 1;
                let folder = out.join(format!("{}-{seed}-{cases}", name(target)));
                keep(&case, &folder)?;
                show!("{}: {finding}", name(target));
                show!("  cargo xtask fuzz --replay {}", folder.display());
            }
        }
        cases += 1;
    }
    let Record { calls, succeeded, time, bytes } = record;
    show!(
        "{}: {cases} cases with seed {seed} in {:.0} s, {found} found; {succeeded} of {calls} calls succeeded, \
         at most {:.1} s and {} MB each",
        name(target),
        begun.elapsed().as_secs_f64(),
        time.as_secs_f64(),
        bytes / 1_000_000,
    );
    Ok(found)
}

fn keep(case: &Case, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot replace {}", folder.display()))?;
    }
    case.write(folder)
}

fn replay(pmoe: &Path, folder: &Path) -> Result<Exit> {
    let case = Case::read(folder).map_err(|error| BadInput(format!("{error:#}")))?;
    for arguments in &case.calls.arguments {
        show!("{}", process::line(std::process::Command::new("pmoe").args(arguments)));
    }
    Ok(match case.run(pmoe)? {
        Ok(_) => {
            show!("nothing found");
            Exit::Done
        }
        Err(finding) => {
            show!("found: {finding}");
            Exit::Failed
        }
    })
}

fn name(target: Target) -> String {
    target.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}
