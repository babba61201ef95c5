"""PPO with a Gaussian, PMOE-PPO, MCP-PPO and gating-PPO: the loss of one minibatch."""

import numpy as np
import torch

from . import dists, sac
from .sac import draw_heads, draw_mcp

METHODS = ("ppo", "pmoe_ppo", "mcp_ppo", "gating_ppo")


# --- networks ------------------------------------------------------------------------------------


def draw(case):
    sizes, hidden = case.sizes, case.sizes["hidden"]
    obs, action, k = sizes["O"], sizes["A"], sizes.get("K", 1)
    if case.method == "mcp_ppo":
        draw_value(case)
        if case.switches["mcp_net"] == "full":
            draw_mcp(case)
            return
    case.mlp("actor.trunk", [obs, *hidden])
    if "std" in case.switches:
        case.linear("actor.mean", hidden[-1], k * action)
        case.param("actor.std", case.rng.uniform(-0.8, 0.5, (k, action)))
    else:
        draw_heads(case, hidden[-1], k)
    if case.method != "ppo":
        reads = obs if case.switches.get("routing_input") == "obs" else hidden[-1]
        gate = "actor.gate" if case.method == "gating_ppo" else "actor.router"
        case.linear(gate, reads, k, gain=2.5, bias=sac.gate_bias(case))
    if case.switches.get("critic") == "shared":
        case.linear("critic.head", hidden[-1], 1)
    elif case.method != "mcp_ppo":
        draw_value(case)


def draw_value(case):
    """A value network of its own."""
    sizes = case.sizes
    case.mlp("critic.trunk", [sizes["O"], *sizes["value_hidden"]])
    case.linear("critic.head", sizes["value_hidden"][-1], 1)


def nonlinearity(case):
    return {"relu": case.relu, "tanh": torch.tanh}[case.switches["nonlinearity"]]


def output(case, mean):
    return torch.tanh(mean) if case.switches["mean_output"] == "tanh" else mean


def log_std(case, raw):
    """log σ of a parameter that is the same in every state."""
    return raw if case.switches["std"] == "exp" else dists.softplus(raw).log()


class Policy:
    """What the networks say of a batch of observations."""

    def __init__(self, case, obs):
        k, action = case.sizes.get("K", 1), case.sizes["A"]
        if case.method == "mcp_ppo":
            h = case.forward("critic.trunk", obs, case.relu, case.relu)
            self.value = case.layer("critic.head", h).squeeze(-1)
            self.log_w, self.mean, self.log_std = sac.actor(case, obs)
            return
        activation = nonlinearity(case)
        h = case.forward("actor.trunk", obs, activation, activation)
        self.mean = output(case, case.layer("actor.mean", h)).reshape(-1, k, action)
        if "std" in case.switches:
            raw = log_std(case, case.params["actor.std"])
            self.log_std = raw.reshape(1, k, action).expand_as(self.mean)
        else:
            raw = case.layer("actor.log_std", h).reshape(-1, k, action)
            self.log_std = sac.limited(case, raw)
        if case.method == "gating_ppo":
            self.log_w = torch.log_softmax(case.layer("actor.gate", h), -1)
        elif case.method == "pmoe_ppo":
            reads = {"trunk": h, "trunk_sg": h.detach(), "obs": obs}
            reads = reads[case.switches["routing_input"]]
            self.log_w = torch.log_softmax(case.layer("actor.router", reads), -1)
        if case.switches["critic"] == "separate":
            h = case.forward("critic.trunk", obs, activation, activation)
        self.value = case.layer("critic.head", h).squeeze(-1)


def gaussian(case, policy):
    """Mean and log σ `[B, A]` of the methods whose policy is one Gaussian."""
    if case.method == "mcp_ppo":
        return sac.product(case, policy.log_w, policy.mean, policy.log_std)
    if case.method == "gating_ppo":
        return dists.gated_gaussian(policy.log_w.exp(), policy.mean, policy.log_std,
                                    case.switches["gating_var"])
    return policy.mean[:, 0], policy.log_std[:, 0]


def draw_action(case, policy):
    """Actions that the policy might have taken."""
    b = case.sizes["B"]
    if case.method == "pmoe_ppo":
        chosen = torch.arange(b), torch.from_numpy(case.rng.integers(0, case.sizes["K"], b))
        mean, log_std = policy.mean[chosen], policy.log_std[chosen]
    else:
        mean, log_std = gaussian(case, policy)
    return case.input("action", sampled(case, mean, log_std))


def sampled(case, mean, log_std):
    mean, log_std = mean.detach().double().numpy(), log_std.detach().double().numpy()
    return mean + np.exp(log_std) * case.rng.standard_normal(mean.shape)


def log_prob_and_entropy(case, policy, action):
    """log π(a|s) `[B]` and the entropy `[B]`; of a mixture Σ w_k H_k, which bounds it from below."""
    if case.method == "pmoe_ppo":
        # With `freq`, the router learns only from the frequency loss.
        log_w = policy.log_w.detach() if case.switches["routing"] == "freq" else policy.log_w
        log_prob = dists.mixture_log_prob(action.unsqueeze(1), log_w, policy.mean, policy.log_std)
        entropy = (log_w.exp() * dists.normal_entropy(policy.log_std)).sum(1)
        return log_prob.squeeze(1), entropy
    mean, log_std = gaussian(case, policy)
    return dists.normal_log_prob(action, mean, log_std), dists.normal_entropy(log_std)


# --- losses --------------------------------------------------------------------------------------


def surrogate(case, log_prob, old_log_prob, advantage):
    """mean max(−ρ Â, −clip(ρ, 1 ± ε) Â)."""
    eps = case.scalars["clip_ratio"]
    ratio = (log_prob - old_log_prob).exp()
    clipped = case.clamp(ratio, 1.0 - eps, 1.0 + eps)
    inside = (ratio.detach() - 1.0).abs() < eps
    return case.maximum(-ratio * advantage, -clipped * advantage, where=inside).mean()


def value_loss(case, value):
    """½ mean (V − R)², or of the larger one of V's and its clipped self's."""
    x = case.inputs
    squares = (value - x["return"]) ** 2
    if case.switches["value_clip"]:
        limit = case.scalars["clip_ratio"]
        step = case.clamp(value - x["old_value"], -limit, limit)
        inside = (value - x["old_value"]).detach().abs() < limit
        clipped = (x["old_value"] + step - x["return"]) ** 2
        squares = case.maximum(squares, clipped, where=inside)
    return 0.5 * squares.mean()


def old_log_prob(case, name, log_prob):
    """So that the ratios lie on both sides of both limits."""
    ratios = np.resize([1.45, 0.6, 1.08, 0.93, 0.55, 1.6], log_prob.shape[0])
    ratios = ratios * case.rng.uniform(0.95, 1.05, ratios.shape)
    return case.input(name, log_prob.detach().double().numpy() - np.log(ratios))


def draw_advantage(case, name):
    """Of both signs at each ratio, if the batch has twelve rows."""
    b = case.sizes["B"]
    signs = np.where(np.arange(b) % 12 < 6, 1.0, -1.0)
    return case.input(name, signs * case.rng.uniform(0.3, 2.0, b) + 0.2)


def normalised(case, advantage):
    """With mean 0 and standard deviation 1 (n − 1 in the denominator) over the minibatch."""
    if case.switches["advantage_norm"] == "rollout":
        return advantage
    exact = advantage.double()
    exact = (exact - exact.mean()) / (exact.std() + 1e-8)
    # Part of the data, which are stored in 32 bits.
    return exact.float().to(case.dtype)


def define(case):
    """Draws a case and records its losses."""
    sizes, switches, scalars = case.sizes, case.switches, case.scalars
    b, o, a, k = sizes["B"], sizes["O"], sizes["A"], sizes.get("K", 1)
    draw(case)
    judged = case.method == "pmoe_ppo" and switches["routing"] != "pg"
    if judged:
        case.mlp("aux", [o + a, *sizes["aux_hidden"], 1], gain=2.5)
    obs = case.normal("obs", b, o)
    policy = Policy(case, obs)
    action = draw_action(case, policy)
    log_prob, entropy = log_prob_and_entropy(case, policy, action)
    old = old_log_prob(case, "old_log_prob", log_prob)
    advantage = normalised(case, draw_advantage(case, "advantage"))
    returns = case.input("return", case.rng.normal(0.3, 1.0, b))
    near = case.rng.uniform(-0.5, 0.5, b)
    case.input("old_value", policy.value.detach().double().numpy() + near)

    total = surrogate(case, log_prob, old, advantage)
    total = total + scalars["vf_coef"] * value_loss(case, policy.value)
    total = total - scalars["ent_coef"] * entropy.mean()
    if judged:
        noise = case.normal("noise", b, k, a)
        fresh = (policy.mean + policy.log_std.exp() * noise).detach()
        repeated = obs.unsqueeze(1).expand(-1, k, -1)
        q = case.forward("aux", torch.cat([repeated, fresh], -1), case.relu).squeeze(-1)
        best = case.argmax(q)
        case.require(k == 1 or len(best.unique()) > 1)
        best = torch.nn.functional.one_hot(best, k).to(case.dtype)
        squares = (best - policy.log_w.exp()) ** 2
        freq = squares.sum(1).mean()
        if switches["freq_reduction"] == "mean":
            freq = freq / k
        total = total + scalars["freq_coef"] * freq
        q = case.forward("aux", torch.cat([obs, action], -1), case.relu).squeeze(-1)
        case.loss("aux", ((q - returns) ** 2).mean(), ["aux."])
    case.loss("policy", total, ["actor.", "critic."])
