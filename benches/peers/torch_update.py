"""Times the gradient update of SAC and PMOE-SAC in PyTorch, one file, as CleanRL would write it.

A peer for `pmoe bench update` with the same sizes, mathematics and settings (`configs/methods`):
batch 100, hidden layers 256-256 with ReLU, gamma 0.99, tau 0.005, Adam with 1e-3 and epsilon 1e-8,
alpha fixed at 0.2, log standard deviation clamped to [-20, 2], two critics. Drawing the batch from
100 000 random transitions is part of the update.

With `--style cleanrl` it does what CleanRL and most single-file code does: Adam with PyTorch's
default options, the targets moved parameter by parameter, gradients of the critics made in the
actor's step and thrown away. With `--style tuned` it gets the fastest of what PyTorch offers: the
other ways to step Adam are timed in turn and the fastest is reported; the targets move with
`torch._foreach_lerp_`; the actor's loss makes no gradients of the critics. Neither uses
`torch.distributions` with its checks.

Sources: Haarnoja et al., arXiv:1812.05905; Ren et al., "Probabilistic Mixture-of-Experts for
Efficient Deep Reinforcement Learning", equations 6, 7 and 9. As in the authors' release, the router
reads the trunk's features as constants and the best primitive is the argmax of min(Q1, Q2).

Shapes: B batch, O observation, A action, K primitives.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import time
from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common import quartiles, versions

BATCH, HIDDEN, TRANSITIONS = 100, 256, 100_000
GAMMA, TAU, LEARNING_RATE, ALPHA = 0.99, 0.005, 1e-3, 0.2
LOG_STD_LIMITS = (-20.0, 2.0)
# Updates of each variant are timed in turn, this many at a time, so that all see the same machine.
TURN = 10


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


def sac_actor_loss(actor: Actor, critics: Critics, obs: Tensor, noise: Tensor) -> Tensor:
    """mean_B (alpha log pi(a|s) - min_i Q_i(s, a)); `noise` is `[B, 1, A]`."""
    mean, log_std, _ = actor(obs)
    action, log_prob = squash(mean.squeeze(1), log_std.squeeze(1), noise.squeeze(1))
    return (ALPHA * log_prob - torch.minimum(*critics(obs, action))).mean()


def min_q_of_all(critics: Critics, obs: Tensor, action: Tensor) -> Tensor:
    """min(Q1, Q2), `[B, K]`, of the actions of all K primitives, `[B, K, A]`."""
    return torch.minimum(*critics(obs.unsqueeze(1).expand(-1, action.shape[1], -1), action))


def frequency_loss(weights: Tensor, best: Tensor) -> Tensor:
    """mean_B sum_K (onehot(best) - w)^2, equation 7."""
    one_hot = F.one_hot(best, weights.shape[1]).to(weights.dtype)
    return (one_hot - weights).square().sum(1).mean()


def one_pass_actor_loss(actor: Actor, critics: Critics, obs: Tensor, noise: Tensor) -> Tensor:
    """Back-propagation-max with a graph of all B K rows, as public code does it."""
    mean, log_std, weights = actor(obs)
    action, log_prob = squash(mean, log_std, noise)
    q = min_q_of_all(critics, obs, action)
    best = q.argmax(1)
    index = best[:, None]
    loss = (ALPHA * log_prob.gather(1, index) - q.gather(1, index)).mean()
    return loss + frequency_loss(weights, best)


def two_pass_actor_loss(actor: Actor, critics: Critics, obs: Tensor, noise: Tensor) -> Tensor:
    """Back-propagation-max as `pmoe` does it: B K rows to choose, a graph of the B chosen ones."""
    mean, log_std, weights = actor(obs)
    with torch.no_grad():
        best = min_q_of_all(critics, obs, (mean + log_std.exp() * noise).tanh()).argmax(1)
    action, log_prob = squash(pick(mean, best), pick(log_std, best), pick(noise, best))
    loss = (ALPHA * log_prob - torch.minimum(*critics(obs, action))).mean()
    return loss + frequency_loss(weights, best)


def transitions(obs_dim: int, action_dim: int) -> list[Tensor]:
    """obs, action, reward, next_obs, and 0 where the episode ended, else 1."""
    widths = ((obs_dim,), (action_dim,), (), (obs_dim,))
    data = [torch.rand(TRANSITIONS, *width) * 2 - 1 for width in widths]
    return [*data, (torch.arange(TRANSITIONS) % 100 != 0).float()]


class Learner:
    """Networks, optimisers and data; `update` is one gradient update."""

    def __init__(self, args: argparse.Namespace, adam: str, data: list[Tensor]) -> None:
        torch.manual_seed(0)
        obs_dim, action_dim = args.task_sizes
        mixture = args.algo == "pmoe"
        primitives = args.k if mixture else 1
        self.noise_shape = (BATCH, primitives, action_dim)
        self.actor = Actor(obs_dim, action_dim, primitives, mixture)
        self.critics = Critics(obs_dim, action_dim)
        self.targets = deepcopy(self.critics).requires_grad_(False)
        self.tuned = args.style == "tuned"
        options = {"default": {}, "fused": {"fused": True}}.get(adam, {"foreach": True})
        self.actor_adam = torch.optim.Adam(self.actor.parameters(), LEARNING_RATE, **options)
        self.critic_adam = torch.optim.Adam(self.critics.parameters(), LEARNING_RATE, **options)
        self.data = data
        self.online, self.moving = list(self.critics.parameters()), list(self.targets.parameters())
        mixture_loss = two_pass_actor_loss if args.two_pass else one_pass_actor_loss
        self.actor_loss = mixture_loss if mixture else sac_actor_loss
        self.critic_step, self.actor_step = self.critic_adam.step, self.actor_adam.step
        if args.compile:
            self.critic_loss = torch.compile(self.critic_loss)
            self.actor_loss = torch.compile(self.actor_loss)
        if adam == "compiled":
            self.critic_step = torch.compile(self.critic_step)
            self.actor_step = torch.compile(self.actor_step)

    def critic_loss(
        self, obs: Tensor, action: Tensor, reward: Tensor, next_obs: Tensor, alive: Tensor
    ) -> Tensor:
        """sum_i mean_B (Q_i(s, a) - y)^2 with the soft Bellman target of a drawn action."""
        with torch.no_grad():
            mean, log_std, weights = self.actor(next_obs)
            if weights is None:
                mean, log_std = mean.squeeze(1), log_std.squeeze(1)
            else:
                drawn = torch.multinomial(weights, 1).squeeze(1)
                mean, log_std = pick(mean, drawn), pick(log_std, drawn)
            next_action, log_prob = squash(mean, log_std, torch.randn_like(mean))
            next_q = torch.minimum(*self.targets(next_obs, next_action))
            target = reward + GAMMA * alive * (next_q - ALPHA * log_prob)
        q1, q2 = self.critics(obs, action)
        return F.mse_loss(q1, target) + F.mse_loss(q2, target)

    def update(self) -> None:
        """Batch, critics, actor with the moved critics, targets."""
        index = torch.randint(TRANSITIONS, (BATCH,))
        batch = [column[index] for column in self.data]

        loss = self.critic_loss(*batch)
        self.critic_adam.zero_grad()
        loss.backward()
        self.critic_step()

        if self.tuned:
            self.critics.requires_grad_(False)
        loss = self.actor_loss(self.actor, self.critics, batch[0], torch.randn(self.noise_shape))
        self.actor_adam.zero_grad()
        loss.backward()
        self.actor_step()

        if self.tuned:
            self.critics.requires_grad_(True)
            with torch.no_grad():
                torch._foreach_lerp_(self.moving, self.online, TAU)
        else:
            for moving, online in zip(self.moving, self.online, strict=True):
                moving.data.copy_(TAU * online.data + (1 - TAU) * moving.data)


def measure(args: argparse.Namespace) -> dict[str, object]:
    """The quartiles of the fastest way to step Adam, all ways timed in turn."""
    learners: dict[str, Learner] = {}
    data = transitions(*args.task_sizes)
    ways = ["default"]
    if args.style == "tuned":
        ways = ["foreach", "fused"] + (["compiled"] if args.compile else [])
    for way in ways:
        try:
            learner = Learner(args, way, data)
            for _ in range(max(10, args.updates // 10)):
                learner.update()
        except Exception as error:  # A way that this PyTorch or machine lacks is not a result.
            print(f"adam {way}: {error!r}", file=sys.stderr)
            continue
        learners[way] = learner
    if not learners:
        raise SystemExit("not available: no variant runs here")
    times: dict[str, list[float]] = {way: [] for way in learners}
    for _ in range(math.ceil(args.updates / TURN)):
        for way, learner in learners.items():
            for _ in range(TURN):
                begun = time.perf_counter()
                learner.update()
                times[way].append((time.perf_counter() - begun) * 1e3)
    per_way = {way: quartiles(values) for way, values in times.items()}
    fastest = min(per_way, key=lambda way: per_way[way]["median"])
    return {
        "ms_per_update": per_way[fastest],
        "adam": fastest,
        "median_by_adam": {way: values["median"] for way, values in per_way.items()},
        "updates": args.updates,
        "versions": versions("torch", "numpy"),
    }


def check(args: argparse.Namespace) -> None:
    """One pass equals two passes, and K = 1 equals SAC: losses and gradients to 1e-5."""
    obs_dim, action_dim = args.task_sizes
    torch.manual_seed(1)
    critics = Critics(obs_dim, action_dim).requires_grad_(False)
    obs = torch.randn(BATCH, obs_dim)

    def compare(name: str, noise: Tensor, *sides: tuple[Callable[..., Tensor], Actor]) -> None:
        found = []
        for loss, actor in sides:
            actor.zero_grad(set_to_none=True)
            value = loss(actor, critics, obs, noise)
            value.backward()
            # With one primitive the router has nothing to learn, and SAC has no router.
            networks = [actor.trunk, actor.mean, actor.log_std]
            networks += [actor.router] if noise.shape[1] > 1 else []
            found.append([value.detach(), *(p.grad for n in networks for p in n.parameters())])
        worst = max((left - right).abs().max().item() for left, right in zip(*found, strict=True))
        assert worst < 1e-5, f"{name}: {worst}"
        print(f"{name}: largest difference {worst:.1e}")

    for k in (4, 10):
        actor, noise = Actor(obs_dim, action_dim, k, True), torch.randn(BATCH, k, action_dim)
        sides = (one_pass_actor_loss, actor), (two_pass_actor_loss, actor)
        compare(f"one pass and two passes, K = {k}", noise, *sides)
    mixture, plain = (Actor(obs_dim, action_dim, 1, routed) for routed in (True, False))
    plain.load_state_dict(mixture.state_dict(), strict=False)
    noise = torch.randn(BATCH, 1, action_dim)
    for loss in (one_pass_actor_loss, two_pass_actor_loss):
        compare(f"SAC and {loss.__name__}, K = 1", noise, (sac_actor_loss, plain), (loss, mixture))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", choices=["sac", "pmoe"], default="sac")
    parser.add_argument("--k", type=int, default=4, help="number of primitives")
    parser.add_argument("--style", choices=["cleanrl", "tuned"], default="cleanrl")
    parser.add_argument("--two-pass", action="store_true", help="choose first, then differentiate")
    parser.add_argument("--compile", action="store_true", help="torch.compile losses and steps")
    sizes = {"nargs": 2, "default": [11, 3], "metavar": ("OBS", "ACT")}
    parser.add_argument("--task-sizes", type=int, **sizes, help="if not given, Hopper's")
    parser.add_argument("--updates", type=int, default=500, help="updates to time")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--check", action="store_true", help="check the losses, time nothing")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.check:
        return check(args)
    if args.compile and not any(map(shutil.which, ("c++", "g++", "clang++"))):
        raise SystemExit("not available: torch.compile needs a C++ compiler")
    result = measure(args)
    text = f"{result['ms_per_update']['median']:.3f} ms per update, Adam: {result['adam']}"
    print(json.dumps(result) if args.json else text)


if __name__ == "__main__":
    main()
