//! Tasks from a model file and the TOML file next to it (`mjcf:FILE`).

use std::fs;
use std::path::{self, Path, PathBuf};

use super::numeric::{weighted_clipped_square_sum, weighted_square_sum};
use super::sim::{Sim, model_blake3, model_error};
use super::{Measure, MujocoEnv, Reward, RewardTerms, Rules, StepOutcome};
use crate::env::EnvError;
use crate::mjcf::{self, Axis, Coordinate, KEYS, MjcfConfig};

/// The largest settings file (bytes).
const MOST_BYTES: u64 = 1 << 20;

/// Reads the settings next to a model file and checks them, also against the model.
///
/// # Errors
/// If a setting is invalid; the error names the file, the key, the value and the allowed values.
pub(crate) fn read(model: &str) -> Result<MjcfConfig, EnvError> {
    let found = hash(model)?;
    let path = Path::new(model).with_extension("toml");
    let mut config = parse(&path)?;
    let in_file = |error: EnvError| match error {
        EnvError::Config { key, value, allowed } => {
            let key = key.strip_prefix(KEYS).map(str::to_owned).unwrap_or(key);
            let source = Box::new(EnvError::Config { key, value, allowed });
            EnvError::InFile { path: path.display().to_string(), source }
        }
        // The error already names the model file.
        error => error,
    };
    config.validate().map_err(in_file)?;
    env(model, model, &config).map_err(in_file)?;
    config.model_blake3.get_or_insert(found);
    Ok(config)
}

fn parse(path: &Path) -> Result<MjcfConfig, EnvError> {
    let fault = |reason: String| EnvError::TaskFile { path: path.display().to_string(), reason };
    let facts = fs::metadata(path).map_err(|error| fault(error.to_string()))?;
    if !facts.is_file() || facts.len() > MOST_BYTES {
        return Err(fault(format!("it is not a regular file of at most {MOST_BYTES} bytes")));
    }
    let text = fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    let table: toml::Table =
        text.parse().map_err(|error| fault(format!("it is not valid TOML: {error}")))?;
    serde_path_to_error::deserialize(table).map_err(|error| {
        let (key, message) = (error.path().to_string(), error.inner().message());
        let message = ["expected u32", "expected usize"]
            .iter()
            .fold(message.to_owned(), |text, kind| text.replace(kind, "expected a whole number"));
        fault(format!("at `{key}`: {}", message.replace("expected f64", "expected a number")))
    })
}

/// Creates the task of a model file with these settings, named `id`.
///
/// # Errors
/// If the model can't be loaded, is not the one that the settings were written for, or lacks
/// something they name.
pub(crate) fn env(id: &str, model: &str, config: &MjcfConfig) -> Result<MujocoEnv, EnvError> {
    if let Some(expected) = &config.model_blake3 {
        let found = hash(model)?;
        if found != *expected {
            let (path, expected) = (model.to_owned(), expected.clone());
            return Err(EnvError::ModelChanged { path, expected, found });
        }
    }
    let path = absolute(model)?;
    let sim = Sim::load(&path)?;
    let rules = rules(config, path, &sim)?;
    MujocoEnv::with_sim(id, rules, sim)
}

fn hash(model: &str) -> Result<String, EnvError> {
    model_blake3(&absolute(model)?).map_err(|reason| model_error(Path::new(model), reason))
}

/// Resolves a path against the working directory, like all paths from users; [`Rules::model`] is
/// relative to the model folder instead.
fn absolute(model: &str) -> Result<PathBuf, EnvError> {
    path::absolute(model).map_err(|error| model_error(Path::new(model), error))
}

/// Location of a quantity in the simulation's arrays.
#[derive(Clone, Copy)]
enum Place {
    Qpos(usize),
    Body(usize, usize),
}

impl Place {
    /// Looks up the names in the model; `key` is the table that they come from.
    fn new(key: &str, coordinate: Coordinate<'_>, sim: &Sim) -> Result<Self, EnvError> {
        let unknown = |kind: &str, name: &str, known: &[String]| {
            let allowed = match known {
                [] => format!("absent: no {kind} of the model has a name"),
                known => format!("a {kind} of the model: {}", known.join(", ")),
            };
            mjcf::error(&format!("{key}.{kind}"), format!("`{name}`"), &allowed)
        };
        let joint =
            |name: &str| sim.joint(name).ok_or_else(|| unknown("joint", name, &sim.joint_names()));
        match coordinate {
            Coordinate::Joint(name) => {
                let joint = joint(name)?;
                if joint.is_scalar {
                    return Ok(Self::Qpos(joint.qpos));
                }
                let allowed = "a slide or hinge joint, or a free joint with `axis`";
                Err(mjcf::error(&format!("{key}.joint"), format!("`{name}`"), allowed))
            }
            Coordinate::FreeJoint(name, axis) => {
                let joint = joint(name)?;
                if joint.is_free {
                    return Ok(Self::Qpos(joint.qpos + index(axis)));
                }
                let allowed = "absent: only free joints and bodies need it";
                Err(mjcf::error(&format!("{key}.axis"), "set", allowed))
            }
            Coordinate::Body(name, axis) => {
                let names = sim.body_names();
                let body = names.iter().position(|known| known.as_deref() == Some(name));
                let names: Vec<_> = names.into_iter().flatten().collect();
                body.map(|body| Self::Body(body, index(axis)))
                    .ok_or_else(|| unknown("body", name, &names))
            }
        }
    }

    fn value(self, sim: &Sim) -> f64 {
        match self {
            Self::Qpos(index) => sim.qpos()[index],
            Self::Body(body, axis) => sim.body_positions()[body][axis],
        }
    }
}

fn index(axis: Axis) -> usize {
    match axis {
        Axis::X => 0,
        Axis::Y => 1,
        Axis::Z => 2,
    }
}

fn rules(config: &MjcfConfig, model: PathBuf, sim: &Sim) -> Result<Rules, EnvError> {
    let MjcfConfig { observation, reward, termination, .. } = config;
    let forward = reward.forward.as_ref();
    let moving = forward
        .map(|forward| Place::new("reward.forward", forward.coordinate()?, sim))
        .transpose()?;
    Ok(Rules {
        model,
        frame_skip: config.frame_skip,
        obs_dim: obs_dim(config, sim)?,
        reset: config.reset,
        contact_forces: observation.contact_forces.is_some() || reward.contact_cost.is_some(),
        when_unstable: termination.when_unstable,
        position: Box::new(move |sim| moving.map_or(0.0, |place| place.value(sim))),
        is_healthy: is_healthy(config, sim)?,
        reward: {
            let reward = reward.clone();
            Box::new(move |outcome| pay(&reward, outcome))
        },
        observe: {
            let observation = observation.clone();
            Box::new(move |sim, obs| observe(&observation, sim, obs))
        },
    })
}

/// Number of values of a body's torque and force.
const WRENCH: usize = 6;

fn obs_dim(config: &MjcfConfig, sim: &Sim) -> Result<usize, EnvError> {
    let observation = &config.observation;
    let [positions, velocities, _, bodies] = sim.dimensions();
    check_skip("observation.skip_qpos", observation.skip_qpos, positions)?;
    let forces = observation.contact_forces.as_ref().map_or(0, |_| WRENCH * (bodies - 1));
    let dim = positions - observation.skip_qpos + velocities + forces;
    if dim == 0 {
        return Err(mjcf::error(
            "observation",
            "empty",
            "at least one value, so the model needs a joint",
        ));
    }
    Ok(dim)
}

fn check_skip(key: &str, skip: usize, positions: usize) -> Result<(), EnvError> {
    if skip <= positions {
        return Ok(());
    }
    let allowed = format!("at most {positions}, the model's number of positions");
    Err(mjcf::error(key, skip, &allowed))
}

fn is_healthy(config: &MjcfConfig, sim: &Sim) -> Result<Measure<bool>, EnvError> {
    let termination = &config.termination;
    let mut ranges = Vec::with_capacity(termination.healthy.len());
    for (key, healthy) in termination.keyed_ranges() {
        let place = Place::new(&key, healthy.coordinate(&key)?, sim)?;
        ranges.push((place, healthy.range));
    }
    let state = termination.state.clone();
    if let Some(state) = &state {
        check_skip("termination.state.skip_qpos", state.skip_qpos, sim.qpos().len())?;
    }
    let inside = |x: f64, [low, high]: [f64; 2]| low < x && x < high;
    Ok(Box::new(move |sim| {
        ranges.iter().all(|(place, range)| inside(place.value(sim), *range))
            && state.as_ref().is_none_or(|state| {
                let mut state_vector = sim.qpos()[state.skip_qpos..].iter().chain(sim.qvel());
                state_vector.all(|x| inside(*x, state.range))
            })
    }))
}

fn pay(reward: &mjcf::RewardConfig, outcome: &StepOutcome<'_>) -> Reward {
    let mjcf::RewardConfig { forward, alive, control_cost, contact_cost } = reward;
    let is_paid = |on_last_step| outcome.is_healthy || on_last_step;
    let terms = RewardTerms {
        progress: forward.as_ref().map_or(0.0, |term| term.weight * outcome.velocity()),
        alive: alive
            .as_ref()
            .map_or(0.0, |term| if is_paid(term.on_last_step) { term.weight } else { 0.0 }),
        control_cost: control_cost
            .as_ref()
            .map_or(0.0, |term| weighted_square_sum(term.weight, outcome.action)),
        contact_cost: contact_cost.as_ref().map_or(0.0, |term| {
            let limit = term.limit.unwrap_or(f64::INFINITY);
            weighted_clipped_square_sum(term.weight, outcome.sim.contact_forces(), limit)
        }),
    };
    Reward { total: terms.sum(), terms }
}

fn observe(observation: &mjcf::Observation, sim: &Sim, obs: &mut [f64]) {
    let positions = &sim.qpos()[observation.skip_qpos..];
    let (observed, rest) = obs.split_at_mut(positions.len());
    observed.copy_from_slice(positions);
    let (velocities, forces) = rest.split_at_mut(sim.qvel().len());
    let clip = |from: &[f64], to: &mut [f64], limit: Option<f64>| {
        let limit = limit.unwrap_or(f64::INFINITY);
        to.iter_mut().zip(from).for_each(|(to, x)| *to = x.clamp(-limit, limit));
    };
    clip(sim.qvel(), velocities, observation.qvel_limit);
    if let Some(contact) = &observation.contact_forces {
        // The world's values come first and are always 0.
        clip(&sim.contact_forces()[WRENCH..], forces, contact.limit);
    }
}
