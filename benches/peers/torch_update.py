"""Times the gradient update of SAC and PMOE-SAC in PyTorch.

A peer for `pmoe bench update`; `torch_sac.py` has the mathematics, `torch_learner.py` the styles.
Drawing the batch from 100 000 random transitions is part of the update. Where a style has several
ways to step Adam, they are timed in turn and the fastest is reported.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from common import check_close, quartiles, versions
from torch_learner import STYLES, Learner, Settings
from torch_sac import (
    BATCH,
    Actor,
    Critics,
    one_pass_actor_loss,
    sac_actor_loss,
    two_pass_actor_loss,
)

TRANSITIONS = 100_000
# Updates of each variant are timed in turn, this many at a time, so that all see the same machine.
TURN = 10


def transitions(obs_dim: int, action_dim: int, count: int = TRANSITIONS) -> list[Tensor]:
    """obs, action, reward, next_obs, and 0 where the episode ended, else 1."""
    widths = ((obs_dim,), (action_dim,), (), (obs_dim,))
    data = [torch.rand(count, *width) * 2 - 1 for width in widths]
    return [*data, (torch.arange(count) % 100 != 0).float()]


def draw(data: list[Tensor]) -> list[Tensor]:
    """A batch."""
    index = torch.randint(len(data[0]), (BATCH,))
    return [column[index] for column in data]


def settings(args: argparse.Namespace, style: str, adam: str) -> Settings:
    """Those of the command line."""
    primitives = args.k if args.method == "pmoe" else None
    return Settings(*args.task_sizes, primitives, style, args.two_pass, adam)


def measure(args: argparse.Namespace) -> dict[str, object]:
    """The quartiles of the fastest way to step Adam, all ways timed in turn."""
    learners: dict[str, Learner] = {}
    data = transitions(*args.task_sizes)
    for way in STYLES[args.style]:
        try:
            learner = Learner(settings(args, args.style, way))
            for _ in range(max(10, args.updates // 10)):
                learner.update(draw(data))
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
                learner.update(draw(data))
                times[way].append((time.perf_counter() - begun) * 1e3)
    per_way = {way: quartiles(values) for way, values in times.items()}
    fastest = min(per_way, key=lambda way: per_way[way]["median"])
    return {
        "ms_per_update": per_way[fastest],
        "adam": fastest,
        "median_by_adam": {way: values["median"] for way, values in per_way.items()},
        "updates": args.updates,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "versions": versions("torch", "numpy"),
    }


def check(args: argparse.Namespace) -> None:
    """Compares losses, gradients and styles, all to 1e-5."""
    check_losses(*args.task_sizes)
    check_styles(*args.task_sizes)


def check_losses(obs_dim: int, action_dim: int) -> None:
    """One pass equals two passes, and K = 1 equals SAC: losses and gradients."""
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
        report(name, *found)

    for k in (4, 10):
        actor, noise = Actor(obs_dim, action_dim, k, True), torch.randn(BATCH, k, action_dim)
        sides = (one_pass_actor_loss, actor), (two_pass_actor_loss, actor)
        compare(f"one pass and two passes, K = {k}", noise, *sides)
    mixture, plain = (Actor(obs_dim, action_dim, 1, routed) for routed in (True, False))
    plain.load_state_dict(mixture.state_dict(), strict=False)
    noise = torch.randn(BATCH, 1, action_dim)
    for loss in (one_pass_actor_loss, two_pass_actor_loss):
        compare(f"SAC and {loss.__name__}, K = 1", noise, (sac_actor_loss, plain), (loss, mixture))


def check_styles(obs_dim: int, action_dim: int) -> None:
    """Gradients equal those of CleanRL's style; the actor's after two updates of the critics."""
    # Compiled code otherwise has random numbers of its own.
    torch._inductor.config.fallback_random = True
    batch = draw(transitions(obs_dim, action_dim, 1000))
    for k in (None, 4):
        found = {}
        for style in STYLES:
            learner = Learner(Settings(obs_dim, action_dim, k, style, True, STYLES[style][-1]))
            torch.manual_seed(2)
            learner.update_critics(*batch)
            grads = [p.grad.clone() for p in learner.online]
            if style == "lean":
                flat = [grad.mT if grad.shape[1] > 1 else grad[:, 0] for grad in grads]
                grads = [pair[side] for side in (0, 1) for pair in flat]
            learner.update(batch)
            found[style] = [*grads, *(p.grad.clone() for p in learner.actor.parameters())]
        for style in list(STYLES)[1:]:
            report(f"{style} and cleanrl, K = {k or 'none'}", found["cleanrl"], found[style])


def report(name: str, left: list[Tensor], right: list[Tensor]) -> None:
    """Says how far two sides are apart at most, and fails above 1e-5."""
    gaps = [(a - b).abs().max() for a, b in zip(left, right, strict=True)]
    # Unlike Python's, torch's maximum keeps NaN.
    worst = torch.stack(gaps).max().item()
    check_close(name, worst)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--method", choices=["sac", "pmoe"], default="sac")
    parser.add_argument("--k", type=int, default=4, help="number of primitives")
    parser.add_argument("--style", choices=STYLES, default="cleanrl")
    parser.add_argument("--two-pass", action="store_true", help="choose first, then differentiate")
    sizes = {"nargs": 2, "default": [11, 3], "metavar": ("OBS", "ACT")}
    parser.add_argument("--task-sizes", type=int, **sizes, help="if not given, Hopper's")
    parser.add_argument("--updates", type=int, default=500, help="updates to time")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--check", action="store_true", help="check the mathematics, time nothing")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.check:
        return check(args)
    if args.style in ("compiled", "lean") and not any(map(shutil.which, ("c++", "g++", "clang++"))):
        raise SystemExit("not available: torch.compile needs a C++ compiler")
    result = measure(args)
    text = f"{result['ms_per_update']['median']:.3f} ms per update, Adam: {result['adam']}"
    print(json.dumps(result) if args.json else text)


if __name__ == "__main__":
    main()
