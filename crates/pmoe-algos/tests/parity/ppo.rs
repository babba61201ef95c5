//! The PPO family.

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use pmoe_algos::policy::{NonlinearityConfig, StdConfig};
use pmoe_algos::ppo::{
    ActionValue, ActorConfig, ActorCritic, AdvantageNorm, CriticConfig, GatingConfig, Judge,
    McpConfig, Minibatch, NetConfig, PmoeConfig, PpoConfig, Routing, action_value_loss,
};
use pmoe_algos::rollout::standardise;
use pmoe_envs::Rng;
use rand::SeedableRng;
use serde::Deserialize;

use super::Method;
use super::case::{Arithmetic, Case, Problem, Settings};
use super::common::{device, on_policy};
use super::module::{Computed, Shapes, computed, load};
use super::sac::{log_std, mcp};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum CriticSwitch {
    Shared,
    Separate,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum StdSwitch {
    Exp,
    Softplus,
}

/// Settings of a case.
struct Setup {
    rows: usize,
    obs: usize,
    action: usize,
    primitives: usize,
    config: PpoConfig,
}

fn setup(case: &Case) -> Result<Setup, Problem> {
    let mut settings = case.settings();
    let s = &mut settings;
    let (rows, obs, action) = (s.size("B")?, s.size("O")?, s.size("A")?);
    let method = case.document.method;
    let primitives = if method == Method::Ppo { 1 } else { s.size("K")? };
    let actor = match method {
        Method::Ppo => ActorConfig::Gaussian { std: std_config(s)? },
        Method::PmoePpo => ActorConfig::Pmoe(pmoe(s, primitives)?),
        Method::GatingPpo => ActorConfig::Gating(GatingConfig {
            num_primitives: primitives,
            variance: s.switch("gating_var")?,
            log_std: log_std(s)?,
        }),
        Method::McpPpo => {
            let (gate, network, bound) = mcp(s)?;
            let (num_primitives, log_std) = (primitives, log_std(s)?);
            ActorConfig::Mcp(McpConfig { num_primitives, gate, network, log_std, bound })
        }
        other => unreachable!("{other:?} is of another family"),
    };
    let net = if method == Method::McpPpo {
        // MCP has a fixed architecture; these settings apply to the critic.
        let critic = CriticConfig::Separate { hidden: s.size("value_hidden")? };
        NetConfig {
            hidden: s.size("hidden")?,
            nonlinearity: NonlinearityConfig::Relu,
            critic,
            ..on_policy::ppo(actor.clone()).net
        }
    } else {
        let critic = match s.switch("critic")? {
            CriticSwitch::Shared => CriticConfig::Shared {},
            CriticSwitch::Separate => CriticConfig::Separate { hidden: s.size("value_hidden")? },
        };
        NetConfig {
            hidden: s.size("hidden")?,
            nonlinearity: s.switch("nonlinearity")?,
            mean_output: s.switch("mean_output")?,
            critic,
            ..on_policy::ppo(actor.clone()).net
        }
    };
    let config = PpoConfig {
        clip_ratio: s.scalar("clip_ratio")?,
        value_clip: s.switch("value_clip")?,
        vf_coef: s.scalar("vf_coef")?,
        ent_coef: s.scalar("ent_coef")?,
        advantage_norm: s.switch("advantage_norm")?,
        net,
        ..on_policy::ppo(actor)
    };
    settings.finish()?;
    Ok(Setup { rows, obs, action, primitives, config })
}

/// Parses state-independent standard deviations.
pub(crate) fn std_config(s: &mut Settings<'_>) -> Result<StdConfig, Problem> {
    Ok(match s.switch("std")? {
        StdSwitch::Exp => StdConfig::Exp { initial: 1.0 },
        StdSwitch::Softplus => StdConfig::Softplus { initial: 1.0 },
    })
}

fn pmoe(s: &mut Settings<'_>, primitives: usize) -> Result<PmoeConfig, Problem> {
    let routing: Routing = s.switch("routing")?;
    let has_freq = routing.has_freq();
    Ok(PmoeConfig {
        std: std_config(s)?,
        routing,
        routing_input: s.switch("routing_input")?,
        freq_coef: if has_freq { s.scalar("freq_coef")? } else { 0.0 },
        freq_reduction: s.switch("freq_reduction")?,
        aux_hidden: if has_freq { s.size("aux_hidden")? } else { vec![1] },
        ..on_policy::pmoe(primitives)
    })
}

/// Returns the advantages `input/NAME`, normalised if the config says so.
fn advantage(
    case: &Case,
    name: &str,
    rows: usize,
    norm: AdvantageNorm,
    arithmetic: Arithmetic,
) -> Result<Tensor<1>, Problem> {
    let given = case.input(name, [rows], arithmetic)?;
    Ok(match norm {
        AdvantageNorm::Rollout => given,
        AdvantageNorm::Minibatch => {
            let mut values = given.try_to_vec_as::<f32>().expect("converted to f32");
            standardise(&mut values);
            let data = TensorData::new(values, [rows]);
            Tensor::from_data(data, (&device(), arithmetic.dtype()))
        }
    })
}

/// Computes the losses `policy` and, if the router uses the frequency loss, `aux`.
pub(crate) fn replay(case: &Case, arithmetic: Arithmetic) -> Result<Vec<Computed>, Problem> {
    let setup = setup(case)?;
    let Setup { rows, obs, action, primitives, ref config } = setup;
    // All initial values are replaced.
    let device = device().autodiff();
    let net = ActorCritic::new(config, obs, action, 0, &device);
    let net = load(net, "", Shapes::OfCase, case, arithmetic)?;

    let vector = |name: &str| case.input(name, [rows], arithmetic);
    let batch = Minibatch {
        obs: case.input("obs", [rows, obs], arithmetic)?,
        action: case.input("action", [rows, action], arithmetic)?,
        log_prob: vector("old_log_prob")?,
        advantage: advantage(case, "advantage", rows, config.advantage_norm, arithmetic)?,
        returns: vector("return")?,
        value: vector("old_value")?,
    };
    let (seen, taken, returns) = (batch.obs.clone(), batch.action.clone(), batch.returns.clone());
    let aux = match &config.actor {
        ActorConfig::Pmoe(pmoe) if pmoe.routing.has_freq() => {
            let rng = &mut Rng::seed_from_u64(0);
            let aux = ActionValue::new(pmoe, obs, action, rng, &device);
            Some(load(aux, "aux", Shapes::OfModule, case, arithmetic)?)
        }
        _ => None,
    };
    let judge = aux.as_ref().map(Module::valid);
    let judge = match &judge {
        Some(q) => {
            let noise = case.input("noise", [rows, primitives, action], arithmetic)?;
            Some(Judge { q, noise: noise.reshape([rows * primitives, action]) })
        }
        None => None,
    };
    let loss = net.loss(config, batch, judge).loss;
    let mut all = vec![computed("policy", &loss, &net, "")];
    if let Some(aux) = &aux {
        let loss = action_value_loss(aux.forward(seen, taken), returns);
        all.push(computed("aux", &loss, aux, "aux"));
    }
    Ok(all)
}
