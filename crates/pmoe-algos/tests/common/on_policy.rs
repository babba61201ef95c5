//! Small PPO, DAC and TD3 learners, and learners of any kind.

use pmoe_algos::critic::CriticNorm;
use pmoe_algos::dac::{DacConfig, EvalOption, Returns};
use pmoe_algos::normalize::NormalizeConfig;
use pmoe_algos::policy::{
    EvalPrimitive, FreqReduction, GatingVariance, Init, LogStd, McpBound, McpGate, McpNetwork,
    NonlinearityConfig, RoutingInput, StdConfig,
};
use pmoe_algos::ppo::{
    ActorConfig, AdvantageNorm, CriticConfig, GatingConfig, InitConfig, McpConfig, MeanOutput,
    NetConfig, PmoeConfig, PpoConfig, Routing,
};

use pmoe_algos::td3::Td3Config;
use pmoe_algos::{Agent, AlgoConfig, AnyAgent, Mode, Transition};
use pmoe_core::noise;
use pmoe_envs::{EnvSpec, Rng};

pub const LIMITS: LogStd = LogStd::Clamp(-20.0, 2.0);

pub fn gaussian() -> ActorConfig {
    ActorConfig::Gaussian { std: StdConfig::Exp { initial: 0.5 } }
}

pub fn pmoe(num_primitives: usize) -> PmoeConfig {
    PmoeConfig {
        num_primitives,
        std: StdConfig::Exp { initial: 0.5 },
        routing: Routing::PgFreq,
        routing_input: RoutingInput::TrunkSg,
        freq_coef: 1.0,
        freq_reduction: FreqReduction::Sum,
        aux_hidden: vec![16, 16],
        aux_output_bound: 3e-3,
        aux_lr: 3e-3,
        eval_primitive: EvalPrimitive::Sample,
    }
}

pub fn gating() -> ActorConfig {
    let variance = GatingVariance::Paper;
    ActorConfig::Gating(GatingConfig { num_primitives: 3, variance, log_std: LIMITS })
}

/// MCP-PPO with PMOE's network sizes.
pub fn mcp() -> ActorConfig {
    let (gate, network, bound) = (McpGate::Sigmoid, McpNetwork::Matched, McpBound::Product);
    ActorConfig::Mcp(McpConfig { num_primitives: 3, gate, network, log_std: LIMITS, bound })
}

/// Returns settings with small networks and short rollouts.
pub fn ppo(actor: ActorConfig) -> PpoConfig {
    let separate = CriticConfig::Separate { hidden: vec![16, 16] };
    let is_mcp = matches!(actor, ActorConfig::Mcp(_));
    PpoConfig {
        gamma: 0.9,
        gae_lambda: 0.95,
        rollout_steps: 100,
        num_envs: 1,
        epochs: 4,
        minibatch_size: 32,
        lr: 3e-3,
        anneal_lr: false,
        adam_epsilon: 1e-5,
        clip_ratio: 0.2,
        value_clip: true,
        vf_coef: 0.5,
        ent_coef: 0.0,
        max_grad_norm: 0.5,
        advantage_norm: AdvantageNorm::Minibatch,
        bootstrap_truncation: true,
        normalize: NormalizeConfig { obs: true, reward: true, clip: 10.0 },
        net: NetConfig {
            hidden: vec![16, 16],
            nonlinearity: NonlinearityConfig::Relu,
            mean_output: MeanOutput::Tanh,
            critic: if is_mcp { separate } else { CriticConfig::Shared {} },
            init: InitConfig::Torch {},
        },
        actor,
    }
}

/// Returns the same settings with networks as in CleanRL.
pub fn cleanrl(actor: ActorConfig) -> PpoConfig {
    let net = NetConfig {
        hidden: vec![16, 16],
        nonlinearity: NonlinearityConfig::Tanh,
        mean_output: MeanOutput::Identity,
        critic: CriticConfig::Separate { hidden: vec![16, 16] },
        init: InitConfig::Orthogonal { hidden_gain: 1.4, mean_gain: 0.01, value_gain: 1.0 },
    };
    PpoConfig { net, anneal_lr: true, ent_coef: 0.01, ..ppo(actor) }
}

pub fn dac(num_options: usize) -> DacConfig {
    DacConfig {
        num_options,
        gamma: 0.9,
        gae_lambda: 0.95,
        returns: Returns::Discounted,
        rollout_steps: 100,
        epochs: 4,
        minibatch_size: 32,
        lr: 3e-3,
        adam_epsilon: 1e-5,
        clip_ratio: 0.2,
        vf_coef: 1.0,
        ent_coef: 0.01,
        termination_coef: 0.0,
        max_grad_norm: 0.5,
        bootstrap_truncation: true,
        hidden: vec![16, 16],
        nonlinearity: NonlinearityConfig::Tanh,
        hidden_gain: 1.0,
        head_gain: 1e-3,
        std: StdConfig::Softplus { initial: 0.5 },
        eval_option: EvalOption::Sample,
        normalize: NormalizeConfig { obs: true, reward: true, clip: 10.0 },
    }
}

/// Returns every on-policy method and policy.
pub fn variants() -> Vec<AlgoConfig> {
    let with_routing = |routing| ActorConfig::Pmoe(PmoeConfig { routing, ..pmoe(3) });
    let ppos = [
        ppo(gaussian()),
        cleanrl(gaussian()),
        ppo(with_routing(Routing::PgFreq)),
        ppo(with_routing(Routing::Freq)),
        cleanrl(with_routing(Routing::Pg)),
        ppo(gating()),
        ppo(mcp()),
        PpoConfig { num_envs: 4, ..ppo(gaussian()) },
        PpoConfig { num_envs: 2, ..cleanrl(with_routing(Routing::PgFreq)) },
    ];
    let lambda = DacConfig { returns: Returns::Lambda, termination_coef: 0.1, ..dac(3) };
    let dacs = [dac(3), lambda].map(AlgoConfig::Dac);
    ppos.map(AlgoConfig::Ppo).into_iter().chain(dacs).collect()
}

/// Returns a learner of each remaining off-policy algorithm except SAC.
pub fn others() -> Vec<AlgoConfig> {
    let normalised = Td3Config { critic_norm: CriticNorm::Layer, ..td3() };
    [td3(), normalised].map(AlgoConfig::Td3).into()
}

/// Returns settings with small networks and batches.
pub fn td3() -> Td3Config {
    Td3Config {
        gamma: 0.9,
        tau: 0.02,
        batch_size: 32,
        buffer_size: 5_000,
        random_steps: 100,
        learning_starts: 99,
        actor_lr: 3e-3,
        critic_lr: 3e-3,
        adam_epsilon: 1e-8,
        hidden: vec![32, 32],
        init: Init::Torch,
        critic_norm: CriticNorm::None,
        // With 0.1, the replay buffer soon holds little but the surroundings of the target, and the
        // policy gets worse again.
        exploration_noise: 0.3,
        target_noise: 0.2,
        target_noise_clip: 0.5,
        policy_delay: 2,
        bootstrap_truncation: true,
    }
}

/// Creates a learner for observations and actions of the given lengths.
pub fn agent(config: &AlgoConfig, obs_dim: usize, action_dim: usize, seed: u64) -> AnyAgent {
    config.agent(&EnvSpec::new("test", obs_dim, action_dim), 1000, seed, &super::device())
}

/// Returns the bits of every trained parameter.
pub fn bits(agent: &AnyAgent) -> Vec<Vec<u32>> {
    match agent {
        AnyAgent::Sac(agent) => [super::bits(agent.actor()), super::critic_bits(agent)].concat(),
        AnyAgent::Ppo(agent) => {
            let aux = agent.action_value().map(super::bits).unwrap_or_default();
            [super::bits(agent.net()), aux].concat()
        }
        AnyAgent::Dac(agent) => super::bits(agent.net()),
        AnyAgent::Td3(agent) => [super::bits(agent.actor()), super::bits(agent.critic())].concat(),
    }
}

/// Acts, observes and learns for some steps in a random environment, whose episodes terminate or
/// are truncated.
pub fn live<A: Agent>(
    agent: &mut A,
    memory: &mut A::Memory,
    sizes: (usize, usize),
    steps: usize,
    rng: &mut Rng,
) -> u32 {
    let [mut obs, mut next_obs] = [vec![0.0; sizes.0], vec![0.0; sizes.0]];
    let mut action = vec![0.0; sizes.1];
    let mut updates = 0;
    for step in 0..steps {
        noise::fill_uniform(&mut obs, rng);
        noise::fill_uniform(&mut next_obs, rng);
        agent.act(memory, &obs, Mode::Explore, rng, &mut action).unwrap();
        let (terminated, truncated) = (step % 10 == 9, step % 25 == 24);
        let transition = Transition {
            obs: &obs,
            action: &action,
            reward: obs[0] * action[0],
            next_obs: &next_obs,
            terminated,
            truncated,
        };
        agent.observe(memory, transition);
        if terminated || truncated {
            *memory = A::Memory::default();
        }
        updates += agent.update(rng, &|| false).taken;
    }
    updates
}
