"""What `pmoe` is compared with, part by part.

To compare something else, write a function that makes its comparisons and name it in `PARTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from runs import Comparison, Kind, Program

HERE = Path(__file__).resolve().parent
# Observation and action sizes of the tasks whose updates are timed.
TASK_SIZES = {"Hopper-v4": (11, 3), "Humanoid-v4": (376, 17)}
ROBOTS = ("Hopper", "Walker2d", "HalfCheetah", "Ant", "Humanoid", "HumanoidStandup")
# CleanRL's PPO with the paper's epochs and a constant learning rate, which the peers have.
PPO = ("--method", "ppo-cleanrl", "--set", "epochs=20", "--set", "anneal_lr=false")
# Keys that lead to the figures of updates, of environments and of training.
MEDIAN = ("ms_per_update", "median")
STEPPED = ("steps_per_second",)
TRAINED = ("env_steps_per_second",)


@dataclass
class Tools:
    """The programs, and how much they do."""

    pmoe: str
    python: str
    updates: int
    steps: int
    seconds: float
    threads: int

    def ours(self, value: tuple[str, ...], *words: str, all_cores: bool = False) -> Program:
        """`pmoe` with these words."""
        return Program("pmoe", (self.pmoe, *words, "--json"), value, on_all_cores=all_cores)

    def peer(
        self,
        name: str,
        value: tuple[str, ...],
        script: str,
        *words: str,
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
    name = "SAC (K = 1)" if k == 1 else f"PMOE-SAC, K = {k}"
    mixture = ("pmoe-sac", "--set", f"actor.pmoe.num_primitives={k}")
    method = ("sac",) if k == 1 else mixture
    theirs = ("--method", "sac") if k == 1 else ("--method", "pmoe", "--k", str(k))

    def torch(name: str, style: str, *words: str) -> Program:
        words = (*theirs, *sizes, *count, "--style", style, *words)
        return tools.peer(name, MEDIAN, "torch_update.py", *words)

    # The choice in a pass of its own, which pays from two primitives on.
    two_pass = ("--two-pass",) if k > 1 else ()
    peers = [torch("PyTorch, CleanRL's way", "cleanrl"), torch("PyTorch, tuned", "tuned")]
    if two_pass:
        peers.append(torch("PyTorch, tuned, two passes", "tuned", *two_pass))
    peers.append(torch("torch.compile of the losses", "compiled", *two_pass))
    peers.append(torch("torch.compile of whole updates, LeanRL's way", "lean", *two_pass))
    ours = tools.ours(MEDIAN, "bench", "update", "--task", task, *count, "--method", *method)
    what = f"Gradient update, sizes of {task}, {name}"
    return Comparison(what, "ms", True, ours, [*peers, PRODUCTS])


def td3_updates(tools: Tools) -> list[Comparison]:
    """Milliseconds of the updates per actor update of TD3."""
    count = ("--updates", str(tools.updates))
    found = []
    for task, dims in TASK_SIZES.items():
        words = ("--task-sizes", *map(str, dims), *count, "--style")
        peers = [
            tools.peer("JAX, CleanRL's way", MEDIAN, "jax_td3.py", *words, "cleanrl"),
            tools.peer("JAX, all in one", MEDIAN, "jax_td3.py", *words, "tuned"),
            PRODUCTS,
        ]
        method = ("--method", "td3", "--task", task)
        ours = tools.ours(MEDIAN, "bench", "update", *method, *count)
        what = f"Two gradient updates, sizes of {task}, TD3"
        found.append(Comparison(what, "ms", True, ours, peers))
    return found


def sac_training(tools: Tools) -> list[Comparison]:
    """Environment steps per second of training with SAC, one update a step."""
    found = []
    # `pmoe` trains on target-reaching, its peers on a task of the same sizes that costs nothing.
    for task, theirs in [*((task, task) for task in TASK_SIZES), ("TargetReaching-v0", "Free-v0")]:
        steps = ("--steps", str(tools.steps))
        words = ("--task", theirs, *steps)
        lean, crossq = ("--style", "lean"), ("--method", "crossq")
        peers = [
            tools.peer("RLtools", TRAINED, "rltools_train.py", *words),
            tools.peer("SBX", TRAINED, "sbx_train.py", *words),
            tools.peer("Stable-Baselines3", TRAINED, "sb3_train.py", *words),
            tools.peer("PyTorch, CleanRL's way", TRAINED, "torch_train.py", *words),
            tools.peer("PyTorch, LeanRL's way", TRAINED, "torch_train.py", *words, *lean),
            tools.peer("SBX, CrossQ", TRAINED, "sbx_train.py", *words, *crossq, kind=Kind.OTHER),
        ]
        ours = tools.ours(TRAINED, "bench", "train", "--method", "sac", "--task", task, *steps)
        what = f"Training with SAC, {task if task == theirs else 'a task that costs nothing'}"
        found.append(Comparison(what, "steps/s", False, ours, peers))
    return found


def ppo_training(tools: Tools) -> list[Comparison]:
    """Environment steps per second of training with PPO, in whole rollouts of 2048."""
    found = []
    for task in TASK_SIZES:
        for num_envs in (1, 8):
            words = ("--task", task, "--steps", str(tools.steps))
            envs = ("--set", f"num_envs={num_envs}") if num_envs > 1 else ()
            ours = tools.ours(TRAINED, "bench", "train", *PPO, *envs, *words)
            theirs = ("--method", "ppo", "--num-envs", str(num_envs), *words)
            alone = tools.ours(
                STEPPED, "env", "bench", "--task", task, "--seconds", str(tools.seconds)
            )
            peers = [
                tools.peer("SBX", TRAINED, "sbx_train.py", *theirs),
                tools.peer("Stable-Baselines3", TRAINED, "sb3_train.py", *theirs),
                replace(alone, name="its simulation alone", kind=Kind.PART),
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
        loop = (STEPPED, "gymnasium_loop.py", *words)
        peers = [
            tools.peer("Gymnasium", *loop),
            tools.peer("Gymnasium, unwrapped", *loop, "--unwrapped"),
        ]
        ours = tools.ours(STEPPED, "env", "bench", *words)
        found.append(Comparison(f"Random actions, {task}", "steps/s", False, ours, peers))
    return found


def many_environments(tools: Tools) -> list[Comparison]:
    """Steps per second of eight environments for each thread, all threads at work."""
    tasks = ("Hopper-v4", "HalfCheetah-v4", "Ant-v4", "Humanoid-v4")
    return [many_of(tools, task, 8 * tools.threads) for task in tasks]


def sizes_of(tools: Tools, task: str, num_envs: int) -> tuple[str, ...]:
    """The words that say how many environments of a task are stepped, and for how long."""
    sizes = ("--num-envs", str(num_envs), "--threads", str(tools.threads))
    return ("--task", task, "--seconds", str(tools.seconds), *sizes)


def many_of(tools: Tools, task: str, num_envs: int) -> Comparison:
    """Many environments of one task."""
    words = sizes_of(tools, task, num_envs)
    loop = looping(tools, words)
    peers = [
        loop("EnvPool", "envpool"),
        loop("Gymnasium, AsyncVectorEnv", "async"),
        loop("Gymnasium, SyncVectorEnv (one thread)", "sync"),
    ]
    ours = tools.ours(STEPPED, "env", "bench", *words, all_cores=True)
    what = f"Random actions, {task}, {num_envs} environments, {tools.threads} threads"
    return Comparison(what, "steps/s", False, ours, peers)


def looping(tools: Tools, words: tuple[str, ...]) -> Callable[[str, str], Program]:
    """Gives the program that steps environments of a kind from Python."""

    def loop(name: str, kind: str) -> Program:
        return tools.peer(name, STEPPED, "vector_loop.py", *words, "--kind", kind, all_cores=True)

    return loop


def from_python(tools: Tools) -> list[Comparison]:
    """Training from Python: our learner on Gymnasium's environment, and another's on ours."""
    words = ("--task", "Hopper-v5", "--steps", str(tools.steps))
    peers = [
        tools.peer("SBX", TRAINED, "sbx_train.py", *words),
        tools.peer("Stable-Baselines3", TRAINED, "sb3_train.py", *words),
    ]
    what = "Training with SAC from Python, Gymnasium's Hopper-v5"
    ours = tools.peer("pmoe", TRAINED, "pmoe_train.py", *words)
    found = [Comparison(what, "steps/s", False, ours, peers)]

    words = ("--method", "ppo", "--task", "HalfCheetah-v5", "--steps", str(tools.steps))
    words = (*words, "--num-envs", "8", "--threads", str(tools.threads))

    def learner(name: str, kind: str) -> Program:
        return tools.peer(name, TRAINED, "sb3_train.py", *words, "--envs", kind, all_cores=True)

    peers = [
        learner("Gymnasium's SyncVectorEnv", "sync"),
        learner("Gymnasium's AsyncVectorEnv", "async"),
        learner("its own DummyVecEnv", "dummy"),
    ]
    what = f"Stable-Baselines3's PPO on 8 of HalfCheetah-v5, {tools.threads} threads"
    found.append(Comparison(what, "steps/s", False, learner("pmoe", "pmoe"), peers))
    for task in ("Hopper-v5", "HalfCheetah-v5"):
        found.append(stepped_from_python(tools, task))
    return found


def stepped_from_python(tools: Tools, task: str) -> Comparison:
    """Eight environments, stepped from Python alone."""
    loop = looping(tools, sizes_of(tools, task, 8))
    peers = [
        loop("Gymnasium's SyncVectorEnv", "sync"),
        loop("Gymnasium's AsyncVectorEnv", "async"),
    ]
    what = f"Random actions from Python, 8 of {task}, {tools.threads} threads"
    return Comparison(what, "steps/s", False, loop("pmoe", "pmoe"), peers)


PARTS: dict[str, Callable[[Tools], list[Comparison]]] = {
    "update": updates,
    "td3": td3_updates,
    "sac": sac_training,
    "ppo": ppo_training,
    "env": environments,
    "threads": many_environments,
    "python": from_python,
}
