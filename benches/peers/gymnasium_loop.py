"""Environment steps per second of Gymnasium's own Python loop, resets included.

Random actions, drawn beforehand so that drawing them costs nothing here.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings

import gymnasium
import numpy as np

from common import versions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="Hopper-v4", help="id of a Gymnasium environment")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to step")
    parser.add_argument(
        "--unwrapped", action="store_true", help="without gymnasium.make's wrappers"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    env = gymnasium.make(args.task)
    env = env.unwrapped if args.unwrapped else env
    space = env.action_space
    actions = np.random.default_rng(0).uniform(space.low, space.high, (4096, *space.shape))
    actions = actions.astype(space.dtype)
    env.reset(seed=0)
    steps, in_episode, begun = 0, 0, time.perf_counter()
    while (seconds := time.perf_counter() - begun) < args.seconds:
        _, _, terminated, truncated, _ = env.step(actions[steps % len(actions)])
        steps += 1
        in_episode += 1
        # Without its wrapper the time limit is ours.
        if terminated or truncated or in_episode == 1000:
            env.reset()
            in_episode = 0
    document = {
        "task": args.task,
        "steps": steps,
        "seconds": seconds,
        "steps_per_second": steps / seconds,
        "versions": versions("gymnasium", "mujoco", "numpy"),
    }
    print(json.dumps(document) if args.json else f"{steps / seconds:.0f} steps per second")


if __name__ == "__main__":
    main()
