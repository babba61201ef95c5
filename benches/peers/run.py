"""Compares the speed of `pmoe` with that of PyTorch, Stable-Baselines3 and SBX (JAX).

    cargo build --release
    python3 benches/peers/run.py                 # everything: an hour or more
    python3 benches/peers/run.py --quick         # one short round: ten minutes, rough
    python3 benches/peers/run.py --only update --rounds 9 --json peers.json

The peers are installed from `requirements.txt` into a temporary virtual environment that is removed
at the end (`--keep-venv` keeps it, `--venv DIR` uses one that you have); they take some gigabytes.

What is compared
  Gradient update  one update of SAC and of PMOE-SAC with K primitives, on random transitions of the
                   task's sizes: `pmoe bench update` and `torch_update.py`, our own short PyTorch
                   code with the same settings and mathematics. "torch" is written like CleanRL,
                   with PyTorch's default options; "tuned" has the fastest Adam of PyTorch, frozen
                   critics and fused target steps. "Two-pass", tuned as well, chooses the best
                   primitive without a graph and differentiates the chosen rows only; public code
                   differentiates all. `torch.compile` compiles the tuned (two-pass) losses. The
                   matrix products are those of the update alone, by `gemm`, in `pmoe`'s process.
  Training         environment steps per second, environment included, of SAC with one update each and
                   of PPO in whole rollouts of 2048 with their 20 epochs: `pmoe bench train`, and
                   `training.py` for Stable-Baselines3 and SBX.
  Environments     steps per second with random actions, resets included: `pmoe env bench`, and
                   `gymnasium_loop.py` with and without the wrappers of `gymnasium.make`.

How
  One thread each, all on the same core. A round runs every program once, one after the other, and
  every second round in reverse. A cell shows the median over the rounds of each run's median, the
  least and the greatest in brackets, and how many times as fast `pmoe` is: the median over the
  rounds of the ratio within a round, so above 1 `pmoe` is faster. What a program cannot do is "n/a"
  with its reason below the table. Keep the machine idle: other work makes the numbers worthless.

`torch_update.py --check`, with the environment's Python, checks the peers' mathematics.

The table goes to stdout in Markdown, progress to stderr. Needs Linux and Python 3.11 or newer.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from probes import Item, Probe, core_shares, measure, table

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
}
# Observation and action sizes of the tasks whose updates are timed.
TASK_SIZES = {"Hopper-v4": (11, 3), "Humanoid-v4": (376, 17)}


def update_item(args: argparse.Namespace, python: Path, task: str) -> Item:
    """Milliseconds per gradient update at the sizes of `task`."""
    sizes, updates = map(str, TASK_SIZES[task]), str(args.updates)
    of_torch = [str(python), str(HERE / "torch_update.py"), "--json", "--updates", updates]
    of_torch += ["--task-sizes", *sizes]
    of_pmoe = [args.pmoe, "bench", "update", "--task", task, "--json", "--updates", updates]
    median, tuned = ("ms_per_update", "median"), ["--style", "tuned"]
    rows = [
        (
            "SAC",
            [
                Probe([*of_pmoe, "--method", "sac"], median),
                Probe([*of_torch, "--method", "sac"], median),
                Probe([*of_torch, "--method", "sac", *tuned], median),
                None,
                Probe([*of_torch, "--method", "sac", *tuned, "--compile"], median),
            ],
        )
    ]
    for k in (4, 10):
        ours = [*of_pmoe, "--method", "pmoe-sac", "--set", f"actor.pmoe.num_primitives={k}"]
        theirs = [*of_torch, "--method", "pmoe", "--k", str(k)]
        probes = [
            Probe(ours, median),
            Probe(theirs, median),
            Probe([*theirs, *tuned], median),
            Probe([*theirs, *tuned, "--two-pass"], median),
            Probe([*theirs, *tuned, "--two-pass", "--compile"], median),
        ]
        rows.append((f"PMOE-SAC, K = {k}", probes))
    return Item(
        f"Gradient update, sizes of {task}",
        "ms",
        True,
        ["pmoe", "torch", "torch, tuned", "torch, two-pass", "torch.compile"],
        rows,
        ("pmoe ÷ matrix products", ("ratio_to_matrix_products",)),
    )


def update_items(args: argparse.Namespace, python: Path) -> list[Item]:
    """One table for each pair of sizes."""
    return [update_item(args, python, task) for task in TASK_SIZES]


# The paper's epochs and a constant learning rate, which the peers have.
PPO = ["ppo-cleanrl", "--set", "epochs=20", "--set", "anneal_lr=false"]


def train_items(args: argparse.Namespace, python: Path) -> list[Item]:
    """Environment steps per second of training with SAC and with PPO."""
    return [
        train_item(args, python, "SAC", "sac", ["sac"]),
        train_item(args, python, "PPO", "ppo", PPO),
    ]


def train_item(
    args: argparse.Namespace, python: Path, name: str, theirs: str, ours: list[str]
) -> Item:
    """The table of one method, by the peers' name and by ours."""
    rows = []
    for task in TASK_SIZES:
        options = ["--task", task, "--steps", str(args.steps), "--json"]
        commands = (
            [args.pmoe, "bench", "train", "--method", *ours],
            [str(python), str(HERE / "sbx_train.py"), "--method", theirs],
            [str(python), str(HERE / "sb3_train.py"), "--method", theirs],
        )
        rate = ("env_steps_per_second",)
        rows.append((task, [Probe([*command, *options], rate) for command in commands]))
    columns = ["pmoe", "SBX", "Stable-Baselines3"]
    title = f"Training with {name}, environment included"
    return Item(title, "steps/s", False, columns, rows)


ROBOTS = ("Hopper", "Walker2d", "HalfCheetah", "Ant", "Humanoid", "HumanoidStandup")


def env_items(args: argparse.Namespace, python: Path) -> list[Item]:
    """Steps per second of the environments alone."""
    rows = []
    for task in (f"{robot}-{version}" for robot in ROBOTS for version in ("v4", "v5")):
        options = ["--task", task, "--seconds", str(args.seconds), "--json"]
        loop = [str(python), str(HERE / "gymnasium_loop.py")]
        commands = ([args.pmoe, "env", "bench"], loop, [*loop, "--unwrapped"])
        rate = ("steps_per_second",)
        rows.append((task, [Probe([*command, *options], rate) for command in commands]))
    columns = ["pmoe", "gymnasium", "gymnasium, unwrapped"]
    return [Item("Environments, random actions", "steps/s", False, columns, rows)]


# To compare something else, write a function that makes its tables and name it here.
ITEMS: dict[str, Callable[[argparse.Namespace, Path], list[Item]]] = {
    "update": update_items,
    "train": train_items,
    "env": env_items,
}


def pinned() -> dict[str, str]:
    """Versions by package name, from the requirements."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def prepare(venv: Path) -> Path:
    """The Python of a virtual environment that has what is pinned; made if it is not there."""
    python = venv / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        pip = [str(python), "-m", "pip", "install", "--requirement", str(REQUIREMENTS)]
        subprocess.run(pip, check=True, stdout=sys.stderr)
    found = installed(python)
    for name, version in pinned().items():
        has = found.get(normal(name), "missing")
        # A local label such as that of a build without CUDA is as good.
        if has.split("+")[0] != version:
            raise SystemExit(f"{venv}: {name} is {has}, not {version}")
    return python


def installed(python: Path) -> dict[str, str]:
    """All versions by package name in the environment of `python`."""
    code = (
        "import importlib.metadata, json\n"
        "packages = importlib.metadata.distributions()\n"
        "print(json.dumps({package.name: package.version for package in packages}))"
    )
    answer = subprocess.run([python, "-c", code], check=True, text=True, capture_output=True)
    return {normal(name): version for name, version in json.loads(answer.stdout).items()}


def normal(name: str) -> str:
    """A package name as package indexes compare it."""
    return name.lower().replace("_", "-").replace(".", "-")


def machine(args: argparse.Namespace, python: Path) -> dict[str, object]:
    """What the numbers were measured with."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")]
    try:
        told = subprocess.run([args.pmoe, "--version"], text=True, capture_output=True, check=True)
        pmoe = told.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        pmoe = "unknown"
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": names[0] if names else platform.processor(),
        "core": args.core,
        "load_average_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "pmoe": pmoe,
        "packages": installed(python),
        "rounds": args.rounds,
        "updates": args.updates,
        "steps": args.steps,
        "seconds": args.seconds,
    }


def arguments() -> argparse.Namespace:
    """The command line, defaults filled in."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=[*ITEMS, "all"], default="all")
    parser.add_argument("--quick", action="store_true", help="1 round, 50 updates, 500 steps, 1 second")
    parser.add_argument("--rounds", type=int, help="5 if not given")
    parser.add_argument("--updates", type=int, help="gradient updates per run; 300 if not given")
    parser.add_argument("--steps", type=int, help="environment steps per run; 2000 if not given")
    parser.add_argument("--seconds", type=float, help="of each environment; 3 if not given")
    parser.add_argument(
        "--core", type=int, default=max(os.sched_getaffinity(0)), help="the last one if not given"
    )
    parser.add_argument(
        "--pmoe",
        type=Path,
        default=HERE.parents[1] / "target" / "release" / "pmoe",
        help="the program; target/release/pmoe if not given",
    )
    parser.add_argument("--venv", type=Path, help="virtual environment; made if it is not there")
    parser.add_argument("--keep-venv", action="store_true", help="keep the temporary one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    args = parser.parse_args()
    args.pmoe = str(args.pmoe.resolve())
    usual = {"rounds": 5, "updates": 300, "steps": 2000, "seconds": 3.0}
    quick = {"rounds": 1, "updates": 50, "steps": 500, "seconds": 1.0}
    for name, value in (quick if args.quick else usual).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
        if getattr(args, name) <= 0:
            parser.error(f"--{name} must be positive")
    return args


def compare(args: argparse.Namespace, venv: Path, scratch: Path) -> None:
    """Measures and prints."""
    python = prepare(venv)
    os.sched_setaffinity(0, {args.core})
    environment = os.environ | ONE_THREAD | {"TORCHINDUCTOR_CACHE_DIR": str(scratch / "compiled")}
    chosen = ITEMS if args.only == "all" else [args.only]
    items = [item for name in chosen for item in ITEMS[name](args, python)]
    facts = machine(args, python)
    measure(items, args.rounds, environment)
    for item in items:
        print(table(item))
    shares = core_shares(items)
    print(
        f"{facts['cpu']}, one core, {facts['date']}, {facts['pmoe']}; rounds: {args.rounds}."
        f" The runs had the core for {statistics.median(shares):.0%} of their time in the median,"
        f" for {min(shares):.0%} at least; far below 100 % other work disturbed them."
    )
    print("; ".join(f"{name} {version}" for name, version in pinned().items()))
    if args.json is not None:
        document = facts | {"items": [item.raw() for item in items]}
        args.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    args = arguments()
    # As on Ctrl-C, the temporary files go.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="pmoe-peers-") as scratch:
        venv = args.venv.resolve() if args.venv else Path(scratch) / "venv"
        if args.venv is None and args.keep_venv:
            venv = Path(tempfile.mkdtemp(prefix="pmoe-peers-venv-"))
            print(f"the virtual environment is {venv}", file=sys.stderr)
        compare(args, venv, Path(scratch))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
