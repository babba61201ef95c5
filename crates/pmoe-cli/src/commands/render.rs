//! `pmoe render` and `pmoe env render`: pictures and clips.

mod clip;

use std::path::{Path, PathBuf};

use anyhow::Result;
use pmoe_algos::seed::{Stream, stream};
use pmoe_algos::{Agent, Mode};
use pmoe_core::noise;
use pmoe_envs::{
    Env, EnvConfig, EnvError, Frame, RescaleAction, Rng, TargetReaching, TaskId, TimeLimit,
    action_to_f64, obs_to_f32,
};
#[cfg(feature = "render")]
use pmoe_envs::{MujocoEnv, mujoco::Renderer};
use pmoe_results::Exit;
use pmoe_results::number::{grouped, whole};

use self::clip::{Clip, Gif, Mp4};
use super::policy;
use crate::config;
use crate::exit::{BadInput, cannot_write};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pmoe render results/runs/pmoe-sac/Hopper-v4/seed_0 --output hopper.gif
  pmoe render results/runs/pmoe-sac/Hopper-v4/seed_0 --output hopper.mp4
  pmoe render results/runs/sac/Ant-v4/seed_0 --output ant.png --steps 100 --width 1280 --height 960")]
pub(crate) struct Args {
    /// Run folder.
    run: PathBuf,
    #[command(flatten)]
    picture: Picture,
}

/// What to draw, and the output file.
#[derive(clap::Args)]
pub(crate) struct Picture {
    /// File to write: .png for the state after the last step, .gif or .mp4 for a clip of all steps;
    /// .mp4 takes the program ffmpeg.
    #[arg(long)]
    output: PathBuf,
    /// Number of steps; the end of the episode stops it earlier.
    #[arg(long, default_value_t = 200, allow_negative_numbers = true, value_parser = whole::<u32>(1..=100_000))]
    steps: u32,
    /// Seed of the reset, noise and actions.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = config::seed)]
    seed: u64,
    /// Width in pixels; target-reaching is drawn as a square of this width.
    #[arg(long, default_value_t = 480, allow_negative_numbers = true, value_parser = whole::<u16>(16..=4096))]
    width: u16,
    /// Height in pixels.
    #[arg(long, default_value_t = 480, allow_negative_numbers = true, value_parser = whole::<u16>(16..=4096))]
    height: u16,
    /// How much an .mp4 may differ from what was drawn, as x264 counts: 23 is usual, 32 plain but clear.
    #[arg(skip = 23)]
    loss: u8,
}

/// Draws an episode of a run's policy.
pub(crate) fn run(args: &Args) -> Result<Exit> {
    say!("{}", draw(&args.run, &args.picture)?);
    Ok(Exit::Done)
}

/// Draws the clip of an episode of a run's policy.
#[cfg(feature = "experiments")]
pub(super) fn clip(run: &Path, output: &Path) -> Result<()> {
    let (steps, seed, width, height, loss) = (500, 0, 480, 480, 23);
    let picture = Picture { output: output.to_owned(), steps, seed, width, height, loss };
    draw(run, &picture).map(drop)
}

/// Draws the first four seconds of an episode, small enough for a page with many clips.
#[cfg(feature = "experiments")]
pub(super) fn small_clip(run: &Path, output: &Path) -> Result<()> {
    let config = policy::read_config(run)?;
    let dt_seconds = pmoe_envs::make_bare(&config.task, &config.env)?.spec().dt_seconds;
    let steps = (4.0 / dt_seconds).clamp(1.0, 1000.0) as u32;
    let (seed, width, height, loss) = (0, 200, 200, 32);
    let picture = Picture { output: output.to_owned(), steps, seed, width, height, loss };
    draw(run, &picture).map(drop)
}

/// Draws an episode of a run's policy and says what was drawn.
fn draw(run: &Path, picture: &Picture) -> Result<String> {
    let config = policy::read_config(run)?;
    let mut stage = Stage::new(&config.task, &config.env, picture)?;
    let agent = policy::restore(&config, run, stage.env().spec())?;
    let mut seen = vec![0.0; stage.env().spec().obs_dim];
    let mut memory = <_>::default();
    stage.play(picture, |obs, action, rng| {
        obs_to_f32(obs, &mut seen);
        Ok(agent.act(&mut memory, &seen, Mode::Evaluate, rng, action)?)
    })
}

/// Draws an episode of uniformly random actions.
pub(super) fn random(task: &str, picture: &Picture) -> Result<Exit> {
    let task = config::task(task)?;
    let mut stage = Stage::new(&task, &task.config()?, picture)?;
    let drawn = stage.play(picture, |_, action, rng| {
        noise::fill_uniform(action, rng);
        Ok(())
    })?;
    say!("{drawn}");
    Ok(Exit::Done)
}

/// A task with its renderer.
enum Stage {
    #[cfg(feature = "render")]
    Mujoco(Box<TimeLimit<RescaleAction<MujocoEnv>>>, Box<Renderer>),
    Reaching {
        env: Box<TimeLimit<RescaleAction<TargetReaching>>>,
        size: usize,
        trail: Vec<[f64; 2]>,
    },
}

impl Stage {
    fn new(task: &TaskId, config: &EnvConfig, picture: &Picture) -> Result<Self> {
        let Some(limit) = config.max_episode_steps() else {
            let message = format!(
                "{task} draws itself, in Python: \
                 gymnasium.make(…, render_mode=\"rgb_array\") and the actions of pmoe.load(RUN)"
            );
            return Err(BadInput(message).into());
        };
        let (width, height) = (usize::from(picture.width), usize::from(picture.height));
        if let EnvConfig::TargetReaching(config) = config {
            let env = TargetReaching::new(&task.to_string(), config.clone())?;
            let env = Box::new(TimeLimit::new(RescaleAction::new(env), limit));
            return Ok(Self::Reaching { env, size: width, trail: Vec::new() });
        }
        #[cfg(feature = "render")]
        {
            let env = pmoe_envs::make_mujoco_with(task, config)?;
            let renderer = Renderer::new(&env, width, height)?;
            let env = TimeLimit::new(RescaleAction::new(env), limit);
            Ok(Self::Mujoco(Box::new(env), Box::new(renderer)))
        }
        #[cfg(not(feature = "render"))]
        {
            let (_, task) = (height, task.to_string());
            Err(EnvError::MissingFeature { task, feature: "render" }.into())
        }
    }

    fn env(&mut self) -> &mut dyn Env {
        match self {
            #[cfg(feature = "render")]
            Self::Mujoco(env, _) => &mut **env,
            Self::Reaching { env, .. } => &mut **env,
        }
    }

    /// Draws the current state.
    fn frame(&mut self) -> Result<Frame, EnvError> {
        match self {
            #[cfg(feature = "render")]
            Self::Mujoco(env, renderer) => renderer.frame(env.inner().inner()),
            Self::Reaching { env, size, trail } => Ok(env.inner().inner().draw(*size, trail)),
        }
    }

    /// Plays an episode, writes the picture or clip and says what it shows.
    fn play(
        &mut self,
        picture: &Picture,
        mut policy: impl FnMut(&[f64], &mut [f32], &mut Rng) -> Result<()>,
    ) -> Result<String> {
        let kind = Kind::of(&picture.output)?;
        let mut rng = stream(picture.seed, Stream::Evaluate);
        let spec = self.env().spec().clone();
        let mut obs = vec![0.0; spec.obs_dim];
        let mut action = vec![0.0_f32; spec.action_dim()];
        let mut env_action = vec![0.0; action.len()];
        self.env().reset(&mut rng, &mut obs)?;
        self.leave_trail();
        // About 25 pictures per second, as viewers expect.
        let stride = (0.04 / spec.dt_seconds).round().max(1.0) as u32;
        let seconds = f64::from(stride) * spec.dt_seconds;
        let mut clip = match kind {
            Kind::Png => None,
            Kind::Gif => {
                check_clip(picture, stride)?;
                Some(Clip::Gif(Gif::new(&self.frame()?, seconds)?))
            }
            Kind::Mp4 => Some(Clip::Mp4(Mp4::new(&self.frame()?, seconds, picture.loss)?)),
        };
        let mut drawn = 0;
        for step in 1..=picture.steps {
            policy(&obs, &mut action, &mut rng)?;
            action_to_f64(&action, &mut env_action);
            let taken = self.env().step(&env_action, &mut obs)?;
            self.leave_trail();
            let is_last = step == picture.steps || taken.terminated || taken.truncated;
            if let Some(clip) = &mut clip
                && (is_last || step % stride == 0)
            {
                clip.add(&self.frame()?)?;
            }
            drawn = step;
            if is_last {
                break;
            }
        }
        let bytes = match clip {
            None => png_bytes(&self.frame()?)?,
            Some(clip) => clip.finish()?,
        };
        pmoe_results::files::write_atomic(&picture.output, &bytes)
            .map_err(|error| cannot_write(&picture.output, error))?;
        let what = match kind {
            Kind::Png => "the state after",
            Kind::Gif | Kind::Mp4 => "an episode of",
        };
        Ok(format!("{}: {what} {drawn} steps", picture.output.display()))
    }

    fn leave_trail(&mut self) {
        match self {
            #[cfg(feature = "render")]
            Self::Mujoco(..) => {}
            Self::Reaching { env, trail, .. } => trail.push(env.inner().inner().position()),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Png,
    Gif,
    Mp4,
}

impl Kind {
    fn of(output: &Path) -> Result<Self> {
        match output.extension().and_then(|extension| extension.to_str()) {
            Some("png") => Ok(Self::Png),
            Some("gif") => Ok(Self::Gif),
            Some("mp4") => Ok(Self::Mp4),
            _ => {
                let output = output.display();
                let message = format!("--output is {output}, but must end in .png, .gif or .mp4");
                Err(BadInput(message).into())
            }
        }
    }
}

fn png_bytes(frame: &Frame) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, frame.width as u32, frame.height as u32);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&frame.rgb)?;
    writer.finish()?;
    Ok(bytes)
}

/// The most pixels of a GIF, which is held in memory until it is written.
const MOST_PIXELS: u64 = 5_000_000_000;

/// Returns an error if a GIF has too many pixels in all.
fn check_clip(picture: &Picture, stride: u32) -> Result<()> {
    let Picture { steps, width, height, .. } = *picture;
    let pictures = u64::from(steps / stride) + 2;
    let pixels = pictures * u64::from(width) * u64::from(height);
    if pixels <= MOST_PIXELS {
        return Ok(());
    }
    let message = format!(
        "--steps {steps} gives {pictures} pictures of {width} x {height} pixels, {} in total, but a GIF has at most {}; use fewer steps, smaller pictures or an .mp4",
        grouped(pixels),
        grouped(MOST_PIXELS)
    );
    Err(BadInput(message).into())
}
