"""Results of runs as tables and arrays."""

import io
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pmoe._pmoe import area_under_curve, event_lines, final_return
from pmoe._pmoe import compare as _compare

__all__ = ["Comparison", "Results", "Run", "compare", "results"]

Library = Literal["pandas", "polars"]
Score = Literal["final", "auc"]


@dataclass(frozen=True)
class Run:
    """A run folder."""

    folder: Path
    suite: str
    """The folders above ``<method>/<task>/seed_<n>``: the suite in a folder of ``bench-all``; otherwise empty."""
    method: str
    task: str
    seed: int
    total_steps: int
    status: str
    """``done``, ``running``, ``interrupted`` or ``failed``."""

    @property
    def _key(self) -> dict[str, Any]:
        return {"suite": self.suite, "method": self.method, "task": self.task, "seed": self.seed}

    def events(self, kind: str) -> Iterator[dict[str, Any]]:
        """The events of a kind (``eval``, ``episode`` or ``update``), in the order of the run."""
        for line in io.BytesIO(event_lines(self.folder)):
            # A run that is under way may be writing its last line.
            if line.endswith(b"\n") and (event := json.loads(line))["event"] == kind:
                yield event


def results(folder: str | os.PathLike[str]) -> "Results":
    """Finds the runs of a folder, which may be one run, those of ``pmoe train``, or all of ``bench-all``.

    Raises:
        ValueError: If there is none.
    """
    root = Path(folder)
    files = sorted(root.rglob("manifest.json"))
    names = ("events.jsonl", "events.packed.xz")
    runs = [_run(root, file) for file in files if any((file.parent / name).is_file() for name in names)]
    if not runs:
        raise ValueError(f"{root} has no runs")
    return Results(runs)


def read_run(folder: Path) -> Run:
    """Reads what a run folder is of."""
    return _run(folder, folder / "manifest.json")


def _run(root: Path, file: Path) -> Run:
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        base, task, seed = manifest.get("method") or manifest["algo"], manifest["task"], manifest["seed"]
        total_steps, status = manifest["total_steps"], manifest["status"]["state"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is damaged: {error!r}") from error
    # As in reports, <suite>/<method>/<task>/seed_<n> names the suite, and the variant of a method.
    *above, method, of, last = "", "", "", *file.parent.relative_to(root).parts
    if method and (of, last) == (task, f"seed_{seed}"):
        return Run(file.parent, "/".join(filter(None, above)), method, task, seed, total_steps, status)
    return Run(file.parent, "", base, task, seed, total_steps, status)


class Results:
    """The runs of a folder; see :func:`results`. Files are read when a table is asked for."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self.runs: list[Run] = list(runs)

    def __repr__(self) -> str:
        return f"<pmoe.Results, {len(self.runs)} runs>"

    def only(self, **names: str | int) -> "Results":
        """The runs with these names, such as ``only(suite="fig1-table2", task="Hopper-v2")``."""
        unknown = names.keys() - {"suite", "method", "task", "seed"}
        if unknown:
            raise ValueError(f"runs have no {', '.join(sorted(unknown))}, but suite, method, task and seed")
        return Results(run for run in self.runs if all(getattr(run, name) == value for name, value in names.items()))

    def evaluations(self, library: Library = "pandas") -> Any:
        """A row for each evaluation episode: ``env_step``, ``episode`` within it, ``return``, ``length``, ``success``."""

        def rows() -> Iterator[dict[str, Any]]:
            for run in self.runs:
                for event in run.events("eval"):
                    goals = event.get("successes") or [None] * len(event["returns"])
                    episodes = zip(event["returns"], event["lengths"], goals, strict=True)
                    for episode, (total, length, success) in enumerate(episodes):
                        row = {"env_step": event["env_step"], "episode": episode, "return": total}
                        yield {**run._key, **row, "length": length, "success": success}

        return _table(rows(), library)

    def episodes(self, library: Library = "pandas") -> Any:
        """A row for each training episode: ``env_step``, ``episode``, ``return``, ``length``, ``truncated``, ``success``."""

        def rows() -> Iterator[dict[str, Any]]:
            for run in self.runs:
                for event in run.events("episode"):
                    row = {"env_step": event["env_step"], "episode": event["episode"], "return": event["episode_return"]}
                    ending = {"truncated": event["truncated"], "success": event.get("success")}
                    yield {**run._key, **row, "length": event["episode_length"], **ending}

        return _table(rows(), library)

    def metrics(self, library: Library = "pandas") -> Any:
        """A row for each logged update: ``env_step``, ``grad_step`` and a column for each metric."""

        def rows() -> Iterator[dict[str, Any]]:
            for run in self.runs:
                for event in run.events("update"):
                    steps = {"env_step": event["env_step"], "grad_step": event["grad_step"]}
                    yield {**run._key, **steps, **event["metrics"]}

        return _table(rows(), library)

    def scores(self, score: Score = "final") -> tuple[dict[str, NDArray[np.float64]], list[str]]:
        """One number for each finished run, as rliable takes them.

        Args:
            score: ``"final"``, the mean return of the evaluations in the last tenth of the steps, or ``"auc"``, the mean
                from the first evaluation to the last step by the trapezoidal rule, as in reports.

        Returns:
            An array ``[seeds, tasks]`` for each method, and the names of the tasks.

        Raises:
            ValueError: If a method lacks seeds on a task that others have, or two suites have the same run.
        """
        if score not in ("final", "auc"):
            raise ValueError(f'score is {score!r}, but must be "final" or "auc"')
        found: dict[str, dict[str, dict[int, float]]] = {}
        for run in self.runs:
            if run.status != "done":
                continue
            seeds = found.setdefault(run.method, {}).setdefault(run.task, {})
            if run.seed in seeds:
                raise ValueError(f"{run.method} on {run.task} has seed {run.seed} twice: choose one suite with `only`")
            seeds[run.seed] = _score(run, score)
        tasks = sorted({task for of in found.values() for task in of})
        counts = {(method, task): len(of.get(task, {})) for method, of in found.items() for task in tasks}
        most = max(counts.values(), default=0)
        if lacking := [f"{method} on {task}: {n}" for (method, task), n in counts.items() if n < most]:
            raise ValueError(f"not all have {most} finished runs: {', '.join(lacking)}")

        def column(seeds: dict[int, float]) -> list[float]:
            return [seeds[seed] for seed in sorted(seeds)]

        return {m: np.array([column(of[task]) for task in tasks]).T for m, of in sorted(found.items())}, tasks


@dataclass(frozen=True)
class Comparison:
    """Methods beside each other; see :func:`compare`. A number ``x`` has the ends of its interval in ``x_low`` and ``x_high``."""

    tasks: list[dict[str, Any]]
    """A row for each task and method: ``auc``, the mean evaluation return over training; ``relative_auc``, divided by the
    reference's; ``improvement``, the probability that a run is better than one of the reference; ``final_return``, that
    of the last tenth of the steps; ``runs``, how many count; ``left_out``, the others, with reasons."""
    methods: list[dict[str, Any]]
    """A row for each method over all tasks, of AUCs divided by the reference's: ``iqm``, ``median``, ``mean``,
    ``optimality_gap``, ``improvement``. Empty with one task only, or no reference."""
    left_out: list[dict[str, Any]]
    """Tasks that the rows of ``methods`` leave out, with reasons."""

    def frame(self, library: Library = "pandas") -> Any:
        """The rows of ``tasks`` as a DataFrame."""
        return _table(({**row, "left_out": len(row["left_out"])} for row in self.tasks), library)


def compare(
    runs: Results | str | os.PathLike[str],
    reference: str | None = None,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Compares the methods of runs with the statistics of ``pmoe report``.

    Args:
        runs: What :func:`results` returned, best of one suite, or its folder.
        reference: Method that the others are divided by.
        level: Coverage of the bootstrap intervals over seeds.
        resamples: Draws behind each interval.
        seed: Seed of the draws.

    Raises:
        ValueError: If a run can't be read, or no run is of the reference.
    """
    chosen = runs if isinstance(runs, Results) else results(runs)
    methods = sorted({run.method for run in chosen.runs})
    if reference is not None and reference not in methods:
        raise ValueError(f"reference is {reference!r}, but must be one of {', '.join(methods)}")
    if not 0 < level < 1 or not 1 <= resamples <= 1_000_000:
        raise ValueError("level must be between 0 and 1, and resamples from 1 to 1 000 000")
    return Comparison(**json.loads(_compare([(run.folder, run.method) for run in chosen.runs], reference, level, resamples, seed)))


def _score(run: Run, score: Score) -> float:
    curve = [(event["env_step"], float(np.mean(event["returns"]))) for event in run.events("eval")]
    found = (final_return if score == "final" else area_under_curve)(curve, run.total_steps)
    if found is None:
        raise ValueError(f"{run.folder} lacks the evaluations that `{score}` takes")
    return found


def _table(rows: Iterator[dict[str, Any]], library: Library) -> Any:
    if library not in ("pandas", "polars"):
        raise ValueError(f'library is {library!r}, but must be "pandas" or "polars"')
    if library == "polars":
        import polars

        return polars.from_dicts(list(rows), infer_schema_length=None)
    import pandas

    return pandas.DataFrame(list(rows))
