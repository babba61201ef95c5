//! The PPO family.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use pmoe_algos::normalize::NormalizeConfig;
use pmoe_algos::ppo::{
    ActionValue, ActorConfig, ActorCritic, AdvantageNorm, CriticConfig, InitConfig, Judge,
    Minibatch, NetConfig, PmoeConfig, PpoConfig, Routing, StdConfig, action_value_loss,
};
use pmoe_algos::rollout::standardise;
use pmoe_algos::sac::{EvalPrimitive, FreqReduction, RoutingInput};
use pmoe_core::noise::Rng;
use rand::SeedableRng;
use serde::Deserialize;

use super::case::{Arithmetic, Case, Method, Problem, Settings};
use super::module::{Computed, Shapes, computed, load};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Critic {
    Shared,
    Separate,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Std {
    Exp,
    Softplus,
}

/// What a case is about beside its tensors.
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
    let std = std_config(s)?;
    let actor = match method {
        Method::PmoePpo => ActorConfig::Pmoe(pmoe(s, primitives, std)?),
        Method::Ppo => ActorConfig::Gaussian { std },
        other => unreachable!("{other:?} is of another family"),
    };
    let net = NetConfig {
        hidden: s.size("hidden")?,
        nonlinearity: s.switch("nonlinearity")?,
        mean_output: s.switch("mean_output")?,
        critic: match s.switch("critic")? {
            Critic::Shared => CriticConfig::Shared {},
            Critic::Separate => CriticConfig::Separate { hidden: s.size("value_hidden")? },
        },
        init: InitConfig::Torch {},
    };
    let config = PpoConfig {
        gamma: 0.99,
        gae_lambda: 0.95,
        rollout_steps: rows,
        epochs: 1,
        minibatch_size: rows,
        lr: 1e-3,
        anneal_lr: false,
        adam_epsilon: 1e-5,
        clip_ratio: s.scalar("clip_ratio")?,
        value_clip: s.switch("value_clip")?,
        vf_coef: s.scalar("vf_coef")?,
        ent_coef: s.scalar("ent_coef")?,
        max_grad_norm: 0.5,
        advantage_norm: s.switch("advantage_norm")?,
        bootstrap_truncation: true,
        normalize: NormalizeConfig { obs: false, reward: false, clip: 10.0 },
        net,
        actor,
    };
    settings.finish()?;
    Ok(Setup { rows, obs, action, primitives, config })
}

/// Standard deviations that are parameters.
pub(crate) fn std_config(s: &mut Settings<'_>) -> Result<StdConfig, Problem> {
    Ok(match s.switch("std")? {
        Std::Exp => StdConfig::Exp { initial: 1.0 },
        Std::Softplus => StdConfig::Softplus { initial: 1.0 },
    })
}

fn pmoe(s: &mut Settings<'_>, primitives: usize, std: StdConfig) -> Result<PmoeConfig, Problem> {
    let routing: Routing = s.switch("routing")?;
    let has_freq = routing.has_freq();
    Ok(PmoeConfig {
        num_primitives: primitives,
        std,
        routing,
        routing_input: s.switch::<RoutingInput>("routing_input")?,
        freq_coef: if has_freq { s.scalar("freq_coef")? } else { 0.0 },
        freq_reduction: s.switch::<FreqReduction>("freq_reduction")?,
        aux_hidden: if has_freq { s.size("aux_hidden")? } else { vec![1] },
        aux_output_bound: 1.0,
        aux_lr: 1e-3,
        eval_primitive: EvalPrimitive::Sample,
    })
}

/// `input/NAME` of advantages, normalised where the config says so.
pub(crate) fn advantage(
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
            Tensor::from_data(data, (&Device::flex(), arithmetic.dtype()))
        }
    })
}

/// The losses `policy` and, where the router learns from frequencies, `aux`.
pub(crate) fn replay(case: &Case, arithmetic: Arithmetic) -> Result<Vec<Computed>, Problem> {
    let setup = setup(case)?;
    let Setup { rows, obs, action, primitives, ref config } = setup;
    // The values that networks are built with don't matter: all are replaced.
    let device = Device::flex().autodiff();
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
