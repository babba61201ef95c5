"""Runs in trackers: TensorBoard, Weights & Biases, MLflow, Trackio."""

import contextlib
import importlib
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from pmoe._pmoe import Feed, is_under_way, run_config, track_tensorboard
from pmoe._results import Run, results

__all__ = ["MissingClient", "Tracker", "track"]

Tracker = Literal["tensorboard", "wandb", "mlflow", "trackio"]


class MissingClient(ImportError):
    """A library is not installed that a function needs."""


class Point(NamedTuple):
    """The numbers of an event."""

    number: int
    """Events of the run before it."""
    env_step: int
    time: float
    """About when it was reported, in seconds since 1970."""
    numbers: dict[str, float]


class Client(Protocol):
    """A tracker, for one run."""

    place: str
    """Tells projects and servers of the tracker apart."""

    def open(self, run: Run, id: str | None) -> tuple[str, int]:
        """Opens the tracker's run of this name, or a new one if it is gone.

        Returns:
            Its name, and the number of events that it is known to have.
        """

    def log(self, points: list[Point]) -> None: ...

    def close(self, status: str) -> None:
        """Closes what was opened; the status is that of the run."""


def track(
    runs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    to: Tracker = "tensorboard",
    project: str = "pmoe",
    follow: bool = False,
    interval: float = 5.0,
) -> int:
    """Sends the events of runs to a tracker, each once: a second call adds what is new.

    Args:
        runs: A run folder, finished or under way, a folder of them, or several of these.
        to: ``"tensorboard"`` writes files into the folder ``tensorboard`` of each run. The others are their clients,
            which read their own settings, such as ``WANDB_MODE`` or ``MLFLOW_TRACKING_URI``.
        project: The project of wandb or trackio, or the experiment of MLflow.
        follow: Goes on until no run is under way, with runs that begin meanwhile.
        interval: Seconds between two looks.

    Returns:
        The number of events that were added.

    Raises:
        MissingClient: If the client is not installed.
        ValueError: If a folder has no runs, or a file of a run is damaged.
        RuntimeError: If another process sends a run to this tracker.
    """
    folders = [runs] if isinstance(runs, (str, os.PathLike)) else list(runs)
    make = None if to == "tensorboard" else _client(to, project)
    added, was_quiet = 0, False
    ended: set[Path] = set()
    with contextlib.ExitStack() as at_the_end:
        sessions: dict[Path, Session] = {}
        while True:
            is_quiet = True
            for run in _find(folders):
                if run.folder in ended:
                    continue
                # Before its events are read, so that the last ones are not missed.
                goes_on = is_under_way(run.folder)
                if make is None:
                    added += track_tensorboard(run.folder)
                else:
                    if run.folder not in sessions:
                        sessions[run.folder] = Session(run, to, make())
                        at_the_end.callback(sessions[run.folder].end)
                    added += sessions[run.folder].send()
                if goes_on:
                    is_quiet = False
                else:
                    ended.add(run.folder)
                    if run.folder in sessions:
                        sessions[run.folder].end()
            # A run may end just before the next one begins.
            if not follow or (is_quiet and was_quiet):
                return added
            was_quiet = is_quiet
            time.sleep(interval)


def _find(folders: list[str | os.PathLike[str]]) -> Iterator[Run]:
    seen = set()
    for folder in folders:
        for run in results(folder).runs:
            if run.folder not in seen:
                seen.add(run.folder)
                yield run


class Session:
    """A run on its way to a tracker."""

    def __init__(self, run: Run, to: str, client: Client) -> None:
        self.run, self.to, self.client = run, to, client
        self.feed = Feed(run.folder, to, client.place)
        self.id: str | None = None
        self.has = 0

    def send(self) -> int:
        """Sends what is new; returns the number of events."""
        added = 0
        while True:
            points = self.feed.read()
            known = self.feed.id
            if points is None:
                print(f"{self.run.folder} has reported something else since, and is a new run in {self.to}", file=sys.stderr)
                self.close()
                self.feed.restart()
                self._open(None)
                continue
            if not points:
                return added
            if self.id is None and self._open(known) != known and points[0][0] > 0:
                # The tracker has lost the run.
                self.feed.restart()
                continue
            # The tracker may have more than was written down, if the process was killed in between.
            new = [point for point in map(Point._make, points) if point.number >= self.has]
            if new:
                self.client.log(new)
            assert self.id is not None
            self.feed.keep(self.id)
            added += len(new)

    def _open(self, known: str | None) -> str:
        self.id, self.has = self.client.open(self.run, known)
        return self.id

    def close(self) -> None:
        if self.id is not None:
            [run] = results(self.run.folder).runs
            self.client.close(run.status)
            self.id = None


    def end(self) -> None:
        self.close()
        self.feed.close()


def _client(to: str, project: str) -> Callable[[], Client]:
    clients: dict[str, Callable[[str], Client]] = {"wandb": Wandb, "mlflow": Mlflow, "trackio": Trackio}
    if to not in clients:
        raise ValueError(f"to is {to!r}, but must be one of tensorboard, {', '.join(clients)}")
    try:
        clients[to](project)
    except ImportError as error:
        raise MissingClient(f"{to} is not installed ({error}): pip install 'pmoe[{to}]'") from error
    return lambda: clients[to](project)


def _name(run: Run) -> str:
    return f"{run.method} {run.task} seed {run.seed}"


def _flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


class Wandb:
    """Weights & Biases. The step is the event's number, so that the server drops what it has; charts are over ``env_step``."""

    def __init__(self, project: str) -> None:
        self.wandb: Any = importlib.import_module("wandb")
        self.place = project
        self.project = project
        self.session: Any = None

    def open(self, run: Run, id: str | None) -> tuple[str, int]:
        settings = self.wandb.Settings(console="off", disable_git=True, disable_code=True, x_disable_stats=True)
        self.session = self.wandb.init(
            project=self.project,
            id=id or uuid.uuid4().hex[:12],
            resume="allow",
            name=_name(run),
            group=f"{run.method} {run.task}",
            config={**json.loads(run_config(run.folder)), "run_folder": str(run.folder.resolve())},
            reinit="create_new",
            settings=settings,
        )
        self.session.define_metric("env_step", hidden=True)
        self.session.define_metric("*", step_metric="env_step")
        return self.session.id, int(self.session.starting_step)

    def log(self, points: list[Point]) -> None:
        for point in points:
            values = {**point.numbers, "env_step": point.env_step, "_timestamp": point.time}
            self.session.log(values, step=point.number)

    def close(self, status: str) -> None:
        self.session.finish(exit_code=1 if status == "failed" else 0)


class Mlflow:
    """MLflow. The metric ``event`` counts what a run there has."""

    def __init__(self, project: str) -> None:
        self.mlflow: Any = importlib.import_module("mlflow")
        self.experiment = project
        self.client = self.mlflow.MlflowClient()
        self.place = f"{self.mlflow.get_tracking_uri()} {project}"
        self.id = ""

    def open(self, run: Run, id: str | None) -> tuple[str, int]:
        if id is not None:
            with contextlib.suppress(self.mlflow.MlflowException):
                found = self.client.get_run(id)
                if found.info.lifecycle_stage == "active":
                    self.id = id
                    self.client.update_run(id, status="RUNNING")
                    return id, int(found.data.metrics.get("event", -1)) + 1
        experiment = self.client.get_experiment_by_name(self.experiment)
        experiment_id = experiment.experiment_id if experiment else self.client.create_experiment(self.experiment)
        tags = {"method": run.method, "task": run.task, "seed": str(run.seed), "run_folder": str(run.folder.resolve())}
        self.id = self.client.create_run(experiment_id, run_name=_name(run), tags=tags).info.run_id
        param = self.mlflow.entities.Param
        # Of a longer text, MLflow keeps none.
        params = [param(key, str(value)[:500]) for key, value in _flat(json.loads(run_config(run.folder)))]
        for first in range(0, len(params), 100):
            self.client.log_batch(self.id, params=params[first : first + 100])
        return self.id, 0

    def log(self, points: list[Point]) -> None:
        batch: list[Any] = []
        for point in points:
            numbers = {**point.numbers, "event": float(point.number)}
            # The most that a batch may have; an event is never in two.
            if len(batch) + len(numbers) > 1000:
                self.client.log_batch(self.id, metrics=batch)
                batch = []
            metric, milliseconds = self.mlflow.entities.Metric, int(point.time * 1000)
            batch += [metric(name, value, milliseconds, point.env_step) for name, value in numbers.items()]
        self.client.log_batch(self.id, metrics=batch)

    def close(self, status: str) -> None:
        ends = {"done": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
        if status in ends:
            self.client.set_terminated(self.id, ends[status])


class Trackio:
    """Trackio. The metric ``event`` counts what a run there has."""

    def __init__(self, project: str) -> None:
        self.trackio: Any = importlib.import_module("trackio")
        self.storage: Any = importlib.import_module("trackio.sqlite_storage").SQLiteStorage
        self.place = f"{os.environ.get('TRACKIO_SPACE_ID', '')} {project}".strip()
        self.project = project
        self.id = ""
        self.config: dict[str, Any] = {}

    def open(self, run: Run, id: str | None) -> tuple[str, int]:
        self.config = dict(_flat(json.loads(run_config(run.folder))))
        logs = self.storage.get_logs(self.project, id) if id else []
        self.id = id if id and logs else f"{_name(run)} {uuid.uuid4().hex[:6]}"
        return self.id, max((int(log["event"]) + 1 for log in logs if "event" in log), default=0)

    def log(self, points: list[Point]) -> None:
        # Only a run that is finished is surely written.
        with contextlib.redirect_stdout(sys.stderr):
            session = self.trackio.init(
                project=self.project,
                name=self.id,
                config=self.config,
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
            for point in points:
                session.log({**point.numbers, "event": point.number}, step=point.env_step)
            self.trackio.finish()

    def close(self, status: str) -> None:
        """Nothing is open between two batches."""
