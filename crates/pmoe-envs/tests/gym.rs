//! Tasks that another program makes: `gym:ID`.

use pmoe_envs::gym::{self, GymConfig};
use pmoe_envs::rand::SeedableRng;
use pmoe_envs::{Env, EnvConfig, EnvError, EnvSpec, Rng, Step, TaskId, make, make_with};

/// Moves by its action, which is within ±2, and never ends.
struct Walker {
    spec: EnvSpec,
    position: f64,
}

impl Env for Walker {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, _rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        self.position = 0.0;
        obs[0] = 0.0;
        Ok(())
    }

    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        self.position += action[0];
        obs[0] = self.position;
        Ok(Step { reward: 0.0, terminated: false, truncated: false, success: None })
    }

    fn save_state(&self, _state: &mut Vec<f64>) {}

    fn load_state(&mut self, _state: &[f64]) -> Result<(), EnvError> {
        Ok(())
    }
}

fn walker(id: &str, config: &GymConfig) -> Result<Box<dyn Env>, EnvError> {
    let dt_seconds = config.kwargs.get("dt").and_then(toml::Value::as_float).unwrap_or(1.0);
    let (action_low, action_high) = (vec![-2.0], vec![2.0]);
    let id = id.to_owned();
    let spec = EnvSpec { id, obs_dim: 1, action_low, action_high, dt_seconds, resumable: false };
    Ok(Box::new(Walker { spec, position: 0.0 }))
}

#[test]
fn only_a_program_that_says_how_makes_them() {
    let task: TaskId = "gym:module:Walker-v0".parse().unwrap();
    assert_eq!(task, TaskId::Gym("module:Walker-v0".to_owned()));
    assert_eq!(task.to_string(), "gym:module:Walker-v0");
    assert!("gym:".parse::<TaskId>().is_err());
    let error = make(&task).err().unwrap();
    assert!(
        matches!(&error, EnvError::NeedsPython { task } if task == "gym:module:Walker-v0"),
        "{error}"
    );

    gym::register(walker);
    let mut config = GymConfig::default();
    config.kwargs.insert("dt".to_owned(), 0.5.into());
    let mut env = make_with(&task, &EnvConfig::Gym(config)).unwrap();
    let spec = env.spec().clone();
    assert_eq!(
        (spec.id.as_str(), spec.dt_seconds, spec.resumable),
        ("module:Walker-v0", 0.5, false)
    );
    assert_eq!((spec.action_low, spec.action_high), (vec![-1.0], vec![1.0]));
    let mut obs = [0.0];
    env.reset(&mut Rng::seed_from_u64(0), &mut obs).unwrap();
    // Actions are rescaled, and no time limit is added.
    let ends = (0..2000).any(|_| env.step(&[0.5], &mut obs).unwrap().truncated);
    assert!(!ends);
    assert_eq!(obs[0].to_bits(), 2000.0_f64.to_bits());

    let other: TaskId = "Hopper-v4".parse().unwrap();
    let error = EnvConfig::Gym(GymConfig::default()).validate(&other).unwrap_err();
    assert_eq!(error.to_string(), "`env` is `gym`, but must be `mujoco` for Hopper-v4");
}
