"""Networks and losses of SAC and PMOE-SAC in PyTorch, as CleanRL would write them.

The same sizes, mathematics and settings as `pmoe` (`configs/methods`): batch 100, hidden layers
256-256 with ReLU, gamma 0.99, tau 0.005, Adam with 1e-3 and epsilon 1e-8, alpha fixed at 0.2, log
standard deviation clamped to [-20, 2], two critics. No use of `torch.distributions` and its checks.

Sources: Haarnoja et al., arXiv:1812.05905; Ren et al., "Probabilistic Mixture-of-Experts for
Efficient Deep Reinforcement Learning", equations 6, 7 and 9. As in the authors' release, the router
reads the trunk's features as constants and the best primitive is the argmax of min(Q1, Q2).

Shapes: B batch, O observation, A action, K primitives.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH, HIDDEN = 100, 256
GAMMA, TAU, LEARNING_RATE, ALPHA = 0.99, 0.005, 1e-3, 0.2
LOG_STD_LIMITS = (-20.0, 2.0)

# From `[..., O]` and `[..., A]` to two values, `[...]`.
TwoValues = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def trunk(inputs: int) -> list[nn.Module]:
    """The two hidden layers, `[..., inputs]` to `[..., 256]`."""
    return [nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU()]


class Actor(nn.Module):
    """K squashed Gaussians on one trunk; with a router if `mixture`, else K is 1."""

    def __init__(self, obs_dim: int, action_dim: int, primitives: int, mixture: bool) -> None:
        super().__init__()
        self.shape = (primitives, action_dim)
        self.trunk = nn.Sequential(*trunk(obs_dim))
        self.mean = nn.Linear(HIDDEN, primitives * action_dim)
        self.log_std = nn.Linear(HIDDEN, primitives * action_dim)
        self.router = nn.Linear(HIDDEN, primitives) if mixture else None

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """From `[B, O]`: mean and log_std, both `[B, K, A]`, and the weights, `[B, K]`."""
        features = self.trunk(obs)
        mean = self.mean(features).unflatten(1, self.shape)
        log_std = self.log_std(features).clamp(*LOG_STD_LIMITS).unflatten(1, self.shape)
        if self.router is None:
            return mean, log_std, None
        return mean, log_std, self.router(features.detach()).softmax(1)


class Critics(nn.Module):
    """Two critics `O + A -> 256 -> 256 -> 1`."""

    def __init__(self, obs_dim: int, action_dim: int) -> None:
        super().__init__()
        self.q1, self.q2 = (
            nn.Sequential(*trunk(obs_dim + action_dim), nn.Linear(HIDDEN, 1)) for _ in range(2)
        )

    def forward(self, obs: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """From `[..., O]` and `[..., A]`: two values, `[...]`."""
        both = torch.cat([obs, action], -1)
        return self.q1(both).squeeze(-1), self.q2(both).squeeze(-1)


class StackedCritics(nn.Module):
    """`Critics` as LeanRL writes them: both in one product, their parameters stacked."""

    def __init__(self, critics: Critics) -> None:
        super().__init__()
        pairs = zip(critics.q1.parameters(), critics.q2.parameters(), strict=True)
        stacked = [torch.stack([one.detach(), two.detach()]) for one, two in pairs]
        # Weights are `[2, in, out]`, biases `[2, 1, out]`.
        moved = [value.mT.contiguous() if value.dim() == 3 else value[:, None] for value in stacked]
        self.layers = nn.ParameterList(moved)

    def forward(self, obs: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """From `[..., O]` and `[..., A]`: two values, `[...]`."""
        both = torch.cat([obs, action], -1)
        rows = both.flatten(0, -2).expand(2, -1, -1)
        w1, b1, w2, b2, w3, b3 = self.layers
        rows = torch.baddbmm(b1, rows, w1).relu()
        rows = torch.baddbmm(b2, rows, w2).relu()
        q1, q2 = torch.baddbmm(b3, rows, w3).view(2, *both.shape[:-1]).unbind()
        return q1, q2


def squash(mean: Tensor, log_std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """tanh of a Gaussian draw, `[..., A]`, and its exact log-density, `[...]`.

    log det of tanh: sum over A of 2 (log 2 - u - softplus(-2 u)).
    """
    u = mean + log_std.exp() * noise
    gaussian = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)
    log_det = 2 * (math.log(2) - u - F.softplus(-2 * u))
    return u.tanh(), (gaussian - log_det).sum(-1)


def pick(values: Tensor, index: Tensor) -> Tensor:
    """One of K for each row: `[B, K, A]` and `[B]` to `[B, A]`."""
    return values.gather(1, index[:, None, None].expand(-1, 1, values.shape[2])).squeeze(1)


def sac_actor_loss(actor: Actor, critics: TwoValues, obs: Tensor, noise: Tensor) -> Tensor:
    """mean_B (alpha log pi(a|s) - min_i Q_i(s, a)); `noise` is `[B, 1, A]`."""
    mean, log_std, _ = actor(obs)
    action, log_prob = squash(mean.squeeze(1), log_std.squeeze(1), noise.squeeze(1))
    return (ALPHA * log_prob - torch.minimum(*critics(obs, action))).mean()


def min_q_of_all(critics: TwoValues, obs: Tensor, action: Tensor) -> Tensor:
    """min(Q1, Q2), `[B, K]`, of the actions of all K primitives, `[B, K, A]`."""
    return torch.minimum(*critics(obs.unsqueeze(1).expand(-1, action.shape[1], -1), action))


def frequency_loss(weights: Tensor, best: Tensor) -> Tensor:
    """mean_B sum_K (onehot(best) - w)^2, equation 7."""
    one_hot = F.one_hot(best, weights.shape[1]).to(weights.dtype)
    return (one_hot - weights).square().sum(1).mean()


def one_pass_actor_loss(actor: Actor, critics: TwoValues, obs: Tensor, noise: Tensor) -> Tensor:
    """Back-propagation-max with a graph of all B K rows, as public code does it."""
    mean, log_std, weights = actor(obs)
    action, log_prob = squash(mean, log_std, noise)
    q = min_q_of_all(critics, obs, action)
    best = q.argmax(1)
    index = best[:, None]
    loss = (ALPHA * log_prob.gather(1, index) - q.gather(1, index)).mean()
    return loss + frequency_loss(weights, best)


def two_pass_actor_loss(actor: Actor, critics: TwoValues, obs: Tensor, noise: Tensor) -> Tensor:
    """Back-propagation-max as `pmoe` does it: B K rows to choose, a graph of the B chosen ones."""
    mean, log_std, weights = actor(obs)
    with torch.no_grad():
        best = min_q_of_all(critics, obs, (mean + log_std.exp() * noise).tanh()).argmax(1)
    action, log_prob = squash(pick(mean, best), pick(log_std, best), pick(noise, best))
    loss = (ALPHA * log_prob - torch.minimum(*critics(obs, action))).mean()
    return loss + frequency_loss(weights, best)
