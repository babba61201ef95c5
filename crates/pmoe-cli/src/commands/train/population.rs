//! `pmoe train --population`: runs that differ in their seeds, in lockstep.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Result;
use pmoe_algos::{Member, MethodConfig, Population, RunConfig, TrainingEnd};
use pmoe_envs::EnvSpec;
use pmoe_results::run::Provenance;
use pmoe_results::{Exit, methods};

use super::folder::default_folder;
use super::prepared::{Opened, Prepared};
use super::stop::Stop;
use super::write::{RunSink, Watched, finish};
use super::{Args, resolve};
use crate::config;
use crate::exit::BadInput;
use crate::machine;
use crate::progress::{Display, ProgressMode};
use crate::provenance::provenance;

/// The most runs in lockstep.
const MOST_RUNS: u64 = 1024;

/// The seeds of a population, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seeds(pub(super) Vec<u64>);

/// Parses a list of seeds and ranges of seeds, whose end is not one of them: `0,1,5`, `0..64`.
pub(super) fn seeds(text: &str) -> Result<Seeds, String> {
    let mut all = BTreeSet::new();
    for part in text.split(',') {
        let range = match part.split_once("..") {
            Some((first, end)) => config::seed(first)?..config::seed(end)?,
            None => config::seed(part).map(|seed| seed..seed + 1)?,
        };
        if range.is_empty() {
            return Err(format!("{part} is empty: a range ends before its second number"));
        }
        if MOST_RUNS < range.end - range.start {
            return Err(format!("a population has at most {MOST_RUNS} runs"));
        }
        for seed in range {
            if !all.insert(seed) {
                return Err(format!("seed {seed} is there twice"));
            }
        }
    }
    match all.len() as u64 {
        1 => Err("a population has at least two runs; `0..64` has 64".to_owned()),
        count if MOST_RUNS < count => Err(format!("a population has at most {MOST_RUNS} runs")),
        _ => Ok(Seeds(all.into_iter().collect())),
    }
}

/// Trains a run for each seed.
pub(super) fn train(args: &Args, seeds: &[u64]) -> Result<Exit> {
    let configs = seeds.iter().map(|seed| resolve(args, *seed)).collect::<Result<Vec<_>>>()?;
    let first = &configs[0];
    if !first.algo.goes_in_lockstep() {
        return Err(not_in_lockstep("--population", &first.method).into());
    }
    let folders: Vec<PathBuf> = configs
        .iter()
        .map(|config| match &args.out {
            Some(out) => out.join(format!("seed_{}", config.seed)),
            None => default_folder(config),
        })
        .collect();
    let device = first.device.open()?;
    let provenance = Provenance {
        population: Some(seeds.len()),
        ..provenance(first.device, &device, args.how.compute.threads)?
    };
    let memory = |spec: &EnvSpec| {
        let (runs, total_steps) = (configs.len() as u64, first.schedule.total_steps);
        machine::check_memory_of(runs, first, total_steps, spec)
    };

    let mut code = Exit::Done;
    let (mut prepared, mut left) = (Vec::new(), Vec::new());
    for (config, folder) in configs.iter().zip(&folders) {
        match Prepared::open(config, folder, &device, &provenance, &args.how, memory)? {
            Opened::Ready(ready) => {
                prepared.push(ready);
                left.push((config, folder));
            }
            Opened::Ended(Exit::Done) => {}
            Opened::Ended(ended) => code = ended,
        }
    }
    let Some(one) = prepared.first() else { return Ok(code) };
    say!("{} runs in lockstep; {}", prepared.len(), one.memory_line());
    args.how.compute.run(first.device, || {
        let stop = Stop::on_signals()?;
        let ends = run(args, &provenance, &left, &mut prepared, &stop)?;
        let mut errors = Vec::new();
        let mut is_interrupted = false;
        for (end, (_, folder)) in ends.into_iter().zip(&left) {
            match end {
                Ok(TrainingEnd::Done) => {}
                Ok(TrainingEnd::Interrupted) => is_interrupted = true,
                Err(error) => errors.push(error.context(folder.display().to_string())),
            }
        }
        if is_interrupted {
            say!("checkpoints written; the same command continues");
            return Ok(stop.exit());
        }
        // The first error says how the program ends.
        errors.iter().skip(1).for_each(|error| say!("error: {error:#}"));
        errors.into_iter().next().map_or(Ok(code), Err)
    })
}

/// Trains all runs and writes down how each ended.
fn run(
    args: &Args,
    provenance: &Provenance,
    left: &[(&RunConfig, &PathBuf)],
    prepared: &mut [Prepared<'_>],
    stop: &Stop<'_>,
) -> Result<Vec<Result<TrainingEnd>>> {
    let is_asked = || stop.is_asked();
    let mut trainings = Vec::new();
    let mut sinks = Vec::new();
    for (index, one) in prepared.iter_mut().enumerate() {
        let progress = one.restore(args.from.as_deref(), provenance)?;
        let (training, run_dir) = one.training(progress, &is_asked);
        // The first run stands for all: their steps are the same.
        let mode = if index == 0 { args.how.progress } else { ProgressMode::None };
        let display = Display::new(mode, left[index].0.schedule.total_steps);
        let watched = Watched { display, on_event: None, track: args.how.track };
        sinks.push(RunSink::begin(&training, provenance.clone(), run_dir, watched)?);
        trainings.push(training);
    }
    let members = trainings.into_iter().zip(&mut sinks);
    let members = members.map(|(training, sink)| Member { training, sink }).collect();
    let mut population = Population::new(members);
    let ends = population.run();
    let trainings = population.into_trainings();
    let all = trainings.iter().zip(ends).zip(&mut sinks).zip(left);
    Ok(all
        .map(|(((training, end), sink), (config, _))| finish(config, training, end, sink))
        .collect())
}

/// The error of an argument for a method that can't learn in lockstep.
pub(crate) fn not_in_lockstep(argument: &str, method: &str) -> BadInput {
    let names = methods::committed().iter().map(|(name, _)| *name);
    let goes =
        |name: &&str| MethodConfig::named(name).is_ok_and(|method| method.algo.goes_in_lockstep());
    let names: Vec<&str> = names.filter(goes).collect();
    BadInput(format!(
        "{argument} does not work with {method}, only with methods of the SAC family: {}",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_listed_or_in_ranges() {
        let parsed = |text| seeds(text).map(|Seeds(all)| all);
        assert_eq!(parsed("0,2,1"), Ok(vec![0, 1, 2]));
        assert_eq!(parsed("0..3"), Ok(vec![0, 1, 2]));
        assert_eq!(parsed("7,0..2,4..6"), Ok(vec![0, 1, 4, 5, 7]));
        assert_eq!(parsed("0..1024").map(|all| all.len()), Ok(1024));
        for (text, reason) in [
            ("", "whole number"),
            ("64", "at least two"),
            ("3..4", "at least two"),
            ("3..3", "empty"),
            ("5..3", "empty"),
            ("0..1025", "at most 1024"),
            ("0..1024,2000", "at most 1024"),
            ("0..2,1", "twice"),
            ("-1,2", "whole number"),
            ("0..=3", "whole number"),
        ] {
            let error = seeds(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
