"""What `pmoe` is compared with, part by part.

To compare something else, write a function that makes its comparisons and name it in `PARTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runs import Comparison, Kind, Program

HERE = Path(__file__).resolve().parent
# Observation and action sizes of the tasks whose updates are timed.
TASK_SIZES = {"Hopper-v4": (11, 3), "Humanoid-v4": (376, 17)}
ROBOTS = ("Hopper", "Walker2d", "HalfCheetah", "Ant", "Humanoid", "HumanoidStandup")
# CleanRL's PPO with the paper's epochs and a constant learning rate, which the peers have.
PPO = ("--method", "ppo-cleanrl", "--set", "epochs=20", "--set", "anneal_lr=false")
MEDIAN, PER_SECOND, TRAINED = ("ms_per_update", "median"), ("steps_per_second",), ("env_steps_per_second",)


@dataclass
class Tools:
    """The programs, and how much they do."""

    pmoe: str
    python: str
    updates: int
    steps: int
    seconds: float
    threads: int

    def ours(self, *words: str, value: tuple[str, ...], all_cores: bool = False) -> Program:
        """`pmoe` with these words."""
        return Program("pmoe", (self.pmoe, *words, "--json"), value, on_all_cores=all_cores)

    def peer(
        self,
        name: str,
        script: str,
        *words: str,
        value: tuple[str, ...],
        kind: Kind = Kind.SAME,
        all_cores: bool = False,
    ) -> Program:
        """A script of this folder with these words."""
        command = (self.python, str(HERE / script), *words, "--json")
        return Program(name, command, value, kind, all_cores)


# What every update is compared with: its products by `gemm`, timed in the process of `pmoe`.
PRODUCTS = Program("its dense matrix products alone", (), ("ms_matrix_products",), Kind.PART)


def updates(tools: Tools) -> list[Comparison]:
    """Milliseconds per gradient update of SAC and PMOE-SAC."""
    return [update(tools, task, k) for task in TASK_SIZES for k in (1, 4, 10)]


def update(tools: Tools, task: str, k: int) -> Comparison:
    """One update; with one primitive it is SAC."""
    count = ("--updates", str(tools.updates))
    sizes = ("--task-sizes", *map(str, TASK_SIZES[task]))
    if k == 1:
        name, method, theirs = "SAC (K = 1)", ("sac",), ("--method", "sac")
    else:
        name = f"PMOE-SAC, K = {k}"
        method = ("pmoe-sac", "--set", f"actor.pmoe.num_primitives={k}")
        theirs = ("--method", "pmoe", "--k", str(k))

    def torch(name: str, style: str, *words: str) -> Program:
        words = (*theirs, *sizes, *count, "--style", style, *words)
        return tools.peer(name, "torch_update.py", *words, value=MEDIAN)

    # The choice in a pass of its own, which pays from two primitives on.
    two_pass = ("--two-pass",) if k > 1 else ()
    peers = [torch("PyTorch, CleanRL's way", "cleanrl"), torch("PyTorch, tuned", "tuned")]
    if two_pass:
        peers.append(torch("PyTorch, tuned, two passes", "tuned", *two_pass))
    peers.append(torch("torch.compile of the losses", "compiled", *two_pass))
    peers.append(torch("torch.compile of whole updates, LeanRL's way", "lean", *two_pass))
    ours = tools.ours("bench", "update", "--task", task, *count, "--method", *method, value=MEDIAN)
    what = f"Gradient update, sizes of {task}, {name}"
    return Comparison(what, "ms", True, ours, [*peers, PRODUCTS])


def td3_updates(tools: Tools) -> list[Comparison]:
    """Milliseconds of the updates per actor update of TD3."""
    count = ("--updates", str(tools.updates))
    found = []
    for task, dims in TASK_SIZES.items():
        words = ("--task-sizes", *map(str, dims), *count, "--style")
        peers = [
            tools.peer("JAX, CleanRL's way", "jax_td3.py", *words, "cleanrl", value=MEDIAN),
            tools.peer("JAX, all in one", "jax_td3.py", *words, "tuned", value=MEDIAN),
            PRODUCTS,
        ]
        ours = ("bench", "update", "--task", task, *count, "--method", "td3")
        what = f"Two gradient updates, sizes of {task}, TD3"
        found.append(Comparison(what, "ms", True, tools.ours(*ours, value=MEDIAN), peers))
    return found


def sac_training(tools: Tools) -> list[Comparison]:
    """Environment steps per second of training with SAC, one update a step."""
    found = []
    # `pmoe` trains on target-reaching, its peers on a task of the same sizes that costs nothing.
    for task, theirs in [*((task, task) for task in TASK_SIZES), ("TargetReaching-v0", "Free-v0")]:
        steps = ("--steps", str(tools.steps))
        options = {"value": TRAINED}
        words = ("--task", theirs, *steps)
        peers = [
            tools.peer("RLtools", "rltools_train.py", *words, **options),
            tools.peer("SBX", "sbx_train.py", *words, **options),
            tools.peer("Stable-Baselines3", "sb3_train.py", *words, **options),
            tools.peer("PyTorch, CleanRL's way", "torch_train.py", *words, **options),
            tools.peer("PyTorch, LeanRL's way", "torch_train.py", *words, "--style", "lean", **options),
        ]
        crossq = ("--method", "crossq", *words)
        peers.append(tools.peer("SBX, CrossQ", "sbx_train.py", *crossq, **options, kind=Kind.OTHER))
        ours = tools.ours("bench", "train", "--method", "sac", "--task", task, *steps, **options)
        what = f"Training with SAC, {task if task == theirs else 'a task that costs nothing'}"
        found.append(Comparison(what, "steps/s", False, ours, peers))
    return found


def ppo_training(tools: Tools) -> list[Comparison]:
    """Environment steps per second of training with PPO, in whole rollouts of 2048."""
    found = []
    for task in TASK_SIZES:
        for num_envs in (1, 8):
            options = {"value": TRAINED}
            words = ("--task", task, "--steps", str(tools.steps))
            envs = ("--set", f"num_envs={num_envs}") if num_envs > 1 else ()
            ours = tools.ours("bench", "train", *PPO, *envs, *words, **options)
            theirs = ("--method", "ppo", "--num-envs", str(num_envs), *words)
            alone = (tools.pmoe, "env", "bench", "--task", task, "--seconds", str(tools.seconds))
            peers = [
                tools.peer("SBX", "sbx_train.py", *theirs, **options),
                tools.peer("Stable-Baselines3", "sb3_train.py", *theirs, **options),
                Program("its simulation alone", (*alone, "--json"), PER_SECOND, Kind.PART),
            ]
            many = f", {num_envs} environments" if num_envs > 1 else ""
            what = f"Training with PPO, {task}{many}"
            found.append(Comparison(what, "steps/s", False, ours, peers))
    return found


def environments(tools: Tools) -> list[Comparison]:
    """Steps per second of one environment alone."""
    found = []
    for task in (f"{robot}-{version}" for robot in ROBOTS for version in ("v4", "v5")):
        words = ("--task", task, "--seconds", str(tools.seconds))
        loop = ("gymnasium_loop.py", *words)
        peers = [
            tools.peer("Gymnasium", *loop, value=PER_SECOND),
            tools.peer("Gymnasium, unwrapped", *loop, "--unwrapped", value=PER_SECOND),
        ]
        ours = tools.ours("env", "bench", *words, value=PER_SECOND)
        found.append(Comparison(f"Random actions, {task}", "steps/s", False, ours, peers))
    return found


def many_environments(tools: Tools) -> list[Comparison]:
    """Steps per second of eight environments for each thread, all threads at work."""
    found, num_envs = [], 8 * tools.threads
    for task in ("Hopper-v4", "HalfCheetah-v4", "Ant-v4", "Humanoid-v4"):
        sizes = ("--num-envs", str(num_envs), "--threads", str(tools.threads))
        words = ("--task", task, "--seconds", str(tools.seconds), *sizes)
        options = {"value": PER_SECOND, "all_cores": True}

        def loop(name: str, kind: str) -> Program:
            return tools.peer(name, "vector_loop.py", *words, "--kind", kind, **options)

        peers = [
            loop("EnvPool", "envpool"),
            loop("Gymnasium, AsyncVectorEnv", "async"),
            loop("Gymnasium, SyncVectorEnv (one thread)", "sync"),
        ]
        ours = tools.ours("env", "bench", *words, **options)
        what = f"Random actions, {task}, {num_envs} environments, {tools.threads} threads"
        found.append(Comparison(what, "steps/s", False, ours, peers))
    return found


PARTS: dict[str, Callable[[Tools], list[Comparison]]] = {
    "update": updates,
    "td3": td3_updates,
    "sac": sac_training,
    "ppo": ppo_training,
    "env": environments,
    "threads": many_environments,
}
