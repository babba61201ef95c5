//! The SAC family.

use burn::module::{Module, Param, ParamId};
use burn::tensor::{IndexingUpdateOp, Tensor};
use pmoe_algos::critic::{CriticNorm, TwinCritic, critic_loss};
use pmoe_algos::policy::{LogStd, McpBound, McpConfig, McpGate, McpNetwork};
use pmoe_algos::replay::TensorBatch;
use pmoe_algos::sac::{
    Act, Actor, ActorConfig, ActorNoise, ArgmaxScore, Estimator, FrequencyConfig, GatingConfig,
    GumbelMode, Judge, LossInput, PmoeConfig, Policy, PrimitiveLoss, ReinforceBaseline, SacConfig,
    Sampled, TargetAction, best_of_each, soft_bellman_target, temperature_loss,
};
use pmoe_envs::Rng;
use rand::SeedableRng;
use serde::Deserialize;

use super::Method;
use super::case::{Arithmetic, Case, Problem, Settings};
use super::common::{self, device};
use super::module::{Computed, Shapes, computed, load};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Alpha {
    Fixed,
    Auto,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum LogStdSwitch {
    Clamp,
    Tanh,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum EstimatorSwitch {
    Frequency,
    GumbelSt,
    GumbelSoft,
    Reinforce,
    LikelihoodRatio,
    Marginal,
    MarginalSpread,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum BaselineSwitch {
    None,
    Expected,
    Ema,
}

/// The logarithm of the temperature.
#[derive(Module, Debug)]
pub(crate) struct LogAlpha {
    pub(crate) log_alpha: Param<Tensor<1>>,
}

impl LogAlpha {
    pub(crate) fn new() -> Self {
        let value = Tensor::<1>::from_data([0.0], &device().autodiff()).require_grad();
        Self { log_alpha: Param::initialized(ParamId::new(), value) }
    }
}

/// Settings of a case.
struct Setup {
    rows: usize,
    obs: usize,
    action: usize,
    primitives: usize,
    config: SacConfig,
    gamma: f64,
    alpha: Alpha,
    /// Used if α is fixed.
    fixed_alpha: f64,
    /// Used if α is learnt.
    target_entropy: f64,
    /// REINFORCE's moving average.
    baseline: f64,
}

fn setup(case: &Case) -> Result<Setup, Problem> {
    let mut settings = case.settings();
    let s = &mut settings;
    let (rows, obs, action) = (s.size("B")?, s.size("O")?, s.size("A")?);
    let method = case.document.method;
    let primitives = if method == Method::Sac { 1 } else { s.size("K")? };
    let target = if method == Method::PmoeSac { s.switch("target")? } else { TargetAction::Sample };
    let mut baseline = 0.0;
    let actor = match method {
        Method::Sac => ActorConfig::Gaussian {},
        Method::GatingSac => ActorConfig::Gating(GatingConfig {
            num_primitives: primitives,
            variance: s.switch("gating_var")?,
        }),
        Method::McpSac => {
            let (gate, network, bound) = mcp(s)?;
            ActorConfig::Mcp(McpConfig { num_primitives: primitives, gate, network, bound })
        }
        Method::PmoeSac => ActorConfig::Pmoe(PmoeConfig {
            num_primitives: primitives,
            routing_input: s.switch("routing_input")?,
            entropy_log_prob: s.switch("entropy_log_prob")?,
            estimator: estimator(s, &mut baseline)?,
            act: if target == TargetAction::Max { Act::Best } else { Act::Drawn },
            ..common::pmoe(primitives)
        }),
        other => unreachable!("{other:?} is of another family"),
    };
    let log_std = log_std(s)?;
    let hidden = s.size("hidden")?;
    let critic_norm = s.switch_or("critic_norm", CriticNorm::None)?;
    let config = SacConfig { hidden, critic_norm, log_std, target, ..common::sac(actor) };
    let alpha = s.switch("alpha")?;
    let (fixed_alpha, target_entropy) = match alpha {
        Alpha::Fixed => (s.scalar("alpha")?, f64::NAN),
        Alpha::Auto => (f64::NAN, s.scalar("target_entropy")?),
    };
    let gamma = s.scalar("gamma")?;
    settings.finish()?;
    Ok(Setup {
        rows,
        obs,
        action,
        primitives,
        config,
        gamma,
        alpha,
        fixed_alpha,
        target_entropy,
        baseline,
    })
}

/// Parses the limits of log standard deviations.
pub(crate) fn log_std(s: &mut Settings<'_>) -> Result<LogStd, Problem> {
    Ok(match s.switch("log_std")? {
        LogStdSwitch::Clamp => LogStd::Clamp(-20.0, 2.0),
        LogStdSwitch::Tanh => LogStd::Tanh(-5.0, 2.0),
    })
}

/// Parses gate, network and bound of MCP.
pub(crate) fn mcp(s: &mut Settings<'_>) -> Result<(McpGate, McpNetwork, McpBound), Problem> {
    let network = s.switch("mcp_net")?;
    if network == McpNetwork::Full {
        // The shapes of the parameters contain these too.
        s.size::<[usize; 3]>("gate_hidden")?;
        s.size::<[usize; 3]>("primitive_hidden")?;
    }
    Ok((s.switch("mcp_gate")?, network, s.switch("mcp_bound")?))
}

fn estimator(s: &mut Settings<'_>, average: &mut f64) -> Result<Estimator, Problem> {
    Ok(match s.switch("estimator")? {
        EstimatorSwitch::Frequency => Estimator::Frequency(FrequencyConfig {
            primitive_loss: s.switch("primitive_loss")?,
            freq_coef: s.scalar("freq_coef")?,
            freq_reduction: s.switch("freq_reduction")?,
            argmax_score: s.switch("argmax_score")?,
            alpha_log_prob: s.switch("alpha_log_prob")?,
        }),
        EstimatorSwitch::GumbelSt => Estimator::Gumbel {
            mode: GumbelMode::StraightThrough,
            temperature: s.scalar("gumbel_temperature")?,
        },
        EstimatorSwitch::GumbelSoft => Estimator::Gumbel {
            mode: GumbelMode::Soft,
            temperature: s.scalar("gumbel_temperature")?,
        },
        EstimatorSwitch::Reinforce => Estimator::Reinforce {
            baseline: match s.switch("baseline")? {
                BaselineSwitch::None => ReinforceBaseline::None,
                BaselineSwitch::Expected => ReinforceBaseline::Expected,
                BaselineSwitch::Ema => {
                    *average = s.scalar("baseline")?;
                    ReinforceBaseline::Ema { decay: 0.9 }
                }
            },
        },
        EstimatorSwitch::LikelihoodRatio => Estimator::LikelihoodRatio {
            baseline: s.switch("baseline")?,
            regularization: s.scalar("regularization")?,
            log_weight_floor: s.scalar("log_weight_floor")?,
        },
        EstimatorSwitch::Marginal => common::marginal(0.0, 0.0),
        EstimatorSwitch::MarginalSpread => {
            common::marginal(s.scalar("diversity")?, s.scalar("routing")?)
        }
    })
}

/// Computes the actions at the next states for the critics' target.
fn next_actions(
    case: &Case,
    setup: &Setup,
    actor: &Actor,
    obs: Tensor<2>,
    arithmetic: Arithmetic,
) -> Result<Sampled, Problem> {
    let Setup { rows, action, primitives, ref config, .. } = *setup;
    let one = || case.input("next_noise", [rows, action], arithmetic);
    Ok(match actor.policy(obs) {
        Policy::Gaussian(dist, _) => {
            let sample = dist.rsample(one()?);
            Sampled { action: sample.action, log_prob: sample.log_prob }
        }
        Policy::Mixture(actor, mixture) => match config.target {
            TargetAction::Sample => {
                let drawn = case.indices("next_primitive", rows, primitives)?;
                actor.actions(&mixture, Some(&drawn), one()?)
            }
            TargetAction::Max => {
                let noise = case.input("next_noise", [rows, primitives, action], arithmetic)?;
                actor.actions(&mixture, None, noise.reshape([rows * primitives, action]))
            }
        },
    })
}

/// Whether the actor's loss draws one action at each state, of the primitive with the best mode.
fn draws_best_alone(actor: &ActorConfig) -> bool {
    let ActorConfig::Pmoe(PmoeConfig { estimator: Estimator::Frequency(config), .. }) = actor
    else {
        return false;
    };
    (config.primitive_loss, config.argmax_score) == (PrimitiveLoss::Max, ArgmaxScore::Mode)
}

/// Returns the noise of the actor's loss, as far as the case defines it.
fn actor_noise(case: &Case, setup: &Setup, arithmetic: Arithmetic) -> Result<ActorNoise, Problem> {
    let Setup { rows, action, primitives, ref config, .. } = *setup;
    if !matches!(config.actor, ActorConfig::Pmoe(_)) {
        let action = case.input("noise", [rows, action], arithmetic)?;
        return Ok(ActorNoise { gumbel: Tensor::zeros([rows, 1], &action.device()), action });
    }
    let all: Tensor<2> = if draws_best_alone(&config.actor) {
        case.input("noise", [rows, action], arithmetic)?
    } else {
        let all = case.input("noise", [rows, primitives, action], arithmetic)?;
        all.reshape([rows * primitives, action])
    };
    let none = Tensor::zeros([rows, primitives], (&all.device(), arithmetic.dtype()));
    let gumbel = if case.has_input("gumbel") {
        case.input("gumbel", [rows, primitives], arithmetic)?
    } else if case.has_input("primitive") {
        // Gumbel noise that forces the choice of the primitive.
        let drawn = case.indices("primitive", rows, primitives)?.unsqueeze_dim(1);
        let chosen = Tensor::full([rows, 1], 1e4, (&none.device(), arithmetic.dtype()));
        none.scatter(1, drawn, chosen, IndexingUpdateOp::Add)
    } else {
        none
    };
    let action = if case.has_input("drawn_noise") {
        Tensor::cat(vec![case.input("drawn_noise", [rows, action], arithmetic)?, all], 0)
    } else {
        all
    };
    Ok(ActorNoise { action, gumbel })
}

/// Computes the losses `critic`, `actor` and, if α is learnt, `temperature`.
pub(crate) fn replay(case: &Case, arithmetic: Arithmetic) -> Result<Vec<Computed>, Problem> {
    let setup = setup(case)?;
    let Setup { rows, obs, action, ref config, .. } = setup;

    // All initial values are replaced.
    let device = device().autodiff();
    let rng = &mut Rng::seed_from_u64(0);
    let actor = Actor::new(config, obs, action, 0, &device);
    let actor = load(actor, "actor", Shapes::OfCase, case, arithmetic)?;
    let mut critic = |name: &str| {
        let critic = TwinCritic::new(obs, action, &config.hidden, config.init, rng, &device)
            .with_norm(config.critic_norm, rng, &device);
        load(critic, name, Shapes::OfModule, case, arithmetic)
    };
    let (critic, target) = (critic("critic")?, critic("target")?.valid());
    let (alpha, log_alpha) = match setup.alpha {
        Alpha::Fixed => (setup.fixed_alpha, None),
        Alpha::Auto => {
            let log_alpha = load(LogAlpha::new(), "", Shapes::OfModule, case, arithmetic)?;
            (log_alpha.log_alpha.val().inner().exp().into_scalar::<f64>(), Some(log_alpha))
        }
    };

    let matrix = |name: &str, width: usize| case.input(name, [rows, width], arithmetic);
    let vector = |name: &str| case.input(name, [rows], arithmetic);
    let batch = TensorBatch {
        obs: matrix("obs", obs)?,
        action: matrix("action", action)?,
        reward: vector("reward")?,
        next_obs: matrix("next_obs", obs)?,
        not_terminated: vector("terminated")?.neg().add_scalar(1.0),
    };
    let next = next_actions(case, &setup, &actor.valid(), batch.next_obs.clone(), arithmetic)?;
    let next_q = target.min(batch.next_obs.clone(), next.action);
    let (next_q, next_log_prob) = best_of_each(rows, next_q, next.log_prob);
    let y = soft_bellman_target(&batch, next_q, next_log_prob, &[alpha], setup.gamma);
    let (q1, q2) = critic.forward(batch.obs.clone(), batch.action.clone());
    let loss = critic_loss(q1, y.clone()) + critic_loss(q2, y);
    let mut all = vec![computed("critic", &loss, &critic, "critic")];

    let noise = actor_noise(case, &setup, arithmetic)?;
    let critic = critic.valid();
    let judge: Judge<'_> = &|obs, action| critic.min(obs, action);
    let (alpha, baseline) = (&[alpha], &[setup.baseline]);
    let loss = actor.loss(LossInput { critic: judge, obs: batch.obs, alpha, noise, baseline });
    all.push(computed("actor", &loss.loss, &actor, "actor"));

    if let Some(log_alpha) = log_alpha {
        let value = log_alpha.log_alpha.val();
        let loss = temperature_loss(value, loss.log_prob, setup.target_entropy);
        all.push(computed("temperature", &loss, &log_alpha, ""));
    }
    Ok(all)
}
