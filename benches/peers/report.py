"""One Markdown table of all figures, and what they were measured with."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from runs import QUIET, Comparison, Kind, Log, Program

HEAD = ["what", "unit", "beside", "pmoe", "the other", "pmoe is", "core, pmoe", "core, other"]


@dataclass
class Report:
    """Lines of the table, and what is wrong with them."""

    rows: list[list[str]] = field(default_factory=list)
    # Programs without a figure, and why.
    missing: list[str] = field(default_factory=list)
    # Rows whose median run did not have its cores for enough of the time.
    noisy: int = 0
    # Comparisons in which `pmoe` itself has no figure.
    without_ours: int = 0

    def text(self, allow_noise: bool) -> str:
        """The table, with what is missing below and the warning on top."""
        lines = []
        if allow_noise and self.noisy:
            lines += [
                f"**Noisy: in {self.noisy} of {len(self.rows)} rows the median run had its cores"
                f" for less than {QUIET:.0%} of its time. Do not quote these figures.**",
                "",
            ]
        lines += [line(HEAD), "|---|---|---|" + "--:|" * (len(HEAD) - 3), *map(line, self.rows), ""]
        if self.missing:
            lines += ["n/a:", "", *(f"- {words}" for words in self.missing), ""]
        return "\n".join(lines)


def line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def make(comparisons: list[Comparison], log: Log, rounds: int, allow_noise: bool) -> Report:
    """The table of what the log has."""
    report = Report()
    for comparison in comparisons:
        add(report, comparison, log, rounds, allow_noise)
    return report


def add(report: Report, comparison: Comparison, log: Log, rounds: int, allow_noise: bool) -> None:
    """One row for each peer."""
    ours = Figures(log, comparison, comparison.ours, rounds)
    report.missing += ours.missing()
    report.without_ours += not ours.values
    what = comparison.what
    for peer in comparison.peers:
        theirs = Figures(log, comparison, peer, rounds)
        if peer.command:
            report.missing += theirs.missing()
        row = [what, comparison.unit, peer.name]
        shares = [
            f"{share:.0%}" if share is not None else "n/a" for share in (ours.share, theirs.share)
        ]
        is_noisy = any(share is not None and share < QUIET for share in (ours.share, theirs.share))
        report.noisy += is_noisy
        if is_noisy and not allow_noise:
            row += ["withheld"] * 3
        else:
            row += [ours.text(), theirs.text(), relation(comparison, peer, ours, theirs)]
        report.rows.append(row + shares)
        # Once is enough to say it.
        what = ""


class Figures:
    """The figures of one program, by round."""

    def __init__(self, log: Log, comparison: Comparison, program: Program, rounds: int) -> None:
        self.name = f"{comparison.what}: {program.name}"
        # Some figures are in the documents of `pmoe`.
        source = program.name if program.command else comparison.ours.name
        runs = log.of(comparison.what, source, rounds)
        documents = {run.round: run.document for run in runs if run.document is not None}
        self.values = {number: program.figure(found) for number, found in documents.items()}
        shares = [run.core_share for run in runs if run.document is not None]
        self.share = statistics.median(shares) if shares else None
        self.failures = [run.failure for run in runs if run.document is None]

    def missing(self) -> list[str]:
        """Why there is no figure, or not one for each round."""
        if self.failures:
            return [f"{self.name}: {self.failures[-1]}"]
        return [] if self.values else [f"{self.name}: not run"]

    def text(self) -> str:
        """Median and, of several, the least and the greatest."""
        return spread(list(self.values.values()), "") if self.values else "n/a"


def relation(comparison: Comparison, peer: Program, ours: Figures, theirs: Figures) -> str:
    """What the two figures say, as the median over the rounds of what they say in each."""
    pairs = [(ours.values[n], theirs.values[n]) for n in ours.values if n in theirs.values]
    if not pairs:
        return "n/a"
    match peer.kind:
        case Kind.OTHER:
            return "another algorithm: no ratio"
        case Kind.PART:
            shares = [mine / other for mine, other in pairs]
            meaning = " of its time" if comparison.less_is_faster else " of its speed"
            return spread(shares, meaning)
        case Kind.SAME if comparison.less_is_faster:
            return spread([other / mine for mine, other in pairs], "× as fast")
        case Kind.SAME:
            return spread([mine / other for mine, other in pairs], "× as fast")


def spread(values: list[float], unit: str) -> str:
    """Median and range."""
    low, median, high = map(digits, (min(values), statistics.median(values), max(values)))
    return f"{median}{unit}" + (f" [{low}, {high}]" if len(values) > 1 else "")


def digits(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def noise(comparisons: list[Comparison], log: Log, rounds: int) -> str:
    """A sentence on how much other work there was."""
    runs = [
        run
        for comparison in comparisons
        for program in comparison.programs()
        for run in log.of(comparison.what, program.name, rounds)
        if run.document is not None
    ]
    if not runs:
        return "Nothing was measured."
    shares = [run.core_share for run in runs]
    again = sum(len(run.noisy_tries) for run in runs)
    dates = sorted(run.date for run in runs)
    return (
        f"Of {len(runs)} runs between {dates[0]} and {dates[-1]}, the median had its cores for"
        f" {statistics.median(shares):.0%} of its time, the most disturbed one for"
        f" {min(shares):.0%}; {again} more were disturbed and repeated."
    )
