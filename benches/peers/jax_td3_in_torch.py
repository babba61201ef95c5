"""TD3's updates in PyTorch, from the equations, to check `jax_td3.py` with.

Written from arXiv:1802.09477, algorithm 1 and equation 14; PyTorch makes the gradients and Adam.
"""

from __future__ import annotations

import jax
import numpy as np
import torch
from torch import Tensor


def torch_updates(state: dict, batches: list[dict], noises: list) -> tuple[tuple, dict]:
    """The gradients of the first critics' loss, and networks and targets after all updates.

    Takes and gives trees of the form of `jax_td3.init_state`.
    """
    nets, targets = (
        jax.tree.map(lambda x: torch.tensor(np.array(x)), state[n]) for n in ("nets", "targets")
    )
    leaves = {name: jax.tree.leaves(net) for name, net in nets.items()}
    for leaf in (*leaves["actor"], *leaves["critics"]):
        leaf.requires_grad_(True)
    adam = {name: torch.optim.Adam(net, 3e-4, eps=1e-8) for name, net in leaves.items()}
    first = None
    for batch, noise in zip(batches, noises, strict=True):
        obs, action, reward, next_obs, alive = (
            torch.tensor(np.array(batch[n]))
            for n in ("obs", "action", "reward", "next_obs", "alive")
        )
        with torch.no_grad():
            smoothing = (0.2 * torch.tensor(noise)).clamp(-0.5, 0.5)
            next_action = (mlp(targets["actor"], next_obs).tanh() + smoothing).clamp(-1, 1)
            after = torch.cat([next_obs, next_action], 1)
            q1, q2 = (mlp(critic, after)[:, 0] for critic in targets["critics"])
            y = reward + 0.99 * alive * torch.minimum(q1, q2)
        both = torch.cat([obs, action], 1)
        loss = sum((mlp(critic, both)[:, 0] - y).square().mean() for critic in nets["critics"])
        adam["critics"].zero_grad()
        loss.backward()
        if first is None:
            first = jax.tree.map(lambda leaf: leaf.grad.numpy().copy(), nets["critics"])
        adam["critics"].step()
    loss = -mlp(nets["critics"][0], torch.cat([obs, mlp(nets["actor"], obs).tanh()], 1)).mean()
    adam["actor"].zero_grad()
    loss.backward()
    adam["actor"].step()
    nets = jax.tree.map(lambda leaf: leaf.detach().numpy(), nets)
    moved = jax.tree.map(lambda new, old: 0.005 * new + 0.995 * old.numpy(), nets, targets)
    return first, {"nets": nets, "targets": moved}


def mlp(layers: list, rows: Tensor) -> Tensor:
    """ReLU between the layers."""
    *hidden, (weight, bias) = layers
    for w, b in hidden:
        rows = (rows @ w + b).relu()
    return rows @ weight + bias
