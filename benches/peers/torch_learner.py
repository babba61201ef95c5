"""The gradient update of SAC and PMOE-SAC in PyTorch, in four styles.

`cleanrl`   what CleanRL and most single-file code does: Adam with PyTorch's default options, the
            targets moved parameter by parameter, gradients of the critics made in the actor's step
            and thrown away.
`tuned`     the fastest of what PyTorch offers without compiling: Adam by `foreach` or fused, the
            targets moved by `torch._foreach_lerp_`, no gradients of the critics in the actor's
            step.
`compiled`  tuned, with `torch.compile` of both losses and perhaps of Adam's steps.
`lean`      LeanRL's way: `torch.compile` of whole updates (loss, gradients and Adam's step) of the
            critics and of the actor, and both critics in one product of stacked parameters.
            LeanRL's CUDA graphs have no counterpart on a CPU.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from torch_sac import (
    ALPHA,
    BATCH,
    GAMMA,
    LEARNING_RATE,
    TAU,
    Actor,
    Critics,
    StackedCritics,
    one_pass_actor_loss,
    pick,
    sac_actor_loss,
    squash,
    two_pass_actor_loss,
)

# Per style, the ways to step Adam from which the fastest is chosen.
STYLES = {
    "cleanrl": ["default"],
    "tuned": ["foreach", "fused"],
    "compiled": ["foreach", "fused", "compiled"],
    "lean": ["default"],
}
ADAM = {"default": {}, "fused": {"fused": True}, "foreach": {"foreach": True}}


@dataclass
class Settings:
    """What is learnt, and how."""

    obs_dim: int
    action_dim: int
    # Without primitives it is SAC.
    primitives: int | None = None
    style: str = "cleanrl"
    two_pass: bool = False
    adam: str = "default"


class Learner:
    """Networks and optimisers; `update` is one gradient update."""

    def __init__(self, settings: Settings) -> None:
        torch.manual_seed(0)
        obs_dim, action_dim = settings.obs_dim, settings.action_dim
        mixture, primitives = settings.primitives is not None, settings.primitives or 1
        self.noise_shape = (BATCH, primitives, action_dim)
        self.actor = Actor(obs_dim, action_dim, primitives, mixture)
        self.critics = Critics(obs_dim, action_dim)
        if settings.style == "lean":
            self.critics = StackedCritics(self.critics)
        self.targets = deepcopy(self.critics).requires_grad_(False)
        self.online, self.moving = list(self.critics.parameters()), list(self.targets.parameters())
        # A compiled step unrolls what `foreach` does.
        options = ADAM.get(settings.adam, ADAM["foreach"])
        self.actor_adam = torch.optim.Adam(self.actor.parameters(), LEARNING_RATE, **options)
        self.critic_adam = torch.optim.Adam(self.critics.parameters(), LEARNING_RATE, **options)
        mixture_loss = two_pass_actor_loss if settings.two_pass else one_pass_actor_loss
        self.actor_loss = mixture_loss if mixture else sac_actor_loss
        self.critic_step, self.actor_step = self.critic_adam.step, self.actor_adam.step
        self.plain = settings.style == "cleanrl"
        if settings.style == "compiled":
            self.critic_loss = torch.compile(self.critic_loss)
            self.actor_loss = torch.compile(self.actor_loss)
        if settings.adam == "compiled":
            self.critic_step = torch.compile(self.critic_step)
            self.actor_step = torch.compile(self.actor_step)
        if settings.style == "lean":
            self.update_critics = torch.compile(self.update_critics)
            self.update_actor = torch.compile(self.update_actor)

    def update(self, batch: list[Tensor]) -> None:
        """Critics, actor with the moved critics, targets; the batch as `critic_loss` takes it."""
        self.update_critics(*batch)
        if self.plain:
            self.update_actor(batch[0])
            for moving, online in zip(self.moving, self.online, strict=True):
                moving.data.copy_(TAU * online.data + (1 - TAU) * moving.data)
        else:
            self.critics.requires_grad_(False)
            self.update_actor(batch[0])
            self.critics.requires_grad_(True)
            with torch.no_grad():
                torch._foreach_lerp_(self.moving, self.online, TAU)

    def update_critics(self, *batch: Tensor) -> None:
        """One step of the critics' Adam."""
        self.critic_adam.zero_grad()
        self.critic_loss(*batch).backward()
        self.critic_step()

    def update_actor(self, obs: Tensor) -> None:
        """One step of the actor's Adam."""
        self.actor_adam.zero_grad()
        self.actor_loss(self.actor, self.critics, obs, torch.randn(self.noise_shape)).backward()
        self.actor_step()

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
