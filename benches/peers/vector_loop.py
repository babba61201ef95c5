"""Steps per second of many environments at once, random actions, resets included.

`sync`     gymnasium.vector.SyncVectorEnv: one after the other, in this process.
`async`    gymnasium.vector.AsyncVectorEnv: each in a process of its own, observations in shared
           memory.
`envpool`  EnvPool: C++ environments on its own threads, all stepped before it answers.
`pmoe`     our Python package (`cargo xtask wheel`): Rust environments on its own threads.

EnvPool steps a MuJoCo of its own version, with its own C++ observations and rewards.
A step is one of one environment.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable

import gymnasium
import numpy as np

from common import versions

# Rounds of actions that are drawn beforehand.
DRAWN = 1024


def make(kind: str, task: str, num_envs: int, threads: int) -> tuple[object, gymnasium.spaces.Box]:
    """The environments, and the actions of one of them."""
    if kind == "envpool":
        import envpool

        envs = envpool.make(
            task, env_type="gymnasium", num_envs=num_envs, num_threads=threads, seed=0
        )
        return envs, envs.action_space
    if kind == "pmoe":
        import pmoe

        envs = pmoe.make_vec(task, num_envs, threads)
        return envs, envs.single_action_space
    vector = {"sync": "SyncVectorEnv", "async": "AsyncVectorEnv"}[kind]
    # Workers need no warnings of their own either.
    envs = getattr(gymnasium.vector, vector)([maker(task)] * num_envs)
    return envs, envs.single_action_space


def maker(task: str) -> Callable[[], gymnasium.Env]:
    """What makes one environment, quietly."""

    def one() -> gymnasium.Env:
        warnings.filterwarnings("ignore")
        return gymnasium.make(task)

    return one


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", choices=["sync", "async", "envpool", "pmoe"], default="sync")
    parser.add_argument("--task", default="Hopper-v4", help="id of a Gymnasium environment")
    parser.add_argument("--num-envs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1, help="EnvPool's or pmoe's")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to step")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    envs, space = make(args.kind, args.task, args.num_envs, args.threads)
    shape = (DRAWN, args.num_envs, *space.shape)
    actions = np.random.default_rng(0).uniform(space.low, space.high, shape).astype(space.dtype)
    envs.reset()
    rounds, begun = 0, time.perf_counter()
    while (seconds := time.perf_counter() - begun) < args.seconds:
        # Those that ended are reset by the next call.
        envs.step(actions[rounds % DRAWN])
        rounds += 1
    envs.close()
    steps = rounds * args.num_envs
    packages = ["gymnasium", "mujoco", "numpy", *({"envpool", "pmoe"} & {args.kind})]
    document = {
        "task": args.task,
        "num_envs": args.num_envs,
        "steps": steps,
        "seconds": seconds,
        "steps_per_second": steps / seconds,
        "versions": versions(*packages),
    }
    print(json.dumps(document) if args.json else f"{steps / seconds:.0f} steps per second")


if __name__ == "__main__":
    main()
