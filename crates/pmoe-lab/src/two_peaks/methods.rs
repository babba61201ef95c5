//! The methods of the experiment.

use pmoe_algos::sac::{ActorConfig, SacConfig, TemperatureConfig};
use pmoe_algos::{AlgoConfig, ConfigError, MethodConfig};
use pmoe_results::methods::config_of;
use pmoe_results::settings::{absolute_key, assign, parse_value};

use super::Settings;

/// A method of `configs/methods` with settings of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// Name in this experiment: that of the file, and what differs.
    pub name: &'static str,
    /// Name of the file in `configs/methods`.
    base: &'static str,
    /// Keys and values that differ from the file.
    set: &'static [(&'static str, &'static str)],
    /// Whether its actions are drawn in the figure.
    pub(super) is_drawn: bool,
}

const fn method(
    name: &'static str,
    base: &'static str,
    set: &'static [(&'static str, &'static str)],
) -> Method {
    Method { name, base, set, is_drawn: false }
}

impl Method {
    const fn drawn(self) -> Self {
        Self { is_drawn: true, ..self }
    }

    /// Returns the settings for `--method` and `--set`, without the sizes of the experiment.
    pub fn text(&self) -> String {
        let set = self.set.iter().map(|(key, value)| format!(" --set {key}={value}"));
        self.base.to_owned() + &set.collect::<String>()
    }

    /// Returns the settings with the sizes of the experiment.
    pub(super) fn config(&self, settings: &Settings) -> Result<SacConfig, ConfigError> {
        let mut table = config_of(self.base).expect("a committed method");
        for (key, value) in self.set {
            let key = absolute_key(&table, key);
            assign(&mut table, &key, parse_value(value)).expect("keys are those of the file");
        }
        let AlgoConfig::Sac(mut config) = MethodConfig::from_table(table, self.base)?.algo else {
            panic!("{} is a method of the SAC family", self.base);
        };
        config.hidden.clone_from(&settings.hidden);
        config.batch_size = settings.batch_size;
        config.actor_lr = settings.learning_rate;
        match &mut config.temperature {
            TemperatureConfig::Fixed { alpha } | TemperatureConfig::Calibrated { alpha, .. } => {
                *alpha = settings.alpha;
            }
            TemperatureConfig::Auto { .. } => {}
        }
        if let ActorConfig::Pmoe(pmoe) = &mut config.actor {
            pmoe.num_primitives = settings.num_primitives;
        }
        config.validate()?;
        Ok(config)
    }
}

const COMPONENT: (&str, &str) = ("actor.pmoe.entropy_log_prob", "component");
const MIXTURE: (&str, &str) = ("actor.pmoe.entropy_log_prob", "mixture");
/// Twice the weight that it has in the entropy of the mixture.
const DIVERSITY: (&str, &str) = ("actor.pmoe.estimator.marginal.diversity", "1.0");
const SOFT_Q: (&str, &str) = ("actor.pmoe.estimator.frequency.argmax_score", "soft_q");

/// Returns the methods, SAC first.
pub fn methods() -> Vec<Method> {
    vec![
        method("sac", "sac", &[]).drawn(),
        method("pmoe-sac", "pmoe-sac", &[]).drawn(),
        method("pmoe-sac/soft_q", "pmoe-sac", &[SOFT_Q]),
        method("pmoe-sac/mixture", "pmoe-sac", &[MIXTURE]).drawn(),
        method("pmoe-sac-all", "pmoe-sac-all", &[]),
        method("pmoe-sac-calibrated", "pmoe-sac-calibrated", &[]).drawn(),
        method("pmoe-sac-modes", "pmoe-sac-modes", &[]).drawn(),
        method("pmoe-sac-best", "pmoe-sac-best", &[]).drawn(),
        method("pmoe-sac-gumbel/component", "pmoe-sac-gumbel", &[COMPONENT]),
        method("pmoe-sac-gumbel/mixture", "pmoe-sac-gumbel", &[MIXTURE]),
        method("pmoe-sac-reinforce/component", "pmoe-sac-reinforce", &[COMPONENT]),
        method("pmoe-sac-reinforce/mixture", "pmoe-sac-reinforce", &[MIXTURE]),
        method("pmoe-sac-lr", "pmoe-sac-lr", &[]),
        method("pmoe-sac-marginal", "pmoe-sac-marginal", &[]).drawn(),
        method("pmoe-sac-marginal/diversity", "pmoe-sac-marginal", &[DIVERSITY]),
        method("pmoe-sac-release", "pmoe-sac-release", &[]).drawn(),
    ]
}
