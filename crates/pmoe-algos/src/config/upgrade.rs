//! Configs of earlier versions, brought to today's form with the values that these versions used.

use pmoe_envs::TaskId;
use toml::{Table, Value};

/// Settings of SAC that earlier versions did not have, with the value that was fixed then.
const SAC: [(&str, &str); 4] = [
    ("init", "\"torch\""),
    ("log_std", "{ clamp = [-20.0, 2.0] }"),
    ("bootstrap_truncation", "true"),
    ("target", "\"sample\""),
];

/// Settings of PMOE-SAC that are now in `estimator.frequency`.
const FREQUENCY: [&str; 4] = ["primitive_loss", "freq_coef", "freq_reduction", "argmax_score"];

/// Upgrades the config of a run in place; today's configs stay as they are.
pub(super) fn upgrade(config: &mut Table) {
    if let Some(sac) = table(config, &["algo", "sac"]) {
        for (key, value) in SAC {
            sac.entry(key).or_insert_with(|| parsed(value));
        }
    }
    if let Some(pmoe) = table(config, &["algo", "sac", "actor", "pmoe"])
        && !pmoe.contains_key("estimator")
    {
        let moved = FREQUENCY.iter().filter_map(|key| pmoe.remove_entry(*key));
        let mut frequency: Table = moved.collect();
        frequency.insert("alpha_log_prob".to_owned(), parsed("\"learning\""));
        let estimator = Table::from_iter([("frequency".to_owned(), Value::Table(frequency))]);
        pmoe.insert("estimator".to_owned(), Value::Table(estimator));
    }
    if !config.contains_key("env") {
        let task = config.get("task").and_then(Value::as_str);
        let task = task.and_then(|task| task.parse::<TaskId>().ok());
        let env = task.and_then(|task| Value::try_from(task.config().ok()?).ok());
        config.extend(env.map(|env| ("env".to_owned(), env)));
    }
}

fn table<'a>(config: &'a mut Table, path: &[&str]) -> Option<&'a mut Table> {
    path.iter().try_fold(config, |table, key| table.get_mut(*key)?.as_table_mut())
}

fn parsed(value: &str) -> Value {
    pmoe_results::settings::parse_value(value)
}

#[cfg(test)]
mod tests {
    use crate::config::{MethodConfig, RunConfig};
    use crate::critic::CriticNorm;
    use crate::policy::McpBound;
    use crate::ppo::{self, PpoConfig};
    use crate::sac::{ActorConfig, Estimator, PrimitiveLoss, SacConfig};
    use crate::{AlgoConfig, DeviceKind};

    /// Written by an early version.
    const EARLY: &str = "\
        method = \"pmoe-sac\"\ntask = \"Hopper-v4\"\nseed = 0\ndevice = \"flex\"\n\
        [algo.sac]\ngamma = 0.98\ntau = 0.005\nbatch_size = 100\nbuffer_size = 1000000\n\
        random_steps = 10000\nlearning_starts = 1000\ngradient_steps = 1\nactor_lr = 0.001\n\
        critic_lr = 0.001\nadam_epsilon = 0.00000001\nhidden = [256, 256]\nreward_scale = 1.0\n\
        [algo.sac.temperature.fixed]\nalpha = 0.2\n\
        [algo.sac.actor.pmoe]\nnum_primitives = 4\nprimitive_loss = \"all\"\nfreq_coef = 1.0\n\
        freq_reduction = \"sum\"\nrouting_input = \"trunk_sg\"\nargmax_score = \"q\"\n\
        entropy_log_prob = \"component\"\neval_primitive = \"sample\"\n\
        [schedule]\ntotal_steps = 300000\neval_every = 10000\neval_episodes = 10\n\
        log_every = 1000\ncheckpoint_every = 50000\n";

    #[test]
    fn an_early_config_means_what_it_meant() {
        let config = RunConfig::from_run(EARLY, "config.toml").unwrap();
        let MethodConfig { algo: mut expected, .. } = MethodConfig::named("pmoe-sac").unwrap();
        let AlgoConfig::Sac(sac) = &mut expected else { panic!("PMOE-SAC is SAC") };
        sac.gamma = 0.98;
        let ActorConfig::Pmoe(pmoe) = &mut sac.actor else { panic!("PMOE-SAC has PMOE's actor") };
        let Estimator::Frequency(frequency) = &mut pmoe.estimator else { panic!("eq. 7") };
        frequency.primitive_loss = PrimitiveLoss::All;
        assert_eq!(config.algo, expected);
        assert_eq!((config.device, config.env), (DeviceKind::Flex, config.task.config().unwrap()));
    }

    #[test]
    fn critics_without_a_norm_are_what_they_were_before_there_was_one() {
        let config = RunConfig::from_run(EARLY, "config.toml").unwrap();
        let AlgoConfig::Sac(sac) = &config.algo else { panic!("PMOE-SAC is SAC") };
        assert_eq!(sac.critic_norm, CriticNorm::None);
        // Neither its text nor its id is new, so its checkpoints and reports stay its own.
        assert!(!config.to_toml().contains("critic_norm"));
        let stated = EARLY.replace("reward_scale", "critic_norm = \"none\"\nreward_scale");
        assert_eq!(RunConfig::from_run(&stated, "config.toml").unwrap().id(), config.id());
        let layer = stated.replace("critic_norm = \"none\"", "critic_norm = \"layer\"");
        let layer = RunConfig::from_run(&layer, "config.toml").unwrap();
        assert_ne!(layer.id(), config.id());
        assert_eq!(RunConfig::from_run(&layer.to_toml(), "config.toml").unwrap(), layer);
    }

    #[test]
    fn the_product_of_an_early_mcp_is_unbounded() {
        let run = |method: &str, bound: &str| {
            let named = MethodConfig::named(method).unwrap();
            let run = RunConfig::from_run(EARLY, "config.toml").unwrap();
            let run = RunConfig { method: method.to_owned(), algo: named.algo, ..run };
            run.to_toml().replace("bound = \"product\"\n", bound)
        };
        for method in ["mcp-sac", "mcp-ppo"] {
            let bound = |text: &str| match RunConfig::from_run(text, "config.toml").unwrap().algo {
                AlgoConfig::Sac(SacConfig { actor: ActorConfig::Mcp(mcp), .. }) => mcp.bound,
                AlgoConfig::Ppo(PpoConfig { actor: ppo::ActorConfig::Mcp(mcp), .. }) => mcp.bound,
                other => panic!("{other:?} is not MCP"),
            };
            assert_eq!(bound(&run(method, "")), McpBound::Primitives);
            assert_eq!(bound(&run(method, "bound = \"product\"\n")), McpBound::Product);
        }
    }

    #[test]
    fn todays_config_stays_as_it_is_and_a_wrong_one_is_refused() {
        let config = RunConfig::from_run(EARLY, "config.toml").unwrap();
        assert_eq!(RunConfig::from_run(&config.to_toml(), "config.toml").unwrap(), config);
        let error = RunConfig::from_run(&EARLY.replace("gamma", "gama"), "config.toml");
        assert!(error.unwrap_err().to_string().contains("gama"));
        // A method's file has to be complete.
        assert!(RunConfig::from_toml(EARLY, "config.toml").is_err());
    }
}
