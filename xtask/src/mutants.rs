//! Makes mistakes in the code, one at a time, and records what notices them.

mod list;
mod record;
mod report;
mod scratch;
mod tests;

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use pmoe_matrix::process;
use pmoe_results::Exit;

use self::list::Mutant;
use self::record::{Check, FILE, Noticed, Record};
use self::scratch::Scratch;

/// Names of the layers of `cargo xtask regress`.
const LAYERS: [&str; 3] = ["bits", "learning", "cost"];

/// Makes plausible mistakes in the code, one at a time, and records what notices them
///
/// The mistakes are in `xtask/mutants`. They are made in a copy of the committed tree, which has its
/// own target folder; the first run compiles all our crates once more. Results go into
/// `results/regress/mutants.json` as they come: start again to continue. A mutant that was noticed,
/// or was not by the same code, is not tried again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask mutants --list
  cargo xtask mutants --tests                     what do the tests notice?
  cargo xtask mutants --layers bits,learning --only adam-betas-swapped
  cargo xtask mutants --report                    writes the table of docs/mutants.md

Exit codes: 0 every mutant was noticed, 1 one was not or could not be tried, 2 bad input.")]
pub struct Options {
    /// Only these mutants
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    pub only: Vec<String>,
    /// Lists the mutants
    #[arg(long)]
    pub list: bool,
    /// Runs the tests of the crate and of those that use it, until one fails
    #[arg(long)]
    pub tests: bool,
    /// Runs these layers of `cargo xtask regress`
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LAYER,..")]
    pub layers: Vec<Layer>,
    /// Writes the table of docs/mutants.md from the results so far
    #[arg(long)]
    pub report: bool,
    /// Tries mutants again whose results are known
    #[arg(long)]
    pub again: bool,
    /// Threads of builds and tests [default: the number of cores]
    #[arg(long, value_name = "N")]
    pub jobs: Option<u32>,
    /// Seconds that a test program may take; a mutant that exceeds them is noticed
    #[arg(long, default_value_t = 900, value_name = "SECONDS")]
    pub timeout: u64,
}

/// A layer of `cargo xtask regress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Layer {
    /// The digests of short runs.
    Bits,
    /// The returns of trained policies.
    Learning,
    /// Instructions and memory.
    Cost,
}

impl Layer {
    fn name(self) -> &'static str {
        LAYERS[self as usize]
    }
}

/// A way to notice mutants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Tests,
    Layer(Layer),
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Tests => "tests",
            Self::Layer(layer) => layer.name(),
        }
    }
}

/// Does what the options ask.
pub fn run(root: &Path, options: &Options) -> Result<Exit> {
    let all = list::load(root)?;
    let mutants = list::select(all.clone(), &options.only)?;
    if options.list {
        for Mutant { name, mistake, .. } in &mutants {
            show!("{name}: {mistake}");
        }
        return Ok(Exit::Done);
    }
    let mut record = Record::load(root)?;
    let layers = options.layers.iter().copied().map(Way::Layer);
    let mut ways: Vec<Way> =
        options.tests.then_some(Way::Tests).into_iter().chain(layers).collect();
    if ways.is_empty() && !options.report {
        ways = vec![Way::Tests, Way::Layer(Layer::Bits)];
    }
    let missed =
        if ways.is_empty() { 0 } else { notice(root, options, &mutants, &ways, &mut record)? };
    if options.report {
        report::write(root, &all, &record)?;
    }
    Ok(if missed == 0 { Exit::Done } else { Exit::Failed })
}

/// Tries mutants and returns how many nothing noticed.
fn notice(
    root: &Path,
    options: &Options,
    mutants: &[Mutant],
    ways: &[Way],
    record: &mut Record,
) -> Result<usize> {
    let scratch = Scratch::prepare(root)?;
    // Before the hours of work: all of them fit the committed code.
    for mutant in mutants {
        scratch.with(mutant, || Ok(()))?;
    }
    let mut missed = 0;
    for (index, mutant) in mutants.iter().enumerate() {
        let due =
            |way: &&Way| options.again || record.known(mutant, way.name(), &scratch.code).is_none();
        let due: Vec<Way> = ways.iter().filter(due).copied().collect();
        for &way in &due {
            ensure_sound(&scratch, mutant, way, options, record)?;
        }
        let place = format!("{} of {}, {}", index + 1, mutants.len(), mutant.name);
        if !due.is_empty() {
            let tried = scratch.with(mutant, || {
                for &way in &due {
                    let begun = Instant::now();
                    let noticed = check(&scratch, &mutant.name, Some(mutant), way, options)?;
                    let seconds = (begun.elapsed().as_secs_f64() * 10.0).round() / 10.0;
                    say!("{place}: {}, {seconds} s", described(way, noticed.as_ref()));
                    let (commit, code) = (scratch.commit.clone(), scratch.code.clone());
                    let result = Check { commit, code, seconds, noticed };
                    record.insert(mutant, way.name(), result)?;
                }
                Ok(())
            });
            if let Err(error) = tried {
                say!("{place}: {error:#}");
            }
        }
        let by = |way: &Way| record.known(mutant, way.name(), &scratch.code);
        let is_noticed = |way: &Way| by(way).is_some_and(|check| check.noticed.is_some());
        if !ways.iter().any(is_noticed) {
            missed += 1;
        }
    }
    say!("{} of {} noticed; see {FILE}", mutants.len() - missed, mutants.len());
    Ok(missed)
}

fn described(way: Way, noticed: Option<&Noticed>) -> String {
    match noticed {
        None => format!("not noticed by {}", way.name()),
        Some(Noticed { suite, by }) => format!("noticed by {suite} ({})", by.join(", ")),
    }
}

/// Checks that what is to notice a mutant passes without it.
fn ensure_sound(
    scratch: &Scratch,
    mutant: &Mutant,
    way: Way,
    options: &Options,
    record: &mut Record,
) -> Result<()> {
    let of = match way {
        Way::Tests => mutant.package(),
        Way::Layer(_) => "all",
    };
    let name = format!("{} of {of}", way.name());
    if record.is_sound(&name, scratch) {
        return Ok(());
    }
    say!("{name}, without a mutant");
    let noticed = match way {
        Way::Tests => {
            let stages = tests::stages(mutant.package());
            tests::run(scratch, "without", &stages, options.jobs, limit(options))?
        }
        Way::Layer(_) => check(scratch, "without", None, way, options)?,
    };
    if let Some(noticed) = noticed {
        let log = scratch.log("without");
        bail!("without a mutant: {}; see {}", described(way, Some(&noticed)), log.display());
    }
    record.note_sound(&name, scratch)
}

fn limit(options: &Options) -> Duration {
    Duration::from_secs(options.timeout)
}

/// Makes a check of the scratch copy as it is, with the mutant in it if there is one.
fn check(
    scratch: &Scratch,
    name: &str,
    mutant: Option<&Mutant>,
    way: Way,
    options: &Options,
) -> Result<Option<Noticed>> {
    match (way, mutant) {
        (Way::Tests, Some(mutant)) => {
            tests::run(scratch, name, &tests::stages_of(mutant), options.jobs, limit(options))
        }
        (Way::Tests, None) => bail!("tests are those of a mutant's crate"),
        (Way::Layer(layer), mutant) => {
            let mut regress = scratch.xtask()?;
            regress.args(["regress", "--json", "--layer", layer.name()]);
            if let Some(mutant) = mutant.filter(|mutant| !mutant.methods.is_empty()) {
                regress.args(["--only", &mutant.methods.join(",")]);
            }
            let log = scratch.log(&format!("{name}-{}", layer.name()));
            let stderr = std::fs::File::create(&log)?;
            let output = regress.stdin(Stdio::null()).stderr(stderr).output();
            let output =
                output.with_context(|| format!("cannot start `{}`", process::line(&regress)))?;
            let suite = format!("the layer {}", layer.name());
            match output.status.code() {
                Some(0) => Ok(None),
                Some(1) => Ok(Some(Noticed { suite, by: Vec::new() })),
                _ => bail!(
                    "`{}` ended with {}; see {}",
                    process::line(&regress),
                    process::ending(output.status),
                    log.display()
                ),
            }
        }
    }
}
