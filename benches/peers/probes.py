"""Programs that are timed in turn, and the Markdown tables of what they print.

The standard library only: this half runs outside the virtual environment.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Probe:
    """A program that prints one JSON document, and what it printed in each round."""

    command: list[str]
    # Keys that lead to the number in the document.
    value: tuple[str, ...]
    documents: list[dict] = field(default_factory=list)
    # Per round, what part of the wall-clock time the program had the core for.
    core_shares: list[float] = field(default_factory=list)
    failure: str | None = None

    def run(self, environment: dict[str, str]) -> None:
        """One round; after a failure nothing."""
        if self.failure is not None:
            return
        begun, used = time.perf_counter(), children_seconds()
        try:
            done = subprocess.run(
                self.command, env=environment, text=True, capture_output=True, check=False
            )
        except OSError as error:
            self.failure = str(error)
            return
        try:
            document = json.loads(done.stdout)
            float(dig(document, self.value))
        except (ValueError, KeyError, TypeError):
            said = [line for line in done.stderr.splitlines() if line.strip()]
            errors = [line for line in said if "error" in line.lower()]
            self.failure = (errors[-1:] + said[-1:] + [f"exit code {done.returncode}"])[0].strip()
            return
        self.documents.append(document)
        self.core_shares.append((children_seconds() - used) / (time.perf_counter() - begun))

    def raw(self) -> dict[str, object]:
        """The command, without folders, and all that it printed."""
        return {
            "command": [Path(part).name for part in self.command],
            "runs": self.documents,
            "core_shares": self.core_shares,
            "failure": self.failure,
        }

    def numbers(self) -> list[float]:
        """One number per round."""
        return [float(dig(document, self.value)) for document in self.documents]


@dataclass
class Item:
    """A table: the first column is `pmoe`, the others are peers."""

    title: str
    unit: str
    # Of two numbers, whether the smaller is the faster one.
    less_is_faster: bool
    columns: list[str]
    # Per row its name and one probe per column, `None` where there is nothing to run.
    rows: list[tuple[str, list[Probe | None]]]
    # Of `pmoe`'s documents, what the last column shows, if there is one.
    extra: tuple[str, tuple[str, ...]] | None = None

    def raw(self) -> dict[str, object]:
        """All that the programs printed, for a JSON document."""
        rows = {
            name: {c: probe.raw() for c, probe in zip(self.columns, probes) if probe is not None}
            for name, probes in self.rows
        }
        return {"title": self.title, "unit": self.unit, "rows": rows}


def children_seconds() -> float:
    """Processor time of all programs that have ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def dig(document: dict, keys: tuple[str, ...]) -> float:
    """The value at a path of keys."""
    value = document
    for key in keys:
        value = value[key]
    return value


def measure(items: list[Item], rounds: int, environment: dict[str, str]) -> None:
    """Fills the probes of all items."""
    for number in range(rounds):
        for item in items:
            for name, probes in item.rows:
                cells = [(c, p) for c, p in zip(item.columns, probes) if p is not None]
                for column, probe in cells if number % 2 == 0 else reversed(cells):
                    print(f"round {number + 1}: {item.title}: {name}: {column}", file=sys.stderr)
                    probe.run(environment)


def core_shares(items: list[Item]) -> list[float]:
    """Those of all runs."""
    probes = [probe for item in items for _, row in item.rows for probe in row if probe]
    return [share for probe in probes for share in probe.core_shares] or [0.0]


def cell(ours: list[float], theirs: list[float], less_is_faster: bool) -> str:
    """Median, range and, against `ours`, the ratio; the same list twice leaves the ratio out."""

    def digits(value: float) -> str:
        return f"{value:.2f}" if value < 100 else f"{value:.0f}"

    low, median, high = map(digits, (min(theirs), statistics.median(theirs), max(theirs)))
    text = median if len(theirs) == 1 else f"{median} [{low}, {high}]"
    if ours is theirs or len(ours) != len(theirs):
        return text
    pairs = zip(theirs, ours) if less_is_faster else zip(ours, theirs)
    return f"{text}, {statistics.median(a / b for a, b in pairs):.2f}×"


def table(item: Item) -> str:
    """The item in Markdown."""
    head = ["", *(f"{column}, {item.unit}" for column in item.columns)]
    if item.extra is not None:
        head.append(item.extra[0])
    rule = "|---" + "|--:" * (len(head) - 1) + "|"
    lines = [f"### {item.title}", "", f"| {' | '.join(head)} |", rule]
    remarks = []
    for name, probes in item.rows:
        ours, cells = probes[0].numbers(), [name]
        for column, probe in zip(item.columns, probes):
            if probe is None:
                cells.append("–")
            elif probe.failure is not None:
                cells.append("n/a")
                remarks.append(f"- {name}, {column}: {probe.failure}")
            else:
                numbers = ours if probe is probes[0] else probe.numbers()
                cells.append(cell(ours, numbers, item.less_is_faster))
        if item.extra is not None:
            values = [dig(document, item.extra[1]) for document in probes[0].documents]
            cells.append(cell(values, values, True) if values else "n/a")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, *(["", "n/a:", "", *remarks] if remarks else []), ""])
