"""SAC, gating-SAC, MCP-SAC, PMOE-SAC and the alternatives to its frequency loss."""

import math

import torch

from . import dists

METHODS = ("sac", "gating_sac", "mcp_sac", "pmoe_sac")


# --- networks ------------------------------------------------------------------------------------


def draw_heads(case, d_in, count):
    """Mean and log σ heads for `count` primitives, some of log σ outside its limits."""
    count *= case.sizes["A"]
    case.linear("actor.mean", d_in, count)
    bias = log_std_bias(case, count)
    if case.switches["log_std"] == "clamp":
        order = case.rng.permutation(count)
        bias[order[0]] = 2.6
        if never_divides_by_std(case):
            bias[order[-1]] = -20.9
    case.linear("actor.log_std", d_in, count, gain=1.0, bias=bias)


def log_std_bias(case, count):
    """So that σ is of the order of 1."""
    low, high = {"clamp": (-1.5, 0.5), "tanh": (0.2, 1.4)}[case.switches["log_std"]]
    return case.rng.uniform(low, high, count)


def never_divides_by_std(case):
    """Whether a σ of e⁻²⁰ leaves something that 32 bits can tell."""
    if case.method == "pmoe_sac":
        switches = case.switches
        return switches["entropy_log_prob"] == "component" and \
            switches["estimator"] != "marginal_spread"
    return case.method == "sac"


def draw_actor(case):
    sizes, hidden = case.sizes, case.sizes["hidden"]
    obs, k = sizes["O"], sizes.get("K", 1)
    if case.switches.get("mcp_net") == "full":
        draw_mcp(case)
        return
    case.mlp("actor.trunk", [obs, *hidden])
    draw_heads(case, hidden[-1], k)
    if case.method != "sac":
        reads = obs if case.switches.get("routing_input") == "obs" else hidden[-1]
        case.linear("actor.router", reads, k, gain=2.5, bias=gate_bias(case))


def gate_bias(case):
    """So that some products of MCP are wider than the limits: sigmoid weights are small."""
    return -4.5 if case.switches.get("mcp_gate") == "sigmoid" else None


def draw_mcp(case):
    """The gate O→g₀→g₁→g₂→K and K primitives on a shared trunk O→p₀→p₁, each with one layer more."""
    sizes = case.sizes
    gate = [sizes["O"], *sizes["gate_hidden"], sizes["K"]]
    case.mlp("actor.gate", gate, bias=gate_bias(case))
    trunk = sizes["primitive_hidden"][:-1]
    own = sizes["primitive_hidden"][-1]
    case.mlp("actor.trunk", [sizes["O"], *trunk])
    for k in range(sizes["K"]):
        case.linear(f"actor.primitives.{k}.trunk.0", trunk[-1], own)
        case.linear(f"actor.primitives.{k}.mean", own, sizes["A"])
        bias = log_std_bias(case, sizes["A"])
        case.linear(f"actor.primitives.{k}.log_std", own, sizes["A"], gain=1.0, bias=bias)


def product(case, log_w, mean, log_std):
    """Mean and log σ of MCP's product, within the limits of log σ with `mcp_bound = product`."""
    mean, log_std = dists.product_of_gaussians(log_w, mean, log_std)
    low, high = {"clamp": (-20.0, 2.0), "tanh": (-5.0, 2.0)}[case.switches["log_std"]]
    if case.switches["mcp_gate"] == "sigmoid":
        case.require((log_std > high).any() and (log_std < high).any())
    if case.switches["mcp_bound"] == "product":
        log_std = case.clamp(log_std, low, high)
    return mean, log_std


def limited(case, raw):
    """log σ within its limits."""
    if case.switches["log_std"] == "clamp":
        return case.clamp(raw, -20.0, 2.0)
    return -5.0 + 3.5 * (torch.tanh(raw) + 1.0)


def mcp_primitives(case, obs):
    """log gate `[B, K]`, mean and log σ `[B, K, A]` of the full network."""
    logits = case.forward("actor.gate", obs, case.relu)
    h = case.forward("actor.trunk", obs, case.relu, case.relu)
    means, log_stds = [], []
    for k in range(case.sizes["K"]):
        name = f"actor.primitives.{k}"
        own = case.relu(case.layer(f"{name}.trunk.0", h))
        means.append(case.layer(f"{name}.mean", own))
        log_stds.append(case.layer(f"{name}.log_std", own))
    return log_gate(case, logits), torch.stack(means, 1), torch.stack(log_stds, 1)


def log_gate(case, logits):
    if case.switches.get("mcp_gate") == "sigmoid":
        return -dists.softplus(-logits)
    return torch.log_softmax(logits, -1)


def actor(case, obs):
    """log weights `[B, K]`, mean and log σ `[B, K, A]`."""
    if case.switches.get("mcp_net") == "full":
        log_w, mean, log_std = mcp_primitives(case, obs)
        return log_w, mean, limited(case, log_std)
    k, action = case.sizes.get("K", 1), case.sizes["A"]
    h = case.forward("actor.trunk", obs, case.relu, case.relu)
    mean = case.layer("actor.mean", h).reshape(-1, k, action)
    log_std = limited(case, case.layer("actor.log_std", h).reshape(-1, k, action))
    if case.method == "sac":
        return None, mean, log_std
    reads = {"trunk": h, "trunk_sg": h.detach(), "obs": obs}
    logits = case.layer("actor.router", reads[case.switches.get("routing_input", "trunk")])
    if "log_weight_floor" in case.scalars:
        logits = case.maximum(logits, torch.full_like(logits, case.scalars["log_weight_floor"]))
    return log_gate(case, logits), mean, log_std


def single_gaussian(case, obs):
    """Mean and log σ `[B, A]` of the methods that compose their primitives to one Gaussian."""
    log_w, mean, log_std = actor(case, obs)
    if case.method == "sac":
        return mean[:, 0], log_std[:, 0]
    if case.method == "mcp_sac":
        return product(case, log_w, mean, log_std)
    return dists.gated_gaussian(log_w.exp(), mean, log_std, case.switches["gating_var"])


def draw_critics(case):
    sizes = case.sizes
    layers = [sizes["O"] + sizes["A"], *sizes["hidden"], 1]
    for name in ("critic.q1", "critic.q2", "target.q1", "target.q2"):
        case.mlp(name, layers, gain=2.5)
        if case.switches.get("critic_norm") == "layer":
            case.norms(f"{name}.norms", sizes["hidden"])


def critics(case, group, obs, action):
    """Q₁ and Q₂, `[...]`; obs `[B, O]` is repeated along the middle dimension of action."""
    if action.dim() == 3:
        obs = obs.unsqueeze(1).expand(-1, action.shape[1], -1)
    x = torch.cat([obs, action], -1)
    return tuple(case.forward(f"{group}.{q}", x, case.relu).squeeze(-1) for q in ("q1", "q2"))


# --- losses --------------------------------------------------------------------------------------


def draw_transitions(case):
    sizes = case.sizes
    b, o, a = sizes["B"], sizes["O"], sizes["A"]
    case.normal("obs", b, o)
    case.input("action", case.rng.uniform(-1, 1, (b, a)))
    case.input("reward", case.rng.normal(0.5, 1.0, b))
    terminated = (case.rng.uniform(size=b) < 0.3).astype(float)
    terminated[0], terminated[-1] = 0.0, 1.0
    case.input("terminated", terminated)
    case.normal("next_obs", b, o)


def draw_batch(case):
    sizes = case.sizes
    b, a, k = sizes["B"], sizes["A"], sizes.get("K", 1)
    draw_transitions(case)
    if case.method != "pmoe_sac":
        case.normal("next_noise", b, a)
        case.normal("noise", b, a)
        return
    if case.switches["target"] == "sample":
        case.normal("next_noise", b, a)
        case.index("next_primitive", k, b)
    else:
        case.normal("next_noise", b, k, a)
    if draws_best_alone(case):
        case.normal("noise", b, a)
    else:
        case.normal("noise", b, k, a)


def draws_best_alone(case):
    """Whether the best primitive is known by its mode, and only it draws an action."""
    return case.switches.get("argmax_score") == "mode" and case.switches["primitive_loss"] == "max"


def next_value(case, alpha, obs):
    """min Q̂(s', a') − α log π(a'|s') of one action; of the best one, with every primitive's draw."""
    noise = case.inputs["next_noise"]
    if case.method != "pmoe_sac":
        _, action, log_prob = dists.squashed(*single_gaussian(case, obs), noise)
        return case.minimum(*critics(case, "target", obs, action)) - alpha * log_prob
    log_w, mean, log_std = actor(case, obs)
    all_mean, all_log_std = mean, log_std
    if case.switches["target"] == "sample":
        rows, drawn = torch.arange(len(obs)), case.inputs["next_primitive"]
        mean, log_std = mean[rows, drawn].unsqueeze(1), log_std[rows, drawn].unsqueeze(1)
        noise = noise.unsqueeze(1)
    u, action, log_prob = dists.squashed(mean, log_std, noise)
    if case.switches["entropy_log_prob"] == "mixture":
        log_prob = squashed_mixture(u, log_w, all_mean, all_log_std)
    q = case.minimum(*critics(case, "target", obs, action))
    if case.switches["target"] == "max":
        best = case.argmax(q)
        case.require(q.shape[1] == 1 or not torch.equal(best, (q - alpha * log_prob).argmax(1)))
        at_best = best.unsqueeze(1)
        q, log_prob = q.gather(1, at_best), log_prob.gather(1, at_best) + of_best(case)
    return (q - alpha * log_prob).squeeze(1)


def of_best(case):
    """How much the log-density of the best of K draws exceeds that of a draw."""
    k = case.sizes["K"]
    return math.log(k) - (k - 1) / k


def squashed_mixture(u, log_w, mean, log_std):
    """The mixture's log-density of the actions tanh u, `[B, N]`."""
    return dists.mixture_log_prob(u, log_w, mean, log_std) - dists.tanh_log_det(u)


def critic_loss(case, alpha):
    """Σ_j mean (Q_j(s, a) − y)², y = r + γ (1 − terminated)(min Q̂(s', a') − α log π(a'|s'))."""
    x = case.inputs
    with torch.no_grad():
        value = next_value(case, alpha, x["next_obs"])
        y = x["reward"] + case.scalars["gamma"] * (1.0 - x["terminated"]) * value
    q1, q2 = critics(case, "critic", x["obs"], x["action"])
    return ((q1 - y) ** 2).mean() + ((q2 - y) ** 2).mean()


def gaussian_actor_loss(case, alpha):
    """mean(α log π(a|s) − min Q(s, a))."""
    x = case.inputs
    _, action, log_prob = dists.squashed(*single_gaussian(case, x["obs"]), x["noise"])
    q = case.minimum(*critics(case, "critic", x["obs"], action))
    return (alpha * log_prob - q).mean(), log_prob


class Judged:
    """Every primitive's action, its log-density and its value."""

    def __init__(self, case):
        x = case.inputs
        self.log_w, self.mean, self.log_std = actor(case, x["obs"])
        self.w = self.log_w.exp()
        noise = x["noise"] if x["noise"].dim() == 3 else x["noise"].unsqueeze(1)
        self.u, self.action, self.own = dists.squashed(self.mean, self.log_std, noise)
        self.log_prob = self.own
        # As the entropy term of the frequency estimator has it: the weights are constants.
        self.of_density = self.log_prob
        if case.switches["entropy_log_prob"] == "mixture":
            self.log_prob = self.mixture(self.u)
            self.of_density = squashed_mixture(self.u, self.log_w.detach(), self.mean, self.log_std)
        self.q = case.minimum(*critics(case, "critic", x["obs"], self.action))

    def mixture(self, u):
        return squashed_mixture(u, self.log_w, self.mean, self.log_std)


def frequency(case, alpha, j):
    """Back-propagation-max or -all with the frequency loss."""
    soft_q = j.q - alpha * j.of_density
    of_mode = case.minimum(*critics(case, "critic", case.inputs["obs"], torch.tanh(j.mean)))
    score = {"q": j.q, "soft_q": soft_q, "mode": of_mode}[case.switches["argmax_score"]]
    best = case.argmax(score)
    if j.w.shape[1] > 1:
        case.require(len(best.unique()) > 1)
        for other in (j.q, soft_q, j.q - alpha * j.own, j.q - j.own, of_mode):
            case.require(torch.equal(other, score) or
                         not torch.equal(other.argmax(1), best))
    at_best = best.unsqueeze(1)
    cost = alpha * j.of_density - j.q
    if case.switches["primitive_loss"] == "max":
        primitive, log_prob = cost.gather(1, at_best).mean(), j.of_density.gather(1, at_best)
    else:
        primitive, log_prob = cost.sum(1).mean(), j.of_density
    one_hot = torch.nn.functional.one_hot(best, j.w.shape[1]).to(case.dtype)
    squares = (one_hot - j.w) ** 2
    freq = squares.sum(1).mean() if case.switches["freq_reduction"] == "sum" else squares.mean()
    if case.switches["alpha_log_prob"] == "drawn":
        log_prob = j.of_density.gather(1, case.inputs["primitive"].unsqueeze(1))
    if case.switches["target"] == "max":
        log_prob = log_prob + of_best(case)
    return primitive + case.scalars["freq_coef"] * freq, log_prob


def gumbel(case, alpha, j):
    """Straight-through, or soft: the actions blended."""
    y = torch.softmax((j.log_w + case.inputs["gumbel"]) / case.scalars["gumbel_temperature"], -1)
    best = case.argmax(y)
    if case.switches["estimator"] == "gumbel_st":
        one_hot = torch.nn.functional.one_hot(best, y.shape[1]).to(case.dtype)
        straight = one_hot + y - y.detach()
        gain = j.q - alpha * j.log_prob
        return -(straight * gain).sum(1).mean(), j.log_prob.gather(1, best.unsqueeze(1))
    action = (y.unsqueeze(-1) * j.action).sum(1)
    log_prob = (y * j.log_prob).sum(1)
    q = case.minimum(*critics(case, "critic", case.inputs["obs"], action))
    return (alpha * log_prob - q).mean(), log_prob


def reinforce(case, alpha, j):
    """−G_k − log w_k sg(G_k − b), k given."""
    gain = j.q - alpha * j.log_prob
    at = case.inputs["primitive"].unsqueeze(1)
    baseline = {
        "none": lambda: 0.0,
        "expected": lambda: (j.w * gain).sum(1, keepdim=True).detach(),
        "ema": lambda: case.scalars["baseline"],
    }[case.switches["baseline"]]()
    drawn = gain.gather(1, at)
    loss = -drawn - j.log_w.gather(1, at) * (drawn.detach() - baseline)
    return loss.mean(), j.log_prob.gather(1, at)


def likelihood_ratio(case, alpha, j):
    """log π(a) sg(α log π(a) − min Q(s, a) + V(s)), a ~ π a constant, and the size of μ and log σ."""
    x = case.inputs
    rows = torch.arange(case.sizes["B"])
    drawn = j.mean[rows, x["primitive"]], j.log_std[rows, x["primitive"]]
    u, action, _ = (part.detach() for part in dists.squashed(*drawn, x["drawn_noise"]))
    log_prob = j.mixture(u.unsqueeze(1)).squeeze(1)
    q = case.minimum(*critics(case, "critic", x["obs"], action))
    cost = alpha * log_prob - q
    if case.switches["baseline"] == "expected":
        cost = cost + (j.w * (j.q - alpha * j.log_prob)).sum(1)
    size = (j.mean ** 2).mean() + (j.log_std ** 2).mean()
    loss = (log_prob * cost.detach()).mean() + case.scalars["regularization"] * 0.5 * size
    return loss, log_prob


def marginal(case, alpha, j):
    """−Σ_k w_k (G_k + α d log ρ_k(a_k)) − α r H(w), ρ_k the share of primitive k in the density."""
    value = j.q - alpha * j.log_prob
    if case.switches["estimator"] == "marginal_spread":
        log_rho = j.log_w + j.own - j.mixture(j.u)
        value = value + alpha * case.scalars["diversity"] * log_rho
        value = value - alpha * case.scalars["routing"] * j.log_w
    loss = -(j.w * value).sum(1).mean()
    return loss, (j.w * j.log_prob).sum(1)


ESTIMATORS = {
    "frequency": frequency,
    "gumbel_st": gumbel,
    "gumbel_soft": gumbel,
    "reinforce": reinforce,
    "likelihood_ratio": likelihood_ratio,
    "marginal": marginal,
    "marginal_spread": marginal,
}


def define(case):
    """Draws a case and records its losses."""
    draw_actor(case)
    draw_critics(case)
    draw_batch(case)
    switches = case.switches
    if case.method == "pmoe_sac":
        b, k = case.sizes["B"], case.sizes["K"]
        if switches["estimator"].startswith("gumbel"):
            case.input("gumbel", case.rng.gumbel(size=(b, k)))
        draws = switches["estimator"] in ("reinforce", "likelihood_ratio")
        if draws or switches.get("alpha_log_prob") == "drawn":
            case.index("primitive", k, b)
        if switches["estimator"] == "likelihood_ratio":
            case.normal("drawn_noise", b, case.sizes["A"])
    if switches["alpha"] == "auto":
        log_alpha = case.param("log_alpha", [case.rng.uniform(-1.5, 0.5)])
        alpha = log_alpha.detach().exp()
    else:
        alpha = case.scalars["alpha"]

    case.loss("critic", critic_loss(case, alpha), ["critic."])
    if case.method == "pmoe_sac":
        loss, log_prob = ESTIMATORS[switches["estimator"]](case, alpha, Judged(case))
    else:
        loss, log_prob = gaussian_actor_loss(case, alpha)
    case.loss("actor", loss, ["actor."])
    if switches["alpha"] == "auto":
        towards = log_prob.detach() + case.scalars["target_entropy"]
        case.loss("temperature", -(log_alpha * towards).mean(), ["log_alpha"])
