//! `pmoe analyze`: analyses of a finished run, beyond its learning curve.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use pmoe_algos::RunConfig;
use pmoe_envs::reaching::{Disc, Layout, Touched};
use pmoe_envs::{EnvConfig, RescaleAction, TargetReaching, TimeLimit};
use pmoe_results::analysis::{Analysis, AnalysisFile, AnalysisSettings, Arena, Circle, EpisodeEnd};
use pmoe_results::number::grouped;
use pmoe_results::settings::parse_setting;
use pmoe_results::text::nearest;
use pmoe_results::{AnalysisKind, Exit, Run, Status};
use serde::Serialize;
use toml::Table;

use super::{policy, print_json, print_line};
use crate::config::{ComputeArgs, of_set};
use crate::exit::BadInput;
use crate::progress::Work;

mod exploration;
mod gait;
mod primitives;
mod robustness;
mod trajectories;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pmoe analyze results/paper/fig3/pmoe-sac/TargetReachingFixed-v0/seed_0 --kind trajectories
  pmoe analyze runs/hopper --kind robustness --set obs_noise=[0,0.2] --set episodes=20 --json

The result is RUN/analysis/KIND.json; a result with the same settings is left alone.
Settings and their values: configs/analyses.toml. The full t-SNE of `primitives` takes minutes.")]
pub(crate) struct Args {
    /// Folder of a finished run.
    run: PathBuf,
    /// What to measure.
    #[arg(long, value_parser = Kinds)]
    kind: AnalysisKind,
    /// Override a setting, e.g. `rollouts=20`.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    compute: ComputeArgs,
    /// Print one JSON document on stdout.
    #[arg(long)]
    json: bool,
}

/// Parses the name of a kind, and suggests one for a word about it, such as `tsne`.
#[derive(Clone)]
struct Kinds;

impl TypedValueParser for Kinds {
    type Value = AnalysisKind;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<AnalysisKind, clap::Error> {
        let names = PossibleValuesParser::new(AnalysisKind::ALL.map(AnalysisKind::name));
        let parser = names.try_map(|name| name.parse::<AnalysisKind>());
        parser.parse_ref(command, arg, value).map_err(|mut error| {
            if error.get(ContextKind::SuggestedValue).is_none()
                && let Some(kind) = meant(&value.to_string_lossy())
            {
                let name = ContextValue::String(kind.name().to_owned());
                error.insert(ContextKind::SuggestedValue, name);
            }
            error
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let value = |kind: AnalysisKind| PossibleValue::new(kind.name()).help(kind.about());
        Some(Box::new(AnalysisKind::ALL.into_iter().map(value)))
    }
}

/// Returns the kind whose description has a word like this one; hyphens make no difference.
fn meant(word: &str) -> Option<AnalysisKind> {
    let plain = |text: &str| text.replace('-', "");
    AnalysisKind::ALL.into_iter().find(|kind| {
        let about = plain(kind.about());
        let words = about.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 3);
        nearest(&plain(word), words).is_some()
    })
}

#[derive(Serialize)]
struct Summary<'a> {
    #[serde(serialize_with = "pmoe_results::text::path_text")]
    run: &'a Path,
    kind: AnalysisKind,
    measures: Table,
}

pub(crate) fn analyze(args: Args) -> Result<Exit> {
    let settings = settings(args.kind, &args.set)?;
    // Keeps other processes from training or analyzing this run meanwhile.
    let run_dir = policy::lock(&args.run)?;
    let run = Run::read(&args.run)?;
    let (Status::Done, Some(events)) = (&run.manifest.status, &run.manifest.events_blake3) else {
        return Err(BadInput(format!("{} is not finished", args.run.display())).into());
    };
    // An unreadable file is replaced.
    let there = AnalysisFile::read(&args.run, args.kind).ok().flatten();
    let analysis = match there.filter(|file| file.is_of(events, &settings)) {
        Some(file) => {
            say!("{} is up to date", args.run.join(args.kind.file()).display());
            file.analysis
        }
        None => {
            let config = policy::read_config(&args.run)?;
            let mut work = Work::new();
            let look = || look(&run, &config, &settings, &mut work);
            let analysis = args.compute.run(config.device, look)?;
            let file = AnalysisFile {
                schema: AnalysisFile::SCHEMA,
                commit: env!("PMOE_COMMIT").to_owned(),
                dirty: env!("PMOE_DIRTY") == "true",
                events_blake3: events.clone(),
                analysis,
            };
            drop(work);
            run_dir.check()?;
            file.write(&args.run)?;
            say!("result: {}", args.run.join(args.kind.file()).display());
            file.analysis
        }
    };
    let measures = analysis.measures();
    if args.json {
        let measures = measures.into_iter().map(|(name, value)| (name.to_string(), value.into()));
        print_json(&Summary { run: &args.run, kind: args.kind, measures: measures.collect() })?;
    } else {
        for (quantity, value) in measures {
            print_line(&format!("{}: {value:.4}", quantity.label()))?;
        }
    }
    Ok(Exit::Done)
}

/// Returns the committed settings, overridden by those of the command line.
fn settings(kind: AnalysisKind, set: &[String]) -> Result<AnalysisSettings> {
    let mut table = Table::new();
    for setting in set {
        let (key, value) = parse_setting(setting).map_err(of_set)?;
        table.insert(key.to_owned(), value);
    }
    Ok(AnalysisSettings::resolve(kind, &[&table], "--set")?)
}

fn look(
    run: &Run,
    config: &RunConfig,
    settings: &AnalysisSettings,
    work: &mut Work,
) -> Result<Analysis> {
    let path = &run.path;
    Ok(match settings {
        AnalysisSettings::Trajectories(of) => trajectories::look(path, config, *of, work)?.into(),
        AnalysisSettings::Exploration(of) => exploration::look(run, config, *of, work)?.into(),
        AnalysisSettings::Primitives(of) => primitives::look(path, config, of, work)?.into(),
        AnalysisSettings::Gait(of) => gait::look(path, config, *of, work)?.into(),
        AnalysisSettings::Robustness(of) => robustness::look(path, config, of, work)?.into(),
    })
}

/// The use of a random stream in an analysis. Add new ones at the end: the position is the number of
/// the stream.
#[derive(Clone, Copy)]
enum Purpose {
    Trajectories,
    Primitives,
    ClusterShown,
    Gait,
    Robustness,
}

impl Purpose {
    /// Index of the first of a million sub-streams of
    /// [`Stream::Analyze`](pmoe_algos::seed::Stream::Analyze).
    fn stream(self) -> u64 {
        self as u64 * 1_000_000
    }
}

/// The largest number of items that an analysis may hold in memory.
const MOST_HELD: u64 = 100_000_000;

/// Returns an error if an analysis would hold too much in memory. `setting` is the setting
/// responsible, `held` the number of items, and `what` their name in the message.
fn check_size(setting: &str, held: u64, what: &str) -> Result<()> {
    if held <= MOST_HELD {
        return Ok(());
    }
    let [held, most] = [held, MOST_HELD].map(grouped);
    let message =
        format!("`{setting}` is too large: it takes {held} {what}, but at most {most} are allowed");
    Err(BadInput(message).into())
}

/// Target-reaching with access to its inner state.
type ReachingEnv = TimeLimit<RescaleAction<TargetReaching>>;

/// Creates the target-reaching task of a run.
fn reaching(config: &RunConfig, kind: AnalysisKind) -> Result<ReachingEnv> {
    let EnvConfig::TargetReaching(reaching) = &config.env else {
        let message =
            format!("the analysis `{kind}` is for target-reaching tasks, not {}", config.task);
        return Err(BadInput(message).into());
    };
    let env = TargetReaching::new(&config.task.to_string(), reaching.clone())?;
    Ok(TimeLimit::new(RescaleAction::new(env), reaching.max_episode_steps))
}

/// Returns the layout of the arena. Target and obstacles are included only if every episode shares
/// them.
fn arena(env: &TargetReaching) -> Arena {
    let config = env.config();
    let (target, obstacles) = match &config.layout {
        Layout::Fixed { target, obstacles } => {
            let target = Circle { center: *target, radius: config.target_radius };
            let obstacle = |of: &Disc| Circle { center: of.center, radius: of.radius };
            (Some(target), obstacles.iter().map(obstacle).collect())
        }
        Layout::Random(_) => (None, Vec::new()),
    };
    Arena {
        half_extent: config.half_extent,
        start: config.start,
        target,
        obstacles,
        region: config.region,
    }
}

/// Returns how the episode whose last step is `last` ended.
fn outcome(env: &TargetReaching, last: &pmoe_envs::Step) -> EpisodeEnd {
    match env.touched() {
        Some(Touched::Target) => EpisodeEnd::Reached,
        // Where collisions don't end episodes, this one reached its time limit at the step of a
        // collision.
        Some(_) if !last.terminated => EpisodeEnd::TimeLimit,
        Some(Touched::Obstacle) => EpisodeEnd::Obstacle,
        Some(Touched::Edge) => EpisodeEnd::Edge,
        None => EpisodeEnd::TimeLimit,
    }
}

/// Rounds to `digits` decimal places, which keeps files small. Measures use the rounded values, so
/// they can be recomputed from the file.
fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    // Adding 0.0 turns -0.0 into 0.0.
    (value * scale).round() / scale + 0.0
}

fn millimetres(point: [f64; 2]) -> [f64; 2] {
    point.map(|x| rounded(x, 3))
}
