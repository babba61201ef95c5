"""Compares the speed of `pmoe` with that of other libraries, in one table.

    cargo build --release
    python3 benches/peers/run.py                    # everything: some hours
    python3 benches/peers/run.py --quick            # one short round, rough: an hour
    python3 benches/peers/run.py --only update td3 --match Hopper --rounds 9
    python3 benches/peers/run.py --json FILE --resume     # go on after a stop

The peers are installed from `requirements.txt` into a temporary virtual environment that is removed
at the end (`--keep-venv` keeps it, `--venv DIR` uses one that you have); they take some gigabytes.
RLtools and `torch.compile` need a C++ compiler, RLtools Python's headers too.

What is compared
  update   Gradient updates of SAC (which has one primitive) and of PMOE-SAC with K, on random
           transitions of the task's sizes: `pmoe bench update` and `torch_update.py`, our own short
           PyTorch code with the same settings and mathematics. "CleanRL's way" has PyTorch's
           default options; "tuned" has the fastest Adam of PyTorch, frozen critics and fused target
           steps; "two passes" chooses the best primitive without a graph and differentiates the
           chosen rows only, where public code differentiates all. `torch.compile` is measured with
           the losses (and perhaps Adam's steps), and LeanRL's way with whole updates: loss,
           gradients and Adam, both critics in one product; both choose in a pass of their own. The
           dense matrix products are those of the update alone, by `gemm`, in `pmoe`'s process.
  td3      The two gradient updates for each update of the actor, of TD3: `jax_td3.py`, our own JAX
           code, compiled in the two pieces that CleanRL compiles, and all in one.
  sac      Environment steps per second of SAC, environment included, one update each: `pmoe bench
           train` beside RLtools, SBX (JAX), Stable-Baselines3, and `torch_train.py` (the PyTorch
           code of `update` with a loop around it). `rltools_train.py --help` says where RLtools
           differs. SBX's CrossQ is another algorithm with larger critics and fewer updates of the
           actor: its figure stands there for orientation, no ratio is claimed. On the task that
           costs nothing the peers step `free_task.py`, and `pmoe` steps target-reaching, which has
           the same sizes and costs it less than a microsecond a step.
  ppo      The same of PPO in whole rollouts of 2048 with their 20 epochs, from one environment and
           from eight (in turn, in one thread), and what part of the simulation's own speed is left.
  env      Steps per second with random actions, resets included: `pmoe env bench` and
           `gymnasium_loop.py` with and without the wrappers of `gymnasium.make`.
  threads  The same of eight environments for each of `--threads` threads, on as many cores:
           EnvPool (which has its own C++ tasks and its own MuJoCo) and Gymnasium's vector
           environments.
  python   From Python, with our package, which `cargo xtask wheel` builds before:
           SAC on Gymnasium's Hopper beside SBX and Stable-Baselines3; Stable-Baselines3's PPO on
           eight of our HalfCheetah and on Gymnasium's; stepping these alone.

How
  One thread each, all on the same core, save for `threads`. A round runs every program once, one
  after the other, and every second round in reverse. Figures are medians over the rounds of each
  run's median, with the least and the greatest in brackets. "× as fast" is the median over the
  rounds of the ratio within a round, so above 1 `pmoe` is faster. What a program cannot do is "n/a"
  with its reason below the table.

Noise
  Of each run we measure for what part of its time it had its core (on several cores: what part of
  their work was its own). Below 90 % it is repeated, three times in all. A row is withheld, and the
  exit code is 3, if the median run of `pmoe` or of the peer is still below; `--allow-noise` prints
  it all the same. The raw figures are in the JSON file, and `--resume` repeats only what was
  disturbed, failed or is missing.

Instructions
  `--instructions avx2` holds every program to AVX2: PyTorch, MKL, oneDNN, NumPy's OpenBLAS and XLA
  by their own variables, `pmoe` by `PMOE_INSTRUCTIONS=avx2`, and what `torch.compile` and RLtools
  compile by a compiler whose last option is `-march=x86-64-v3`. MuJoCo is the same library for all.

`torch_update.py --check` and `jax_td3.py --check`, with the environment's Python, check the peers'
mathematics; `test_driver.py` tests this driver.

The table goes to stdout in Markdown, progress to stderr. Exit codes: 0 done, 1 `pmoe` failed in a
comparison, 2 bad input, 3 rows withheld, 130 and 143 stopped. Needs Linux and Python 3.11 or newer.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import signal
import sys
import tempfile
from pathlib import Path

import machine
import report
from compared import PARTS, Tools
from runs import QUIET, BadInput, Comparison, Log, Machine, measure

ROOT = Path(__file__).resolve().parents[2]
USUAL = {"rounds": 5, "updates": 300, "steps": 2000, "seconds": 3.0, "tries": 3}
QUICK = {"rounds": 1, "updates": 50, "steps": 500, "seconds": 1.0, "tries": 1}


def arguments() -> argparse.Namespace:
    """The command line, defaults filled in."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usual = {
        name: f"{value} if not given, {QUICK[name]} with --quick" for name, value in USUAL.items()
    }
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="these parts")
    parser.add_argument(
        "--match", default="", metavar="TEXT", help="of these, the comparisons that are named so"
    )
    parser.add_argument("--quick", action="store_true", help="little of everything")
    parser.add_argument("--rounds", type=int, help=usual["rounds"])
    parser.add_argument("--updates", type=int, help=f"updates per run; {usual['updates']}")
    parser.add_argument("--steps", type=int, help=f"training steps per run; {usual['steps']}")
    parser.add_argument("--seconds", type=float, help=f"of each environment; {usual['seconds']}")
    parser.add_argument("--tries", type=int, help=f"of a disturbed run; {usual['tries']}")
    parser.add_argument(
        "--instructions", choices=["avx2"], help="hold every program to these; else the widest"
    )
    parser.add_argument("--allow-noise", action="store_true", help="print disturbed rows too")
    allowed = os.sched_getaffinity(0)
    parser.add_argument("--core", type=int, default=max(allowed), help="the last one if not given")
    parser.add_argument(
        "--threads", type=int, default=len(allowed), help="of the part `threads`; all if not given"
    )
    parser.add_argument(
        "--pmoe",
        type=Path,
        default=ROOT / "target" / "release" / "pmoe",
        help="the program; target/release/pmoe if not given",
    )
    parser.add_argument("--venv", type=Path, help="virtual environment; made if it is not there")
    parser.add_argument("--keep-venv", action="store_true", help="keep the temporary one")
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        default=ROOT / "target" / f"peers-{now}.json",
        help="all figures, written as they come; a new file in target/ if not given",
    )
    parser.add_argument("--resume", action="store_true", help="go on with that file")
    args = parser.parse_args()
    args.pmoe = args.pmoe.resolve()
    for name, value in (QUICK if args.quick else USUAL).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
        if getattr(args, name) <= 0:
            parser.error(f"--{name} must be positive")
    if args.core not in allowed:
        parser.error(f"--core must be one of {sorted(allowed)}")
    if not 1 <= args.threads <= len(allowed):
        parser.error(f"--threads must be between 1 and {len(allowed)}")
    if args.json.exists() and not args.resume:
        parser.error(f"{args.json} exists; --resume goes on with it")
    return args


def compare(args: argparse.Namespace, venv: Path, scratch: Path) -> int:
    """Measures and prints; returns the exit code."""
    python = machine.prepare(venv)
    amounts = {name: getattr(args, name) for name in ("updates", "steps", "seconds", "threads")}
    tools = Tools(str(args.pmoe), str(python), **amounts)
    # In the order of the parts, each once, whatever the order of the arguments.
    chosen = [c for part in PARTS if part in args.only for c in PARTS[part](tools)]
    comparisons = [comparison for comparison in chosen if args.match in comparison.what]
    if not comparisons:
        raise BadInput(f"nothing is named {args.match!r}; there are: {names(chosen)}")
    fixed = machine.facts(args.pmoe, python, args.instructions, args.core)
    fixed |= {name: str(value) for name, value in amounts.items()}
    told = {"commit": machine.commit(), "command": shlex.join(["run.py", *sys.argv[1:]])}
    log = Log(args.json, fixed, told)
    if args.resume and args.json.exists():
        log.load()
    log.save()
    print(f"raw figures: {args.json}", file=sys.stderr)

    environment = machine.environment(args.instructions, scratch)
    # The chosen core, and as many others as there are more threads.
    cores = sorted(os.sched_getaffinity(0), key=lambda core: core != args.core)[: args.threads]
    place = Machine(environment, args.core, set(cores), args.tries, args.instructions)
    measure(comparisons, args.rounds, log, place)

    found = report.make(comparisons, log, args.rounds, args.allow_noise)
    print(found.text(args.allow_noise))
    print(report.noise(comparisons, log, args.rounds))
    print(closing(fixed, told, args.rounds))
    ours = [run.document for run in log.runs.values() if run.program == "pmoe" and run.document]
    if args.instructions and not any("instructions" in document for document in ours):
        print("`pmoe` did not say which instructions it used: this build may ignore the wish.")
    if found.noisy and not args.allow_noise:
        print(
            f"{found.noisy} of {len(found.rows)} rows are withheld: in the median run a program had"
            f" its cores for less than {QUIET:.0%} of its time. The raw figures are in {args.json};"
            " --resume repeats the disturbed runs, --allow-noise prints them as they are.",
            file=sys.stderr,
        )
        return 3
    return 1 if found.without_ours else 0


def names(comparisons: list[Comparison]) -> str:
    return "; ".join(comparison.what for comparison in comparisons)


def closing(fixed: dict[str, str], told: dict[str, str], rounds: int) -> str:
    """What the figures were measured with."""
    most = fixed["widest instructions"]
    held = "AVX2" if fixed["instructions"] == "avx2" else most
    return "\n".join(
        [
            f"Machine: {fixed['processor']}; caches {fixed['caches']}; instructions: {held}"
            + ("." if held == most else f", of {most}."),
            f"Command: `{told['command']}`, {rounds} rounds, {fixed['updates']} updates,"
            f" {fixed['steps']} steps, {fixed['seconds']} s, {fixed['threads']} threads.",
            f"Versions: {fixed['pmoe']}; peers' scripts at commit {told['commit']};"
            f" {fixed['python']}; {fixed['packages']}.",
        ]
    )


def main() -> int:
    args = arguments()
    # As on Ctrl-C, the temporary files go.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="pmoe-peers-") as scratch:
        venv = args.venv.resolve() if args.venv else Path(scratch) / "venv"
        if args.venv is None and args.keep_venv:
            venv = Path(tempfile.mkdtemp(prefix="pmoe-peers-venv-"))
            print(f"the virtual environment is {venv}", file=sys.stderr)
        try:
            return compare(args, venv, Path(scratch))
        except BadInput as error:
            print(f"run.py: {error}", file=sys.stderr)
            return 2


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
