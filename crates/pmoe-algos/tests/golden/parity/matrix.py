"""Which cases there are: the switches of each method, their combinations, sizes."""

import itertools

from . import critics, dac, ppo, sac, td3

TEMPERATURE = {"alpha": ["fixed", "auto"], "log_std": ["clamp", "tanh"]}
ROUTING = {
    "target": ["sample"],
    "entropy_log_prob": ["component", "mixture"],
    "routing_input": ["trunk", "trunk_sg", "obs"],
}
PPO = {
    "value_clip": [True, False],
    "advantage_norm": ["minibatch", "rollout"],
}
NETS = {
    "nonlinearity": ["relu", "tanh"],
    "mean_output": ["tanh", "identity"],
    "critic": ["shared", "separate"],
    "std": ["exp", "softplus"],
}

# Methods without primitives.
SINGLE = ("sac", "ppo", "td3")

# Methods with two primitives or more.
SEVERAL = ("pmoe_sac_critics",)

# Name of the family: method, switches.
FAMILIES = {
    "sac": ("sac", TEMPERATURE),
    "gating-sac": ("gating_sac", {**TEMPERATURE, "gating_var": ["paper", "exact"]}),
    "mcp-sac": ("mcp_sac", {
        **TEMPERATURE,
        "mcp_gate": ["sigmoid", "softmax"],
        "mcp_net": ["full", "matched"],
        "mcp_bound": ["product", "primitives"],
    }),
    "pmoe-sac": ("pmoe_sac", {
        "estimator": ["frequency"],
        **TEMPERATURE,
        **ROUTING,
        "primitive_loss": ["max", "all"],
        "freq_reduction": ["sum", "mean"],
        "argmax_score": ["q", "soft_q", "mode"],
        "alpha_log_prob": ["learning", "drawn"],
    }),
    "gumbel": ("pmoe_sac", {
        "estimator": ["gumbel_st", "gumbel_soft"],
        "alpha": ["fixed", "auto"],
        "log_std": ["clamp"],
        **ROUTING,
    }),
    "reinforce": ("pmoe_sac", {
        "estimator": ["reinforce"],
        "baseline": ["none", "expected", "ema"],
        "alpha": ["fixed", "auto"],
        "log_std": ["clamp"],
        **ROUTING,
    }),
    # These two are defined with the mixture's density.
    "likelihood-ratio": ("pmoe_sac", {
        "estimator": ["likelihood_ratio"],
        "baseline": ["none", "expected"],
        "alpha": ["fixed", "auto"],
        "log_std": ["clamp"],
        **ROUTING,
        "entropy_log_prob": ["mixture"],
    }),
    "marginal": ("pmoe_sac", {
        "estimator": ["marginal"],
        "alpha": ["fixed", "auto"],
        "log_std": ["clamp"],
        **ROUTING,
        "entropy_log_prob": ["mixture"],
    }),
    "ppo": ("ppo", {**PPO, **NETS}),
    "pmoe-ppo": ("pmoe_ppo", {
        **PPO,
        **NETS,
        "routing": ["pg_freq", "freq", "pg"],
        "routing_input": ["trunk", "trunk_sg", "obs"],
        "freq_reduction": ["sum", "mean"],
    }),
    "mcp-ppo": ("mcp_ppo", {
        **PPO,
        "mcp_net": ["full", "matched"],
        "log_std": ["clamp", "tanh"],
        "mcp_gate": ["sigmoid", "softmax"],
        "mcp_bound": ["product", "primitives"],
    }),
    "gating-ppo": ("gating_ppo", {
        **PPO,
        **{name: values for name, values in NETS.items() if name != "std"},
        "log_std": ["clamp", "tanh"],
        "gating_var": ["paper", "exact"],
    }),
    "dac": ("dac", {
        "nonlinearity": ["tanh", "relu"],
        "std": ["softplus", "exp"],
    }),
    "td3": ("td3", {}),
    # At the end, as a case is drawn by the number of its family.
    "best": ("pmoe_sac", {
        "estimator": ["frequency"],
        **TEMPERATURE,
        **ROUTING,
        "target": ["max"],
        "entropy_log_prob": ["component"],
        "primitive_loss": ["max"],
        "freq_reduction": ["sum", "mean"],
        "argmax_score": ["q"],
        "alpha_log_prob": ["learning"],
    }),
    "critics": ("pmoe_sac_critics", {
        **TEMPERATURE,
        "routing_input": ROUTING["routing_input"],
        "freq_reduction": ["sum", "mean"],
    }),
    "marginal-spread": ("pmoe_sac", {
        "estimator": ["marginal_spread"],
        "alpha": ["fixed", "auto"],
        "log_std": ["clamp"],
        **ROUTING,
    }),
    # Normalised critics: forward, backward and frozen, with one and with several actions a state.
    "sac-ln": ("sac", {**TEMPERATURE, "critic_norm": ["layer"]}),
    "pmoe-sac-ln": ("pmoe_sac", {
        "estimator": ["frequency"],
        "alpha": ["fixed"],
        "log_std": ["clamp"],
        **ROUTING,
        "primitive_loss": ["max", "all"],
        "freq_reduction": ["sum"],
        "argmax_score": ["q"],
        "alpha_log_prob": ["learning"],
        "critic_norm": ["layer"],
    }),
    "td3-ln": ("td3", {"critic_norm": ["layer"]}),
}


def define(case):
    """Draws `case` by its method."""
    modules = {method: module for module in (sac, critics, ppo, dac, td3) for method in module.METHODS}
    modules[case.method].define(case)


def covering(space):
    """Combinations in which every pair of values of two switches occurs, found greedily."""
    names = list(space)
    every = [dict(zip(names, values)) for values in itertools.product(*space.values())]

    def pairs(combination):
        return set(itertools.combinations(combination.items(), 2)) | set(combination.items())

    missing = set().union(*map(pairs, every))
    chosen = []
    while missing:
        best = max(every, key=lambda c: len(pairs(c) & missing))
        missing -= pairs(best)
        chosen.append(best)
    # A method without switches has one case.
    return chosen or every


def sizes_and_scalars(method, switches, rng):
    """Sizes of a small case and its numbers, drawn."""
    def between(low, high):
        return int(rng.integers(low, high + 1))

    def uniform(low, high):
        return round(float(rng.uniform(low, high)), 3)

    sizes = {"B": between(4, 6), "O": between(3, 5), "A": between(1, 3)}
    if method not in SINGLE:
        sizes["K"] = between(2, 4)
    # Every option of DAC has separate networks.
    sizes["hidden"] = [4, 4] if method == "dac" else [between(5, 7), between(4, 6)]
    if switches.get("mcp_net") == "full":
        sizes["gate_hidden"] = [between(4, 6) for _ in range(3)]
        sizes["primitive_hidden"] = [between(4, 6) for _ in range(3)]

    if method in (*sac.METHODS, *critics.METHODS):
        scalars = {"gamma": 0.99}
        if switches["alpha"] == "fixed":
            scalars["alpha"] = uniform(0.05, 0.6)
        else:
            scalars["target_entropy"] = -float(sizes["A"])
        if switches.get("estimator") == "frequency" or method in critics.METHODS:
            scalars["freq_coef"] = uniform(0.3, 2.0)
        if switches.get("estimator", "").startswith("gumbel"):
            scalars["gumbel_temperature"] = uniform(0.4, 1.5)
        if switches.get("estimator") == "likelihood_ratio":
            scalars["regularization"] = uniform(0.01, 0.3)
            scalars["log_weight_floor"] = uniform(-1.0, -0.3)
        if switches.get("estimator") == "marginal_spread":
            scalars["diversity"] = uniform(0.3, 2.0)
            scalars["routing"] = uniform(0.3, 2.0)
        if switches.get("baseline") == "ema":
            scalars["baseline"] = uniform(-1.0, 1.0)
        return sizes, scalars

    if method in td3.METHODS:
        return sizes, {
            "gamma": 0.99,
            "target_noise": uniform(0.1, 0.4),
            "target_noise_clip": uniform(0.2, 0.5),
        }

    sizes["B"] = 12
    scalars = {"clip_ratio": 0.2, "vf_coef": uniform(0.3, 1.0), "ent_coef": uniform(0.01, 0.3)}
    if switches.get("critic") == "separate" or method == "mcp_ppo":
        sizes["value_hidden"] = [between(4, 6), between(4, 6)]
    if switches.get("routing", "pg") != "pg":
        sizes["aux_hidden"] = [between(4, 6), between(4, 6)]
        scalars["freq_coef"] = uniform(0.3, 2.0)
    if method == "dac":
        scalars["termination_coef"] = uniform(0.1, 0.6)
    return sizes, scalars
