//! Makes mistakes in the code, one at a time, and records what notices them.

mod list;
mod record;
mod report;
mod scratch;
mod tests;

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use pmoe_matrix::process;
use pmoe_results::Exit;

use self::list::Mutant;
use self::record::{Check, FILE, Noticed, Record};
use self::scratch::Scratch;
use crate::regress::Layer;

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
        scratch.mutated(mutant)?;
    }
    let mut missed = 0;
    for (index, mutant) in mutants.iter().enumerate() {
        let due =
            |way: &&Way| options.again || record.known(mutant, way.name(), &scratch.code).is_none();
        let due: Vec<Way> = ways.iter().filter(due).copied().collect();
        let place = format!("{} of {}, {}", index + 1, mutants.len(), mutant.name);
        if !due.is_empty()
            && let Err(error) = attempt(&scratch, mutant, &due, &place, options, record)
        {
            say!("{place}: {error:#}");
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

/// Tries a mutant and records how it went.
fn attempt(
    scratch: &Scratch,
    mutant: &Mutant,
    ways: &[Way],
    place: &str,
    options: &Options,
    record: &mut Record,
) -> Result<()> {
    let results = scratch.with(mutant, || {
        let mut results = Vec::with_capacity(ways.len());
        for &way in ways {
            let begun = Instant::now();
            let noticed = check(scratch, mutant, way, options)?;
            let seconds = (begun.elapsed().as_secs_f64() * 10.0).round() / 10.0;
            say!("{place}: {}, {seconds} s", described(way, noticed.as_ref()));
            let (commit, code) = (scratch.checkout.commit.clone(), scratch.code.clone());
            results.push((way, Check { commit, code, seconds, noticed }));
        }
        Ok(results)
    });
    // What failing tests left, such as the inputs that made them fail, which the tests of the next
    // mutant would try.
    scratch.checkout.clean()?;
    let results = results?;
    for (way, result) in results {
        if let Some(noticed) = &result.noticed {
            ensure_sound(scratch, way, noticed, options, record)?;
        }
        record.insert(mutant, way.name(), result)?;
    }
    Ok(())
}

fn described(way: Way, noticed: Option<&Noticed>) -> String {
    match noticed {
        None => format!("not noticed by {}", way.name()),
        Some(Noticed { suite, by }) => {
            let (first, more) = by.split_at(by.len().min(3));
            let more =
                if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            format!("noticed by {suite} ({}{more})", first.join(", "))
        }
    }
}

/// Checks, once for the same code, that what noticed a mutant passes without it.
fn ensure_sound(
    scratch: &Scratch,
    way: Way,
    noticed: &Noticed,
    options: &Options,
    record: &mut Record,
) -> Result<()> {
    let suite = &noticed.suite;
    if record.is_sound(suite, scratch) {
        return Ok(());
    }
    say!("{suite} without a mutant");
    let noticed = match way {
        Way::Tests => {
            let stage = tests::stage_of(suite).context("no such tests")?;
            tests::run(scratch, WITHOUT, &[stage], options.jobs, limit(options))?
        }
        Way::Layer(layer) => regress(scratch, WITHOUT, layer, &[])?,
    };
    if let Some(noticed) = noticed {
        let log = scratch.log(WITHOUT);
        bail!("without a mutant: {}; see {}", described(way, Some(&noticed)), log.display());
    }
    record.note_sound(suite, scratch)
}

/// The name of logs without a mutant.
const WITHOUT: &str = "without";

fn limit(options: &Options) -> Duration {
    Duration::from_secs(options.timeout)
}

/// Checks the scratch copy, with the mutant in it.
fn check(
    scratch: &Scratch,
    mutant: &Mutant,
    way: Way,
    options: &Options,
) -> Result<Option<Noticed>> {
    match way {
        Way::Tests => {
            let stages = tests::stages_of(mutant);
            tests::run(scratch, &mutant.name, &stages, options.jobs, limit(options))
        }
        Way::Layer(layer) => regress(scratch, &mutant.name, layer, &mutant.methods),
    }
}

/// What is of interest in the JSON document of a layer.
#[derive(serde::Deserialize)]
struct LayerOutcome {
    worse: Vec<String>,
}

/// Runs a layer of the regression gate for these methods, or for all of them.
fn regress(
    scratch: &Scratch,
    name: &str,
    layer: Layer,
    methods: &[String],
) -> Result<Option<Noticed>> {
    let mut regress = scratch.checkout.xtask()?;
    regress.args(["regress", "--json", "--layer", layer.name()]);
    if !methods.is_empty() {
        regress.args(["--only", &methods.join(",")]);
    }
    let log = scratch.log(&format!("{name}-{}", layer.name()));
    let output = regress.stdin(Stdio::null()).stderr(File::create(&log)?).output();
    let output = output.with_context(|| format!("cannot start `{}`", process::line(&regress)))?;
    match output.status.code() {
        Some(0) => Ok(None),
        Some(1) => {
            let outcomes: Vec<LayerOutcome> = serde_json::from_slice(&output.stdout)
                .with_context(|| format!("no verdict; see {}", log.display()))?;
            let by = outcomes.into_iter().flat_map(|outcome| outcome.worse).collect();
            Ok(Some(Noticed { suite: format!("layer {}", layer.name()), by }))
        }
        _ => {
            let (line, ending) = (process::line(&regress), process::ending(output.status));
            bail!("`{line}` ended with {ending}; see {}", log.display())
        }
    }
}
