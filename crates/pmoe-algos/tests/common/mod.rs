//! A task with a known optimum, configs and comparisons for the tests.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(dead_code, unreachable_pub, missing_docs, reason = "every test binary uses its own part")]

pub mod differences;
pub mod on_policy;
pub mod runs;

use std::cell::Cell;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use pmoe_algos::critic::{CriticNorm, TwinCritic};
use pmoe_algos::policy::{
    EvalPrimitive, FreqReduction, GatingVariance, Init, LogStd, McpBound, McpConfig, McpGate,
    McpNetwork, RoutingInput,
};
use pmoe_algos::sac::{
    Act, ActorConfig, AlphaLogProb, ArgmaxScore, CriticConfig, Critics, EntropyLogProb, Estimator,
    FrequencyConfig, GatingConfig, GumbelMode, MarginalConfig, PmoeConfig, PrimitiveLoss,
    RatioBaseline, ReinforceBaseline, Sac, SacConfig, TargetAction, TemperatureConfig,
};
use pmoe_algos::{Agent, DeviceKind, Schedule, Transition};
use pmoe_core::engine::with_engine;
use pmoe_core::noise;
use pmoe_envs::{Env, EnvError, EnvSpec, Rng, Step};
use rand::{RngExt, SeedableRng};

thread_local! {
    static DEVICE: Cell<DeviceKind> = const { Cell::new(DeviceKind::Flex) };
}

/// Returns the device that this thread's tests use: flex, except within [`on`].
pub fn device() -> Device {
    DEVICE.get().open().unwrap()
}

/// Runs `body` on this thread with another device, and the engine that goes with it.
pub fn on<R>(kind: DeviceKind, body: impl FnOnce() -> R) -> R {
    struct Restore(DeviceKind);
    impl Drop for Restore {
        fn drop(&mut self) {
            DEVICE.set(self.0);
        }
    }
    let _restore = Restore(DEVICE.replace(kind));
    with_engine(kind.engine(), body)
}

/// A point on a line to be pushed towards the origin: `x ← x + a / 5`, reward `−x²`, never
/// terminated.
///
/// The optimal policy is a = −5x, clipped to ±1. From |x| ≤ 1, at most four steps have a nonzero
/// reward.
pub struct PointMass {
    spec: EnvSpec,
    x: f64,
}

impl PointMass {
    pub fn new() -> Self {
        let spec = EnvSpec {
            id: "PointMass".to_owned(),
            obs_dim: 1,
            action_low: vec![-1.0],
            action_high: vec![1.0],
            dt_seconds: 1.0,
            resumable: true,
        };
        Self { spec, x: 0.0 }
    }
}

impl Env for PointMass {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        self.x = rng.random_range(-1.0..1.0);
        obs[0] = self.x;
        Ok(())
    }

    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        self.x += action[0] / 5.0;
        obs[0] = self.x;
        Ok(Step { reward: -self.x * self.x, terminated: false, truncated: false, success: None })
    }

    fn save_state(&self, state: &mut Vec<f64>) {
        state.push(self.x);
    }

    fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
        self.x = state[0];
        Ok(())
    }
}

pub fn gaussian() -> ActorConfig {
    ActorConfig::Gaussian {}
}

pub fn gating(num_primitives: usize, variance: GatingVariance) -> ActorConfig {
    ActorConfig::Gating(GatingConfig { num_primitives, variance })
}

pub fn mcp(num_primitives: usize, gate: McpGate, network: McpNetwork) -> ActorConfig {
    let bound = McpBound::Product;
    ActorConfig::Mcp(McpConfig { num_primitives, gate, network, bound })
}

/// Settings of the paper's estimator with back-propagation-max.
pub fn frequency() -> FrequencyConfig {
    FrequencyConfig {
        primitive_loss: PrimitiveLoss::Max,
        freq_coef: 1.0,
        freq_reduction: FreqReduction::Sum,
        argmax_score: ArgmaxScore::Q,
        alpha_log_prob: AlphaLogProb::Learning,
    }
}

/// The paper's estimator with back-propagation-all.
pub fn back_propagation_all() -> Estimator {
    Estimator::Frequency(FrequencyConfig { primitive_loss: PrimitiveLoss::All, ..frequency() })
}

/// The paper's estimator with the best mode in place of the best draw.
pub fn by_modes() -> Estimator {
    Estimator::Frequency(FrequencyConfig { argmax_score: ArgmaxScore::Mode, ..frequency() })
}

pub fn pmoe(num_primitives: usize) -> PmoeConfig {
    PmoeConfig {
        num_primitives,
        routing_input: RoutingInput::TrunkSg,
        entropy_log_prob: EntropyLogProb::Component,
        act: Act::Drawn,
        eval_primitive: EvalPrimitive::Sample,
        estimator: Estimator::Frequency(frequency()),
    }
}

/// The best of one draw of every primitive acts.
pub fn best(num_primitives: usize) -> PmoeConfig {
    PmoeConfig { act: Act::Best, eval_primitive: EvalPrimitive::ArgmaxQ, ..pmoe(num_primitives) }
}

pub fn likelihood_ratio(baseline: RatioBaseline) -> Estimator {
    Estimator::LikelihoodRatio { baseline, regularization: 1e-3, log_weight_floor: -10.0 }
}

pub fn marginal(diversity: f64, routing: f64) -> Estimator {
    Estimator::Marginal(MarginalConfig { diversity, routing })
}

/// Returns settings with a critic for each of K primitives, the best of which acts.
pub fn primitive_critics(num_primitives: usize) -> SacConfig {
    let actor = PmoeConfig { estimator: back_propagation_all(), ..best(num_primitives) };
    SacConfig {
        critics: CriticConfig::PerPrimitive { optimism: 0.5 },
        ..sac(ActorConfig::Pmoe(actor))
    }
}

/// Returns every policy that ends in one Gaussian.
pub fn gaussians() -> Vec<ActorConfig> {
    vec![
        gaussian(),
        gating(3, GatingVariance::Paper),
        gating(3, GatingVariance::Exact),
        mcp(3, McpGate::Sigmoid, McpNetwork::Matched),
        mcp(2, McpGate::Softmax, McpNetwork::Full),
    ]
}

/// Returns every policy, PMOE with every estimator.
pub fn actors() -> Vec<ActorConfig> {
    let all = PmoeConfig { estimator: back_propagation_all(), ..pmoe(3) };
    let alternatives = alternatives().into_iter().map(|alternative| alternative.mixture(3));
    let mixtures = [pmoe(3), all, best(3)].into_iter().chain(alternatives);
    gaussians().into_iter().chain(mixtures.map(ActorConfig::Pmoe)).collect()
}

/// Another estimator, with the facts that tests need.
pub struct Alternative {
    pub estimator: Estimator,
    /// The entropy term it is meant for.
    pub entropy_log_prob: EntropyLogProb,
    pub pathwise: Pathwise,
}

/// Which primitives get the critic's gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pathwise {
    All,
    /// Only those chosen in some state.
    Chosen,
    /// None: the critic's values are constants, and all primitives learn from their densities.
    None,
}

impl Alternative {
    /// Returns a mixture whose router trains the trunk.
    pub fn mixture(self, num_primitives: usize) -> PmoeConfig {
        let Self { estimator, entropy_log_prob, .. } = self;
        let routing_input = RoutingInput::Trunk;
        PmoeConfig { estimator, entropy_log_prob, routing_input, ..pmoe(num_primitives) }
    }
}

/// Returns all other estimators.
pub fn alternatives() -> Vec<Alternative> {
    use EntropyLogProb::{Component, Mixture};
    let gumbel = |mode| Estimator::Gumbel { mode, temperature: 1.0 };
    let reinforce = |baseline| Estimator::Reinforce { baseline };
    let rows = [
        (by_modes(), Component, Pathwise::Chosen),
        (gumbel(GumbelMode::StraightThrough), Component, Pathwise::Chosen),
        (gumbel(GumbelMode::Soft), Component, Pathwise::All),
        (reinforce(ReinforceBaseline::None), Component, Pathwise::Chosen),
        (reinforce(ReinforceBaseline::Expected), Component, Pathwise::Chosen),
        (reinforce(ReinforceBaseline::Ema { decay: 0.9 }), Component, Pathwise::Chosen),
        (likelihood_ratio(RatioBaseline::None), Mixture, Pathwise::None),
        (likelihood_ratio(RatioBaseline::Expected), Mixture, Pathwise::None),
        (marginal(0.0, 0.0), Mixture, Pathwise::All),
        (marginal(0.7, 0.4), Mixture, Pathwise::All),
    ];
    let alternative = |(estimator, entropy_log_prob, pathwise)| Alternative {
        estimator,
        entropy_log_prob,
        pathwise,
    };
    rows.map(alternative).into()
}

pub fn auto() -> TemperatureConfig {
    TemperatureConfig::Auto { initial_alpha: 1.0, target_entropy_per_dim: -1.0 }
}

/// Returns settings with small networks and batches.
pub fn sac(actor: ActorConfig) -> SacConfig {
    let acts_best = matches!(&actor, ActorConfig::Pmoe(pmoe) if pmoe.act == Act::Best);
    SacConfig {
        gamma: 0.9,
        tau: 0.02,
        batch_size: 32,
        buffer_size: 5_000,
        random_steps: 100,
        learning_starts: 100,
        gradient_steps: 1,
        actor_lr: 3e-3,
        critic_lr: 3e-3,
        adam_epsilon: 1e-8,
        hidden: vec![32, 32],
        init: Init::Torch,
        critic_norm: CriticNorm::None,
        log_std: LogStd::Clamp(-20.0, 2.0),
        reward_scale: 1.0,
        bootstrap_truncation: true,
        critics: CriticConfig::Twin {},
        target: if acts_best { TargetAction::Max } else { TargetAction::Sample },
        temperature: TemperatureConfig::Fixed { alpha: 0.01 },
        actor,
    }
}

/// Returns the same settings with layer normalisation in the critics.
pub fn normalised(config: SacConfig) -> SacConfig {
    SacConfig { critic_norm: CriticNorm::Layer, ..config }
}

pub fn schedule(total_steps: u64) -> Schedule {
    Schedule {
        total_steps,
        eval_every: 500,
        eval_episodes: 5,
        log_every: 100,
        checkpoint_every: 300,
    }
}

/// Creates a learner with `count` random transitions of the given sizes in its buffer.
pub fn filled(config: SacConfig, obs_dim: usize, action_dim: usize, count: usize) -> Sac {
    let mut agent = Sac::new(config, &EnvSpec::new("test", obs_dim, action_dim), 7, &device());
    let mut rng = Rng::seed_from_u64(1);
    let [mut obs, mut next_obs] = [vec![0.0; obs_dim], vec![0.0; obs_dim]];
    let mut action = vec![0.0; action_dim];
    for index in 0..count {
        for values in [&mut obs, &mut next_obs, &mut action] {
            noise::fill_uniform(values, &mut rng);
        }
        agent.observe(
            &(),
            Transition {
                obs: &obs,
                action: &action,
                reward: obs[0] * action[0],
                next_obs: &next_obs,
                terminated: index % 10 == 0,
                truncated: false,
            },
        );
    }
    agent
}

/// Returns every parameter of a module in order, flattened.
pub fn parameters<M: Module>(module: &M) -> Vec<Vec<f32>> {
    struct Collect(Vec<Vec<f32>>);
    impl ModuleVisitor for Collect {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(param.val().inner().try_into_vec_as::<f32>().unwrap());
        }
    }
    let mut collect = Collect(Vec::new());
    module.visit(&mut collect);
    collect.0
}

/// Returns the bits of every parameter of a learner's critics.
pub fn critic_bits(agent: &Sac) -> Vec<Vec<u32>> {
    match agent.critics() {
        Critics::Twin(critics) => bits(critics.online()),
        Critics::Primitive(critics) => bits(critics.online()),
    }
}

/// Returns two critics.
pub fn twin(agent: &Sac) -> &TwinCritic {
    let Critics::Twin(critics) = agent.critics() else { panic!("two critics") };
    critics.online()
}

/// Returns the bits of every parameter.
pub fn bits<M: Module>(module: &M) -> Vec<Vec<u32>> {
    let bits = |values: &Vec<f32>| values.iter().map(|value| value.to_bits()).collect();
    parameters(module).iter().map(bits).collect()
}
