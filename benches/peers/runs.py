"""Programs that are timed in turn, and the file that keeps what they print.

The standard library only: this half runs outside the virtual environment.
"""

from __future__ import annotations

import datetime
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

# A run is its machine's own if it had its cores for this part of the time.
QUIET = 0.9
# A program that says nothing for this long (s) hangs.
TIMEOUT = 1800


class BadInput(Exception):
    """A file or an environment that does not fit, and why."""


class Kind(Enum):
    """What a peer's figure says beside that of `pmoe`."""

    # The same work: how many times as fast `pmoe` is.
    SAME = "same"
    # Another algorithm: no ratio.
    OTHER = "other"
    # A part of what `pmoe` does, alone: what part of its speed `pmoe` reaches.
    PART = "part"


@dataclass(frozen=True)
class Program:
    """A program that prints one JSON document."""

    name: str
    # Empty if the figure is in the document of `pmoe`.
    command: tuple[str, ...]
    # Keys that lead to the figure in the document.
    value: tuple[str, ...]
    kind: Kind = Kind.SAME
    # Whether it runs on all cores instead of one.
    on_all_cores: bool = False

    def figure(self, document: dict) -> float:
        """The figure in its document."""
        value: Any = document
        for key in self.value:
            value = value[key]
        return float(value)


@dataclass(frozen=True)
class Comparison:
    """`pmoe` and its peers at one task."""

    what: str
    unit: str
    # Of two figures, whether the smaller is the faster one.
    less_is_faster: bool
    ours: Program
    peers: list[Program]

    def programs(self) -> list[Program]:
        """Those to run."""
        return [program for program in (self.ours, *self.peers) if program.command]


@dataclass
class Machine:
    """Where programs run, and when one is given up."""

    environment: dict[str, str]
    core: int
    cores: set[int]
    tries: int
    # The instruction set to which programs are held, if any.
    instructions: str | None = None


@dataclass
class Run:
    """What one program did in one round."""

    what: str
    program: str
    round: int
    # Without the folders of this machine.
    command: list[str] = field(default_factory=list)
    date: str = ""
    document: dict | None = None
    core_share: float = 0.0
    failure: str | None = None
    # Shares and documents of tries in which other work disturbed it more.
    noisy_tries: list[dict] = field(default_factory=list)

    def key(self) -> tuple[str, str, int]:
        return (self.what, self.program, self.round)

    def is_quiet(self) -> bool:
        return self.document is not None and self.core_share >= QUIET

    def better_of(self, other: Run | None) -> Run:
        """The less disturbed of two tries; it keeps the other's figures beside its own."""
        if other is None or other.document is None:
            return self
        if self.document is None:
            return other
        best, worse = (self, other) if self.core_share >= other.core_share else (other, self)
        best.noisy_tries += worse.noisy_tries
        best.noisy_tries.append({"core_share": worse.core_share, "document": worse.document})
        return best


class Log:
    """All runs so far, in a file that is whole after each of them."""

    def __init__(self, path: Path, fixed: dict[str, str], told: dict[str, str]) -> None:
        # What later calls must share, and what they need not.
        self.path, self.fixed, self.told = path, fixed, told
        self.runs: dict[tuple[str, str, int], Run] = {}

    def load(self) -> None:
        """Takes over the runs of an earlier call, made on the same machine in the same way."""
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            before = document["fixed"]
            runs = [Run(**run) for run in document["runs"]]
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{self.path} is not a file of this version: {error!r}") from error
        for name, value in self.fixed.items():
            if before.get(name) != value:
                message = (
                    f"cannot go on with {self.path}: {name} was {before.get(name)}, is {value}"
                )
                raise BadInput(message)
        self.runs = {run.key(): run for run in runs}

    def add(self, run: Run) -> None:
        """Keeps a run, or the better one if there is one already."""
        self.runs[run.key()] = run.better_of(self.runs.get(run.key()))
        self.save()

    def save(self) -> None:
        runs = [vars(run) for run in self.runs.values()]
        document = {"fixed": self.fixed, **self.told, "runs": runs}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self.path.with_name(self.path.name + ".new")
        scratch.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        scratch.replace(self.path)

    def of(self, what: str, program: str, rounds: int) -> list[Run]:
        """Those of a program, in the order of the rounds."""
        found = (self.runs.get((what, program, number)) for number in range(rounds))
        return [run for run in found if run is not None]


def measure(comparisons: list[Comparison], rounds: int, log: Log, machine: Machine) -> None:
    """Runs what the log does not have, or has from a disturbed moment only."""
    given_up: set[tuple[str, str]] = set()
    for number, comparison, program in in_turn(comparisons, rounds):
        run = Run(comparison.what, program.name, number)
        before = log.runs.get(run.key())
        if (run.what, run.program) in given_up or (before is not None and before.is_quiet()):
            continue
        print(f"round {number + 1}: {run.what}: {run.program}", file=sys.stderr)
        for left in reversed(range(machine.tries)):
            run = attempt(comparison, program, number, machine)
            log.add(run)
            if run.document is None:
                print(f"  failed: {run.failure}", file=sys.stderr)
                given_up.add((run.what, run.program))
                break
            if run.is_quiet():
                break
            again = "trying again" if left else "given up"
            print(f"  had its cores for {run.core_share:.0%} of its time: {again}", file=sys.stderr)


def in_turn(
    comparisons: list[Comparison], rounds: int
) -> Iterator[tuple[int, Comparison, Program]]:
    """One program after the other, every second round in reverse."""
    for number in range(rounds):
        for comparison in comparisons:
            programs = comparison.programs()
            for program in programs if number % 2 == 0 else reversed(programs):
                yield number, comparison, program


def attempt(comparison: Comparison, program: Program, number: int, machine: Machine) -> Run:
    """Runs a program once."""
    run = Run(comparison.what, program.name, number)
    run.command = [Path(part).name for part in program.command]
    run.date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    cores = machine.cores if program.on_all_cores else {machine.core}
    # The program inherits it.
    os.sched_setaffinity(0, cores)
    begun, used, busy = time.perf_counter(), children_seconds(), busy_seconds(cores)
    try:
        done = subprocess.run(
            program.command,
            env=machine.environment,
            stdin=subprocess.DEVNULL,
            text=True,
            capture_output=True,
            check=False,
            timeout=TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        run.failure = f"no answer in {TIMEOUT} s" if hasattr(error, "timeout") else str(error)
        return run
    seconds, ours = time.perf_counter() - begun, children_seconds() - used
    if len(cores) > 1:
        # Programs on several cores wait for themselves; what counts is whose work the cores did.
        seconds = max(busy_seconds(cores) - busy, ours)
    run.core_share = min(ours / seconds, 1.0)
    try:
        document = json.loads(done.stdout)
        program.figure(document)
    except (ValueError, KeyError, TypeError):
        run.failure = reason(done)
        return run
    told = document.get("instructions")
    if (
        machine.instructions is not None
        and told is not None
        and told.lower() != machine.instructions
    ):
        run.failure = f"it used {told}, not {machine.instructions}"
        return run
    run.document = document
    return run


def reason(done: subprocess.CompletedProcess) -> str:
    """The most telling line of what a program that failed said."""
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in said if "error" in line.lower()]
    return (errors[-1:] + said[-1:] + [f"exit code {done.returncode}"])[0]


def children_seconds() -> float:
    """Processor time of all programs that have ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def busy_seconds(cores: set[int]) -> float:
    """How long these cores have worked, for anyone: other machines that the host runs included."""
    wanted, ticks = {f"cpu{core}" for core in cores}, 0
    for line in Path("/proc/stat").read_text(encoding="utf-8").splitlines():
        name, *fields = line.split()
        if name in wanted:
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
            ticks += user + nice + system + irq + softirq + steal
    return ticks / os.sysconf("SC_CLK_TCK")
