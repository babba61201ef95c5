"""DAC: PPO on both augmented MDPs, the high and the low one."""

import numpy as np
import torch

from . import dists
from .ppo import draw_advantage, log_std, nonlinearity, old_log_prob, sampled, surrogate

METHODS = ("dac",)


def draw(case):
    sizes, hidden = case.sizes, case.sizes["hidden"]
    o, a, k = sizes["O"], sizes["A"], sizes["K"]
    case.mlp("master", [o, *hidden, k], gain=2.0)
    case.mlp("critic", [o, *hidden, k])
    for i in range(k):
        case.mlp(f"mean.{i}", [o, *hidden, a])
        case.mlp(f"termination.{i}", [o, *hidden, 1], gain=2.0)
    case.param("std", case.rng.uniform(-0.7, 0.9, (k, a)))


class Options:
    """Outputs of the networks for a batch of observations."""

    def __init__(self, case, obs):
        k = case.sizes["K"]
        act = nonlinearity(case)
        self.log_master = torch.log_softmax(case.forward("master", obs, act), -1)
        self.q = case.forward("critic", obs, act)
        self.mean = torch.stack(
            [torch.tanh(case.forward(f"mean.{i}", obs, act)) for i in range(k)], 1)
        self.beta = torch.sigmoid(torch.cat(
            [case.forward(f"termination.{i}", obs, act) for i in range(k)], -1))
        self.log_std = log_std(case, case.params["std"]).expand_as(self.mean)


def high_policy(options, previous, first):
    """π^H(o | o_prev, s) `[B, K]`: continue the previous option, or let the master choose."""
    master = options.log_master.exp()
    beta = options.beta.gather(1, previous.unsqueeze(1))
    stay = torch.nn.functional.one_hot(previous, master.shape[1]).to(master.dtype)
    going = (1.0 - beta) * stay + beta * master
    return torch.where(first.bool().unsqueeze(1), master, going)


def define(case):
    """Draws a case and records its losses."""
    sizes, scalars, rng = case.sizes, case.scalars, case.rng
    b, k = sizes["B"], sizes["K"]
    draw(case)
    obs = case.normal("obs", b, sizes["O"])
    option = case.index("option", k, b)
    previous = case.index("prev_option", k, b)
    flags = (rng.uniform(size=b) < 0.2).astype(float)
    flags[0], flags[-1] = 1.0, 0.0
    first = case.input("first", flags)
    old_high = case.input("old_high_policy", rng.dirichlet(np.ones(k), b))
    options = Options(case, obs)
    rows = torch.arange(b)

    high = high_policy(options, previous, first)
    log_prob = high[rows, option].log()
    old = old_log_prob(case, "old_log_prob_high", log_prob)
    advantage = draw_advantage(case, "advantage_high")
    target = case.input("return_high", rng.normal(0.3, 1.0, b))
    entropy = -(high * high.log()).sum(1).mean()
    value = 0.5 * ((target - (old_high * options.q).sum(1)) ** 2).mean()
    loss = surrogate(case, log_prob, old, advantage) + scalars["vf_coef"] * value
    ending = options.beta[rows, previous] * (1.0 - first)
    loss = loss - scalars["ent_coef"] * entropy + scalars["termination_coef"] * ending.mean()
    case.loss("high", loss, [""])

    acting = options.mean[rows, option], options.log_std[rows, option]
    action = case.input("action", sampled(case, *acting))
    log_prob = dists.normal_log_prob(action, *acting)
    old = old_log_prob(case, "old_log_prob_low", log_prob)
    advantage = draw_advantage(case, "advantage_low")
    target = case.input("return_low", rng.normal(0.3, 1.0, b))
    value = 0.5 * ((target - options.q[rows, option]) ** 2).mean()
    loss = surrogate(case, log_prob, old, advantage) + scalars["vf_coef"] * value
    case.loss("low", loss, [""])
