"""PMOE-SAC with a critic for each primitive, the best of one draw of each acting."""

import torch

from . import dists, sac

METHODS = ("pmoe_sac_critics",)


def value(case, name, obs, action):
    """Q of the network `name`, `[...]`; obs `[B, O]` is repeated along the middle dimension of action."""
    if action.dim() == 3:
        obs = obs.unsqueeze(1).expand(-1, action.shape[1], -1)
    return case.forward(name, torch.cat([obs, action], -1), case.relu).squeeze(-1)


def critic_loss(case, alpha):
    """Σ_k mean (Q_k(s, a) − y)², y from the smaller of two target critics at the best draw."""
    x, k = case.inputs, case.sizes["K"]
    with torch.no_grad():
        _, mean, log_std = sac.actor(case, x["next_obs"])
        _, action, log_prob = dists.squashed(mean, log_std, x["next_noise"])
        q = case.minimum(*(value(case, f"target.{i}", x["next_obs"], action) for i in x["pair"]))
        at_best = case.argmax(q).unsqueeze(1)
        soft = q.gather(1, at_best) - alpha * (log_prob.gather(1, at_best) + sac.of_best(case))
        y = x["reward"] + case.scalars["gamma"] * (1.0 - x["terminated"]) * soft.squeeze(1)
    return sum(((value(case, f"critic.{i}", x["obs"], x["action"]) - y) ** 2).mean() for i in range(k))


def actor_loss(case, alpha):
    """mean Σ_k (α log π_k(a_k) − Q_k(s, a_k)), the frequency loss, and the best draw's log-density."""
    x, k = case.inputs, case.sizes["K"]
    log_w, mean, log_std = sac.actor(case, x["obs"])
    _, action, log_prob = dists.squashed(mean, log_std, x["noise"])
    q = torch.stack([value(case, f"critic.{i}", x["obs"], action[:, i]) for i in range(k)], 1)
    best = case.argmax(q)
    case.require(len(best.unique()) > 1)
    one_hot = torch.nn.functional.one_hot(best, k).to(case.dtype)
    squares = (one_hot - log_w.exp()) ** 2
    freq = squares.sum(1).mean() if case.switches["freq_reduction"] == "sum" else squares.mean()
    loss = (alpha * log_prob - q).sum(1).mean() + case.scalars["freq_coef"] * freq
    return loss, log_prob.gather(1, best.unsqueeze(1)) + sac.of_best(case)


def define(case):
    """Draws a case and records its losses."""
    sizes = case.sizes
    b, a, k = sizes["B"], sizes["A"], sizes["K"]
    sac.draw_actor(case)
    for group in ("critic", "target"):
        for i in range(k):
            case.mlp(f"{group}.{i}", [sizes["O"] + a, *sizes["hidden"], 1], gain=2.5)
    sac.draw_transitions(case)
    case.normal("next_noise", b, k, a)
    case.normal("noise", b, k, a)
    case.input("pair", case.rng.permutation(k)[:2])
    if case.switches["alpha"] == "auto":
        log_alpha = case.param("log_alpha", [case.rng.uniform(-1.5, 0.5)])
        alpha = log_alpha.detach().exp()
    else:
        alpha = case.scalars["alpha"]
    case.loss("critic", critic_loss(case, alpha), ["critic."])
    loss, log_prob = actor_loss(case, alpha)
    case.loss("actor", loss, ["actor."])
    if case.switches["alpha"] == "auto":
        towards = log_prob.detach() + case.scalars["target_entropy"]
        case.loss("temperature", -(log_alpha * towards).mean(), ["log_alpha"])
