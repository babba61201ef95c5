//! `pmoe package`: a run's policy as a folder for a hub of models.

mod card;
mod curve;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use pmoe_algos::seed::Stream;
use pmoe_envs::EnvError;
use pmoe_results::files::write_atomic;
use pmoe_results::number::{MOST_EPISODES, whole};
use pmoe_results::run::task_folder;
use pmoe_results::{Exit, Manifest, Run, RunDir};
use pmoe_stats::curve::final_return;
use pmoe_stats::{Bootstrap, Estimate};

use self::card::Card;
use crate::commands::policy::{self, LoadedPolicy, Streams};
use crate::commands::{export, render};
use crate::exit::{BadInput, cannot_write};

#[derive(clap::Args)]
#[command(after_help = "\
Example: pmoe package results/runs/pmoe-sac/Hopper-v4/seed_0 --out hopper

The folder holds policy.safetensors, config.toml, README.md with the card of the model, a learning curve and a clip.
`pmoe evaluate hopper` and Python's `pmoe.load(\"hopper\")` read it.")]
pub(crate) struct Args {
    /// Run folder. Of a run that is under way, the newest checkpoint counts.
    run: PathBuf,
    /// Folder to write, which must not exist or be empty [default: METHOD-TASK].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Further folders of runs whose seeds belong to the evaluation; those beside RUN are found.
    #[arg(long, value_name = "RUN", num_args = 1..)]
    seeds: Vec<PathBuf>,
    /// Episodes to play.
    #[arg(long, default_value_t = 100, allow_negative_numbers = true, value_parser = whole::<u32>(1..=MOST_EPISODES))]
    episodes: u32,
    /// Licence of the policy, as hubs name it.
    #[arg(long, default_value = "mit", value_parser = license)]
    license: String,
    /// Leave out the clip, which takes a graphics device.
    #[arg(long)]
    no_clip: bool,
}

impl Args {
    /// The arguments for a run and its folder, all else by default.
    pub(super) fn of(run: PathBuf, out: PathBuf) -> Self {
        let (seeds, episodes, license) = (Vec::new(), 100, "mit".to_owned());
        Self { run, out: Some(out), seeds, episodes, license, no_clip: false }
    }
}

pub(crate) fn package(args: Args) -> Result<Exit> {
    let run = Run::read(&args.run)?;
    let Manifest { method, task, .. } = &run.manifest;
    let out = args.out.clone();
    let out = out.unwrap_or_else(|| format!("{method}-{}", task_folder(task)).into());
    check_free(&out)?;
    let seeds = seeds(&run, &args.seeds)?;
    // All or nothing: the folder gets its name when it is whole.
    let partial = partial(&out)?;
    fs::create_dir(&partial).map_err(|error| cannot_write(&out, error))?;
    let written = fill(&partial, &args, &run, &seeds)
        .and_then(|()| fs::rename(&partial, &out).map_err(|error| cannot_write(&out, error)));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_dir_all(&partial);
    }
    written?;
    say!("{} written, with {} of this method and task", out.display(), counted(seeds.len()));
    Ok(Exit::Done)
}

fn counted(seeds: usize) -> String {
    format!("{seeds} seed{}", if seeds == 1 { "" } else { "s" })
}

/// Writes everything into an empty folder.
fn fill(folder: &Path, args: &Args, run: &Run, seeds: &[Run]) -> Result<()> {
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        write_atomic(&path, bytes).map_err(|error| cannot_write(&path, error))
    };
    write(RunDir::CONFIG, &fs::read(args.run.join(RunDir::CONFIG))?)?;
    export::policy_into(&args.run, &folder.join(RunDir::POLICY))?;
    write(curve::FILE, &curve::png(run, seeds)?)?;

    let LoadedPolicy { config, env_step, .. } = policy::load(folder)?;
    let streams = Streams { seed: 0, stream: Stream::Evaluate, first: 0 };
    let played = policy::play(folder, &config, args.episodes, 0.0, streams, 1)?;
    let clip = if args.no_clip { None } else { clip(&args.run, folder)? };
    let card = Card {
        run,
        config: &config,
        env_step,
        final_returns: final_returns(seeds),
        played: &played,
        clip,
        license: &args.license,
    };
    write("README.md", card.markdown().as_bytes())
}

/// Takes the run's own clip or draws an episode, and returns the name of the clip; none without a graphics device.
fn clip(run: &Path, folder: &Path) -> Result<Option<&'static str>> {
    const CLIP: &str = "replay.gif";
    const FILM: &str = "replay.mp4";
    let own = run.join(RunDir::CLIP);
    if own.is_file() {
        let path = folder.join(FILM);
        fs::copy(&own, &path).map_err(|error| cannot_write(&path, error))?;
        return Ok(Some(FILM));
    }
    let path = folder.join(CLIP);
    match render::clip(run, &path) {
        Err(error) if error.downcast_ref().is_some_and(has_no_graphics) => {
            say!("warning: no clip: {error}");
            return Ok(None);
        }
        drawn => drawn?,
    }
    // Hubs show a film; the clip is for other readers.
    let mut film = Command::new("ffmpeg");
    film.args(["-v", "error", "-nostdin", "-i"]).arg(&path);
    film.args(["-pix_fmt", "yuv420p", "-movflags", "+faststart"]).arg(folder.join(FILM));
    match film.output() {
        Ok(done) if done.status.success() => {}
        Ok(done) => {
            let _ = fs::remove_file(folder.join(FILM));
            say!("warning: no {FILM}: {}", String::from_utf8_lossy(&done.stderr).trim_end());
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            say!("no {FILM}: ffmpeg is not installed");
        }
        Err(error) => say!("warning: no {FILM}: {error}"),
    }
    Ok(Some(CLIP))
}

fn has_no_graphics(error: &EnvError) -> bool {
    matches!(error, EnvError::Render { .. } | EnvError::MissingFeature { .. })
}

/// The mean over the finished seeds of their final returns; none if no run has got there.
fn final_returns(seeds: &[Run]) -> Option<Estimate> {
    let of = |run: &Run| final_return(&run.eval_curve(), run.manifest.total_steps);
    let whole = seeds.iter().filter(|run| run.is_whole());
    Estimate::mean(whole.filter_map(of).collect(), &Bootstrap::STANDARD)
}

/// Returns the runs that differ from `run` by their seeds alone, itself first, then by seed: the finished ones beside
/// it, and of those that were named.
fn seeds(run: &Run, named: &[PathBuf]) -> Result<Vec<Run>> {
    let mut found = Vec::new();
    for path in named {
        let other = Run::read(path)?;
        if !differ_by_seed(run, &other) {
            let message = format!(
                "{} is no other seed of {}: method, task or settings differ",
                path.display(),
                run.path.display()
            );
            return Err(BadInput(message).into());
        }
        if other.is_whole() {
            found.push(other);
        } else {
            say!("{} is left out: it is not finished", path.display());
        }
    }
    let here = run.path.canonicalize()?;
    if let Some(parent) = here.parent() {
        let folders =
            fs::read_dir(parent).with_context(|| format!("cannot list {}", parent.display()))?;
        for folder in folders {
            let folder = folder?.path();
            // A folder that is no run, or a broken one, is not the question.
            let of_this_method = |manifest: &Manifest| {
                let Manifest { method, task, .. } = &run.manifest;
                (&manifest.method, &manifest.task) == (method, task)
            };
            if !Manifest::read(&folder).is_ok_and(|manifest| of_this_method(&manifest)) {
                continue;
            }
            found.extend(
                Run::read(&folder)
                    .ok()
                    .filter(|other| other.is_whole() && differ_by_seed(run, other)),
            );
        }
    }
    found.sort_by_key(|other| other.manifest.seed);
    found.dedup_by_key(|other| other.manifest.seed);
    found.retain(|other| other.manifest.seed != run.manifest.seed);
    Ok([vec![run.clone()], found].concat())
}

/// Whether two runs have the same settings except for the seed.
fn differ_by_seed(run: &Run, other: &Run) -> bool {
    let without_seed = |run: &Run| {
        let mut config = run.config.clone();
        config.remove("seed");
        config
    };
    without_seed(run) == without_seed(other)
}

/// Refuses a folder with files.
fn check_free(out: &Path) -> Result<()> {
    let message = match fs::read_dir(out).map(Iterator::count) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(0) => return Ok(()),
        Ok(_) => format!("{} is not empty; choose another folder with --out", out.display()),
        Err(error) => format!("cannot write {}: {error}", out.display()),
    };
    Err(BadInput(message).into())
}

/// Where the folder is made, beside its place.
fn partial(out: &Path) -> Result<PathBuf> {
    let name = out.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| BadInput(format!("{} is no name of a folder", out.display())))?;
    Ok(out.with_file_name(format!(".{name}.{}", std::process::id())))
}

/// Checks a licence's name: letters, digits, dots and hyphens, as hubs have them.
fn license(name: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || ".-".contains(letter);
    match !name.is_empty() && name.len() <= 40 && name.chars().all(is_plain) {
        true => Ok(name.to_owned()),
        false => {
            Err("a licence is named by letters, digits, dots and hyphens, such as `mit`".to_owned())
        }
    }
}
