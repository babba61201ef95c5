"""Environment steps per second of RLtools' SAC, environment included.

RLtools is C++ that is compiled for the task's sizes when the program runs. Its Python interface
allows the sizes and settings of `training.py`: batch 100, hidden 256-256, one update per step,
alpha fixed at 0.2. What differs and cannot be set:

- The Bellman target is computed for each critic on its own, with the same drawn actions.
- Everything is compiled for this processor (`-march=native`) with `-ffast-math`.
- The random numbers, the initial weights and the details of Adam are its own.

Products are MKL's if `mkl` and `mkl-include` are installed, and `"mkl"` in the document says so.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings

import gymnasium
import rltools

import free_task
from common import LEARNING_STARTS, WARM_UP, add_training_arguments, versions

SETTINGS = {
    "ACTOR_BATCH_SIZE": 100,
    "CRITIC_BATCH_SIZE": 100,
    # The layer to the output counts.
    "ACTOR_NUM_LAYERS": 3,
    "CRITIC_NUM_LAYERS": 3,
    "ACTOR_HIDDEN_DIM": 256,
    "CRITIC_HIDDEN_DIM": 256,
    "GAMMA": 0.99,
    "ACTOR_POLYAK": 0.995,
    "CRITIC_POLYAK": 0.995,
    "ALPHA": 0.2,
    "ADAPTIVE_ALPHA": False,
    "OPTIMIZER_ALPHA": 1e-3,
    "OPTIMIZER_EPSILON": 1e-8,
    "N_WARMUP_STEPS": LEARNING_STARTS,
    # Both are fixed when it is compiled: a limit that no measurement reaches.
    "STEP_LIMIT": 100_000_000,
    "COLLECT_EPISODE_STATS": False,
    "enable_evaluation": False,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_training_arguments(parser)
    args = parser.parse_args()
    # Gymnasium calls the paper's tasks out of date.
    warnings.simplefilter("ignore", DeprecationWarning)
    free_task.register()

    def make() -> gymnasium.Env:
        env = gymnasium.wrappers.RescaleAction(gymnasium.make(args.task), -1.0, 1.0)
        env.reset(seed=0)
        return env

    # It reports its progress on stdout, in Python and in C++; ours is for one document.
    stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    name = args.task.replace("-", "_")
    sac = rltools.SAC(make, interface_name=name, REPLAY_BUFFER_CAP=args.buffer, **SETTINGS)
    state = sac.State(0)
    for _ in range(LEARNING_STARTS + WARM_UP):
        state.step()
    begun = time.perf_counter()
    for _ in range(args.steps):
        state.step()
    rate = args.steps / (time.perf_counter() - begun)
    with open("/proc/self/maps", encoding="utf-8") as maps:
        mkl = "libmkl_core" in maps.read()
    document = {
        "env_steps_per_second": rate,
        "task": args.task,
        "steps": args.steps,
        "mkl": mkl,
        "versions": versions("rltools", "mkl", "gymnasium", "mujoco", "numpy"),
    }
    text = json.dumps(document) if args.json else f"{rate:.1f} environment steps per second"
    print(text, file=stdout, flush=True)


if __name__ == "__main__":
    main()
