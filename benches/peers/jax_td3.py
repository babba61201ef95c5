"""Times TD3's gradient updates in JAX, as CleanRL would write them.

A peer for `pmoe bench update --method td3` with the same sizes, mathematics and settings
(`configs/methods/td3.toml`): batch 256, hidden layers 256-256 with ReLU, gamma 0.99, tau 0.005,
Adam with 3e-4 and epsilon 1e-8, target noise 0.2 cut at 0.5. As there, what is timed is two updates
of the critics and one of the actor and the targets, drawing from 100 000 random transitions
included.

`--style cleanrl` compiles what CleanRL compiles, an update of the critics and an update of the
actor and the targets, and draws batches with NumPy. `--style tuned` compiles all of it at once,
drawing included, and lets XLA write into the memory of the old state.

Source: Fujimoto et al., arXiv:1802.09477, algorithm 1 and equation 14.
Shapes: B batch, O observation, A action.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from common import check_close, quartiles, versions

BATCH, HIDDEN, TRANSITIONS = 256, (256, 256), 100_000
GAMMA, TAU, POLICY_DELAY = 0.99, 0.005, 2
TARGET_NOISE, TARGET_NOISE_CLIP = 0.2, 0.5
ADAM = optax.adam(3e-4, eps=1e-8)


def init_net(key: jax.Array, sizes: tuple[int, ...]) -> list[tuple[jax.Array, jax.Array]]:
    """Weights `[in, out]` and biases `[out]` of each layer, drawn as PyTorch does."""
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        key, of_weight, of_bias = jax.random.split(key, 3)
        draw = partial(jax.random.uniform, minval=-(inputs**-0.5), maxval=inputs**-0.5)
        layers.append((draw(of_weight, (inputs, outputs)), draw(of_bias, (outputs,))))
    return layers


def net(layers: list, rows: jax.Array) -> jax.Array:
    """From `[B, in]` to `[B, out]`, ReLU between the layers."""
    for weight, bias in layers[:-1]:
        rows = jax.nn.relu(rows @ weight + bias)
    weight, bias = layers[-1]
    return rows @ weight + bias


def act(actor: list, obs: jax.Array) -> jax.Array:
    """Actions, `[B, A]`."""
    return jnp.tanh(net(actor, obs))


def value(critic: list, obs: jax.Array, action: jax.Array) -> jax.Array:
    """Q(s, a), `[B]`."""
    return net(critic, jnp.concatenate([obs, action], 1)).squeeze(1)


def init_state(key: jax.Array, obs_dim: int, action_dim: int) -> dict:
    """Networks, their targets and the optimisers' states."""
    keys = jax.random.split(key, 3)
    critic = (obs_dim + action_dim, *HIDDEN, 1)
    nets = {
        "actor": init_net(keys[0], (obs_dim, *HIDDEN, action_dim)),
        "critics": (init_net(keys[1], critic), init_net(keys[2], critic)),
    }
    # Copies, or XLA could not write into one without the other.
    targets = jax.tree.map(jnp.copy, nets)
    return {"nets": nets, "targets": targets, "adam": {n: ADAM.init(nets[n]) for n in nets}}


def critic_loss(critics: tuple, targets: dict, batch: dict, noise: jax.Array) -> jax.Array:
    """sum_i mean_B (Q_i(s, a) - y)^2; `noise` is standard normal, `[B, A]`."""
    noise = jnp.clip(TARGET_NOISE * noise, -TARGET_NOISE_CLIP, TARGET_NOISE_CLIP)
    next_action = jnp.clip(act(targets["actor"], batch["next_obs"]) + noise, -1.0, 1.0)
    next_q = [value(critic, batch["next_obs"], next_action) for critic in targets["critics"]]
    y = batch["reward"] + GAMMA * batch["alive"] * jnp.minimum(*next_q)
    y = jax.lax.stop_gradient(y)
    return sum(((value(q, batch["obs"], batch["action"]) - y) ** 2).mean() for q in critics)


def actor_loss(actor: list, critic: list, obs: jax.Array) -> jax.Array:
    """-mean_B Q_1(s, pi(s))."""
    return -value(critic, obs, act(actor, obs)).mean()


def step(state: dict, name: str, grads: list | tuple) -> dict:
    """The state after a step of the Adam of one of the networks."""
    moves, adam = ADAM.update(grads, state["adam"][name])
    moved = optax.apply_updates(state["nets"][name], moves)
    nets, adams = state["nets"] | {name: moved}, state["adam"] | {name: adam}
    return state | {"nets": nets, "adam": adams}


def update_critics(state: dict, batch: dict, noise: jax.Array) -> dict:
    """One update of both critics."""
    grads = jax.grad(critic_loss)(state["nets"]["critics"], state["targets"], batch, noise)
    return step(state, "critics", grads)


def update_actor(state: dict, obs: jax.Array) -> dict:
    """One update of the actor, then of all targets."""
    nets = state["nets"]
    state = step(state, "actor", jax.grad(actor_loss)(nets["actor"], nets["critics"][0], obs))
    return state | {"targets": optax.incremental_update(state["nets"], state["targets"], TAU)}


def transitions(obs_dim: int, action_dim: int, count: int = TRANSITIONS) -> dict:
    """Random ones, as NumPy arrays; `alive` is 0 where the episode ended, else 1."""
    rng = np.random.default_rng(0)
    shapes = {"obs": (obs_dim,), "action": (action_dim,), "reward": (), "next_obs": (obs_dim,)}
    data = {n: rng.uniform(-1, 1, (count, *s)).astype(np.float32) for n, s in shapes.items()}
    return data | {"alive": (np.arange(count) % 100 != 0).astype(np.float32)}


def cleanrl_updates(data: dict, state: dict) -> Callable[[], dict]:
    """What does the updates of one actor update, with two compiled functions."""
    rng, key = np.random.default_rng(1), jax.random.key(1)
    action_dim = data["action"].shape[1]

    @jax.jit
    def critics(state: dict, batch: dict, key: jax.Array) -> tuple[dict, jax.Array]:
        key, drawn = jax.random.split(key)
        return update_critics(state, batch, jax.random.normal(drawn, (BATCH, action_dim))), key

    actor = jax.jit(update_actor)

    def updates() -> dict:
        nonlocal state, key
        for _ in range(POLICY_DELAY):
            index = rng.integers(0, len(data["obs"]), BATCH)
            batch = {name: column[index] for name, column in data.items()}
            state, key = critics(state, batch, key)
        state = actor(state, batch["obs"])
        return state

    return updates


def all_updates(state: dict, batches: list[dict], noises: list[jax.Array]) -> dict:
    """The updates of one actor update."""
    for batch, noise in zip(batches, noises, strict=True):
        state = update_critics(state, batch, noise)
    return update_actor(state, batches[-1]["obs"])


def tuned_updates(data: dict, state: dict) -> Callable[[], dict]:
    """The same with one compiled function."""
    count, action_dim = data["action"].shape
    data, key = jax.device_put(data), jax.random.key(1)

    @partial(jax.jit, donate_argnums=0)
    def compiled(state: dict, key: jax.Array, data: dict) -> tuple[dict, jax.Array]:
        key, *drawn = jax.random.split(key, 1 + 2 * POLICY_DELAY)
        rows = [jax.random.randint(k, (BATCH,), 0, count) for k in drawn[:POLICY_DELAY]]
        batches = [{name: column[index] for name, column in data.items()} for index in rows]
        noises = [jax.random.normal(k, (BATCH, action_dim)) for k in drawn[POLICY_DELAY:]]
        return all_updates(state, batches, noises), key

    def updates() -> dict:
        nonlocal state, key
        state, key = compiled(state, key, data)
        return state

    return updates


STYLES = {"cleanrl": cleanrl_updates, "tuned": tuned_updates}


def measure(args: argparse.Namespace) -> dict[str, object]:
    """The quartiles of the time of all updates per actor update."""
    updates = STYLES[args.style](
        transitions(*args.task_sizes), init_state(jax.random.key(0), *args.task_sizes)
    )
    for _ in range(max(10, args.updates // 10)):
        jax.block_until_ready(updates())
    times = []
    for _ in range(args.updates):
        begun = time.perf_counter()
        jax.block_until_ready(updates())
        times.append((time.perf_counter() - begun) * 1e3)
    return {
        "ms_per_update": quartiles(times),
        "style": args.style,
        "updates": args.updates,
        "versions": versions("jax", "jaxlib", "optax", "numpy"),
    }


def check(obs_dim: int, action_dim: int) -> None:
    """Compares both updates with PyTorch's gradients and Adam, and the two styles, to 1e-5."""
    import torch

    from jax_td3_in_torch import torch_updates

    torch.manual_seed(0)
    state = init_state(jax.random.key(3), obs_dim, action_dim)
    # Targets that are not the networks, as after some updates.
    state["targets"] = init_state(jax.random.key(4), obs_dim, action_dim)["nets"]
    data, rng = transitions(obs_dim, action_dim, BATCH * POLICY_DELAY), np.random.default_rng(2)
    batches = [{n: c[i::POLICY_DELAY] for n, c in data.items()} for i in range(POLICY_DELAY)]
    shape = (BATCH, action_dim)
    noises = [rng.standard_normal(shape).astype(np.float32) for _ in range(POLICY_DELAY)]

    grads = jax.grad(critic_loss)(state["nets"]["critics"], state["targets"], batches[0], noises[0])
    found = all_updates(state, batches, noises)
    expected_grads, expected = torch_updates(state, batches, noises)
    report("gradients of the critics' loss, JAX and PyTorch", grads, expected_grads)
    for part in ("nets", "targets"):
        report(f"{part} after all updates, JAX and PyTorch", found[part], expected[part])
    compiled = jax.jit(all_updates)(state, batches, noises)
    in_turn = state
    for batch, noise in zip(batches, noises, strict=True):
        in_turn = jax.jit(update_critics)(in_turn, batch, noise)
    in_turn = jax.jit(update_actor)(in_turn, batches[-1]["obs"])
    report("state after all updates, compiled in parts and at once", in_turn, compiled)


def report(name: str, left: object, right: object) -> None:
    """Says how far two trees of arrays are apart at most, and fails above 1e-5."""
    pairs = zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True)
    # Unlike Python's, NumPy's maximum keeps NaN.
    worst = float(np.max([np.abs(np.subtract(a, b)).max() for a, b in pairs]))
    check_close(name, worst)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--style", choices=STYLES, default="cleanrl")
    sizes = {"nargs": 2, "default": [11, 3], "metavar": ("OBS", "ACT")}
    parser.add_argument("--task-sizes", type=int, **sizes, help="if not given, Hopper's")
    parser.add_argument("--updates", type=int, default=500, help="actor updates to time")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--check", action="store_true", help="check the mathematics, time nothing")
    args = parser.parse_args()
    if args.check:
        return check(*args.task_sizes)
    result = measure(args)
    text = f"{result['ms_per_update']['median']:.3f} ms for the updates of one actor update"
    print(json.dumps(result) if args.json else text)


if __name__ == "__main__":
    main()
