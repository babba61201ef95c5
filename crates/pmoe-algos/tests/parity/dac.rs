//! DAC.

use burn::tensor::{Bool, Tensor};
use pmoe_algos::dac::{DacConfig, DacNet, HighMinibatch, LowMinibatch, Previous};

use super::case::{Arithmetic, Case, Problem};
use super::common::{device, on_policy};
use super::module::{Computed, Shapes, computed, load};
use super::ppo::std_config;

/// Computes the losses `high` and `low`.
pub(crate) fn replay(case: &Case, arithmetic: Arithmetic) -> Result<Vec<Computed>, Problem> {
    let mut settings = case.settings();
    let s = &mut settings;
    let rows = s.size("B")?;
    let (obs_dim, action_dim, options) = (s.size("O")?, s.size("A")?, s.size("K")?);
    let config = DacConfig {
        clip_ratio: s.scalar("clip_ratio")?,
        vf_coef: s.scalar("vf_coef")?,
        ent_coef: s.scalar("ent_coef")?,
        termination_coef: s.scalar("termination_coef")?,
        hidden: s.size("hidden")?,
        nonlinearity: s.switch("nonlinearity")?,
        std: std_config(s)?,
        ..on_policy::dac(options)
    };
    settings.finish()?;

    // All initial values are replaced.
    let device = device().autodiff();
    let net = DacNet::new(&config, obs_dim, action_dim, 0, &device);
    let net = load(net, "", Shapes::OfModule, case, arithmetic)?;

    let vector = |name: &str| case.input(name, [rows], arithmetic);
    let obs: Tensor<2> = case.input("obs", [rows, obs_dim], arithmetic)?;
    let option = case.indices("option", rows, options)?;
    let is_first: Tensor<1, Bool> = vector("first")?.greater_elem(0.5);
    let high = HighMinibatch {
        obs: obs.clone(),
        previous: Previous { option: case.indices("prev_option", rows, options)?, is_first },
        option: option.clone(),
        log_prob: vector("old_log_prob_high")?,
        old_probs: case.input("old_high_policy", [rows, options], arithmetic)?,
        advantage: vector("advantage_high")?,
        returns: vector("return_high")?,
    };
    let low = LowMinibatch {
        obs,
        option,
        action: case.input("action", [rows, action_dim], arithmetic)?,
        log_prob: vector("old_log_prob_low")?,
        advantage: vector("advantage_low")?,
        returns: vector("return_low")?,
    };
    Ok(vec![
        computed("high", &net.high_loss(&config, high).loss, &net, ""),
        computed("low", &net.low_loss(&config, low).loss, &net, ""),
    ])
}
