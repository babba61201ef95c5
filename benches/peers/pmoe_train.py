"""Environment steps per second of SAC of the Python package `pmoe` on a Gymnasium environment.

The environment is stepped in Python, as that of the peers; everything else is Rust. The settings are
those of `configs/methods/sac.toml`, which `training.py` gives to the peers, and the same steps are
timed: by the training environment itself, as it is stepped.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time

import gymnasium
import pmoe
from common import LEARNING_STARTS, WARM_UP, add_training_arguments, versions


class Stopwatch(gymnasium.Wrapper):
    """Notes when step `first` and step `last` begin."""

    def __init__(self, env: gymnasium.Env, first: int, last: int) -> None:
        super().__init__(env)
        self.steps, self.first, self.last = 0, first, last
        self.begun = self.seconds = 0.0

    def step(self, action: object) -> tuple:
        if self.steps == self.first:
            self.begun = time.perf_counter()
        elif self.steps == self.last:
            self.seconds = time.perf_counter() - self.begun
        self.steps += 1
        return self.env.step(action)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_training_arguments(parser)
    args = parser.parse_args()
    first = LEARNING_STARTS + WARM_UP
    last = first + args.steps
    made: list[Stopwatch] = []

    def make() -> gymnasium.Env:
        made.append(Stopwatch(gymnasium.make(args.task), first, last))
        return made[-1]

    settings = {
        "learning_starts": LEARNING_STARTS,
        "buffer_size": args.buffer,
        "schedule.eval_every": 10 * last,
        "schedule.eval_episodes": 1,
    }
    with tempfile.TemporaryDirectory() as folder:
        pmoe.train("sac", make, steps=last + 1, out=folder, overrides=settings, progress="none")
    # The other one is for evaluations.
    watch = max(made, key=lambda watch: watch.seconds)
    rate = args.steps / watch.seconds
    document = {
        "env_steps_per_second": rate,
        "task": args.task,
        "steps": args.steps,
        "versions": versions("pmoe", "gymnasium", "mujoco", "numpy"),
    }
    print(json.dumps(document) if args.json else f"{rate:.1f} environment steps per second")


if __name__ == "__main__":
    main()
