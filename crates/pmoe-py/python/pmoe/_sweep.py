"""Searches for settings: Optuna chooses them, ``pmoe train`` makes the runs."""

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from pmoe._pmoe import Lock, area_under_curve, final_return, read_sweep, sweep_folder
from pmoe._track import MissingClient

__all__ = ["NoResult", "sweep"]

Curve = dict[int, float]
"""Mean return of each evaluation, by environment steps."""


class NoResult(RuntimeError):
    """No trial of a search came to its end."""


class Stopping(Exception):
    """A run was stopped, and its trial is to be continued."""


def sweep(file: str | os.PathLike[str], out: str | os.PathLike[str] | None = None, jobs: int = 1) -> Any:
    """Searches for the settings with which a method does best on a task; ``docs/sweeps.md`` explains the file.

    The same call continues a search that was stopped or killed; with more ``n_trials`` in the file it goes on.

    Args:
        file: A TOML file with method, task, search space and how to search.
        out: The folder of the trials and of the study; ``results/sweeps/NAME`` by default, with the file's name.
        jobs: Trials at a time. With one, the trials depend on the file alone.

    Returns:
        The ``optuna.Study``.

    Raises:
        MissingClient: If Optuna is not installed.
        ValueError: If the file is wrong, or not the one that the folder's search was begun with.
        NoResult: If no trial came to its end.
        RuntimeError: If another process works in the folder.
    """
    return search(json.loads(read_sweep(file)), out if out is not None else sweep_folder(file), jobs)


def search(sweep: dict[str, Any], out: str | os.PathLike[str], jobs: int) -> Any:
    """The same, with the content of a file that was checked."""
    try:
        optuna: Any = importlib.import_module("optuna")
    except ImportError as error:
        raise MissingClient(f"Optuna is not installed ({error}): pip install 'pmoe[sweep]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder = Path(out)
    with Lock(folder):
        study = optuna.create_study(
            storage=f"sqlite:///{(folder / 'study.db').resolve()}",
            study_name="sweep",
            direction="maximize",
            pruner=_pruner(optuna, sweep["pruner"]),
            load_if_exists=True,
        )
        _compare(study, sweep, folder)
        return Search(optuna, sweep, folder, study).run(jobs)


def _compare(study: Any, sweep: dict[str, Any], folder: Path) -> None:
    """Refuses to go on with another file than the one that a search was begun with; more trials are welcome."""
    begun = study.user_attrs.get("sweep", sweep)
    for key in sorted(begun.keys() | sweep.keys()):
        if key != "n_trials" and begun.get(key) != sweep.get(key):
            raise ValueError(
                f"{folder} has a search with another file: `{key}` is {json.dumps(begun.get(key))} there, but "
                f"{json.dumps(sweep.get(key))} here; choose another folder (--out)"
            )
    study.set_user_attr("sweep", sweep)


def _pruner(optuna: Any, pruner: dict[str, Any]) -> Any:
    if pruner["kind"] == "none":
        return optuna.pruners.NopPruner()
    when = {"n_startup_trials": pruner["startup_trials"], "n_warmup_steps": pruner["warmup_steps"]}
    if pruner["kind"] == "median":
        return optuna.pruners.MedianPruner(**when)
    return optuna.pruners.PercentilePruner(pruner["percentile"], **when)


class Search:
    """A search under way."""

    def __init__(self, optuna: Any, sweep: dict[str, Any], folder: Path, study: Any) -> None:
        self.optuna, self.sweep, self.folder, self.study = optuna, sweep, folder, study
        self.state = optuna.trial.TrialState
        self.lock = threading.Lock()
        """Held for what changes the study or the runs under way."""
        self.running: set[subprocess.Popen[str]] = set()
        self.stop = threading.Event()

    def run(self, jobs: int) -> Any:
        """Makes all trials that are left, unfinished ones first."""
        unfinished = [t.number for t in self.study.trials if t.state in (self.state.RUNNING, self.state.WAITING)]
        left = iter([*unfinished, *range(len(self.study.trials), self.sweep["n_trials"])])
        under_way: set[Future[None]] = set()
        with ThreadPoolExecutor(jobs) as pool:
            try:
                while True:
                    while len(under_way) < jobs and (number := next(left, None)) is not None:
                        under_way.add(pool.submit(self._trial, number))
                    if not under_way:
                        break
                    # In pieces, as a signal is only seen in between.
                    done, under_way = wait(under_way, timeout=0.5, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
            except BaseException:
                self._stop()
                raise
        if not self.study.get_trials(states=(self.state.COMPLETE,)):
            raise NoResult(f"no trial of {self.folder} came to its end")
        best = self.study.best_trial
        _say(f"best of {len(self.study.trials)} trials: trial {best.number}, {self._told(best.value, best.params)}")
        _say(f"its runs: {self._folder(best.number)}")
        return self.study

    def _stop(self) -> None:
        """Asks the runs under way for a checkpoint."""
        with self.lock:
            self.stop.set()
            for process in self.running:
                process.send_signal(signal.SIGTERM)

    def _trial(self, number: int) -> None:
        trial = self._ask(number)
        settings = [*self.sweep["set"], *self._suggested(trial)]
        reported = set(self.study.trials[number].intermediate_values)
        curves: list[Curve] = []
        for index, seed in enumerate(self.sweep["seeds"]):
            curve: Curve = {}
            curves.append(curve)

            def is_hopeless(env_step: int, index: int = index, curve: Curve = curve) -> bool:
                # The seeds come one after another, so that trials compare with the same seeds at the same step. The
                # policy before its first step says nothing, and its step would be the last one of the seed before.
                at = index * self.sweep["steps"] + env_step
                if env_step == 0 or at in reported:
                    return False
                reported.add(at)
                with self.lock:
                    trial.report(fmean(curve[env_step] for curve in curves if env_step in curve), at)
                    return bool(trial.should_prune())

            run = self._folder(number) / f"seed_{seed}"
            code, words = self._train(seed, settings, run, curve, is_hopeless)
            while code == 75:
                # A search that was killed leaves its runs under way.
                _say(f"waiting for {run}: {words}")
                self.stop.wait(5)
                code, words = self._train(seed, settings, run, curve, is_hopeless)
            if code is None:
                return self._tell(trial, self.state.PRUNED, None, "stopped early")
            if code == 3:
                # A setting with which training diverges is worse than any other, which the sampler should learn.
                return self._tell(trial, self.state.PRUNED, None, "diverged")
            # A run that is stopped before it hears of signals ends by them.
            if code in (99, 130, -signal.SIGINT, -signal.SIGTERM) or (code != 0 and self.stop.is_set()):
                raise Stopping(f"{words}; the same command continues")
            if code == 71:
                raise RuntimeError(f"trial {number}, seed {seed}: {words}")
            if code != 0:
                return self._tell(trial, self.state.FAIL, None, f"failed: {words}")
        score = final_return if self.sweep["objective"] == "final" else area_under_curve
        scores = [score(sorted(curve.items()), self.sweep["steps"]) for curve in curves]
        values = [value for value in scores if value is not None]
        if len(values) < len(curves):
            return self._tell(trial, self.state.FAIL, None, f"failed: no evaluations for `{self.sweep['objective']}`")
        return self._tell(trial, self.state.COMPLETE, fmean(values), "")

    def _ask(self, number: int) -> Any:
        with self.lock:
            # What a trial draws depends on its number alone, so that a search that was stopped draws the same.
            self.study.sampler = self._sampler(number)
            if number < len(self.study.trials):
                return self.optuna.trial.Trial(self.study, self.study.trials[number]._trial_id)
            return self.study.ask()

    def _sampler(self, number: int) -> Any:
        sampler = self.sweep["sampler"]
        seed = int(np.random.SeedSequence([sampler["seed"], number]).generate_state(1)[0])
        if sampler["kind"] == "random":
            return self.optuna.samplers.RandomSampler(seed=seed)
        return self.optuna.samplers.TPESampler(seed=seed, n_startup_trials=sampler["startup_trials"])

    def _suggested(self, trial: Any) -> list[str]:
        """Chooses the trial's settings, as ``--set`` takes them."""
        settings = []
        with self.lock:
            for key, of in sorted(self.sweep["space"].items()):
                if of["kind"] == "float":
                    value = repr(trial.suggest_float(key, of["low"], of["high"], log=of["log"]))
                elif of["kind"] == "int":
                    value = repr(trial.suggest_int(key, of["low"], of["high"], step=of["step"], log=of["log"]))
                else:
                    texts = {choice["label"]: choice["set"] for choice in of["choices"]}
                    value = texts[trial.suggest_categorical(key, list(texts))]
                settings.append(f"{key}={value}")
        return settings

    def _train(
        self, seed: int, settings: list[str], folder: Path, curve: Curve, is_hopeless: Callable[[int], bool]
    ) -> tuple[int | None, str]:
        """Makes a run or what is left of it, and fills its learning curve.

        Returns:
            The exit code, none if it was stopped early, and the last words.
        """
        curve.update(_evaluations(folder))
        if any([is_hopeless(env_step) for env_step in sorted(curve)]):
            return None, ""
        command = [sys.executable, "-m", "pmoe", "train", "--method", self.sweep["method"], "--task", self.sweep["task"]]
        command += ["--steps", str(self.sweep["steps"]), "--seed", str(seed), "--out", str(folder), "--progress", "json"]
        command += [word for setting in settings for word in ("--set", setting)]
        folder.parent.mkdir(parents=True, exist_ok=True)
        log = folder.parent / f"{folder.name}.log"
        is_pruned = False
        with log.open("w") as words, self._started(command, words) as process:
            assert process.stdout is not None
            for line in process.stdout:
                evaluation = json.loads(line)["evaluation"]
                if evaluation is None or is_pruned:
                    continue
                curve[evaluation["env_step"]] = evaluation["mean"]
                if is_hopeless(evaluation["env_step"]):
                    is_pruned = True
                    process.send_signal(signal.SIGTERM)
            code = process.wait()
            with self.lock:
                self.running.discard(process)
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        if is_pruned and code in (0, 99):
            return None, ""
        curve.update(_evaluations(folder))
        return code, said[-1] if said else f"exit code {code}"

    def _started(self, command: list[str], words: Any) -> "subprocess.Popen[str]":
        with self.lock:
            if self.stop.is_set():
                raise Stopping
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words, text=True)
            self.running.add(process)
            return process

    def _tell(self, trial: Any, state: Any, value: float | None, words: str) -> None:
        with self.lock:
            if words:
                trial.set_user_attr("end", words)
            self.study.tell(trial, value, state)
            done = [t for t in self.study.trials if t.state in (self.state.COMPLETE, self.state.PRUNED)]
            failed = [t for t in self.study.trials if t.state == self.state.FAIL]
        _say(f"trial {trial.number}: {words if value is None else self._told(value, trial.params)}")
        if not done and len(failed) >= 3:
            raise NoResult(f"the first {len(failed)} trials failed, the last one: {words}")

    def _told(self, value: float, params: dict[str, Any]) -> str:
        settings = " ".join(f"{key}={value}" for key, value in params.items())
        return f"{self.sweep['objective']} = {value:.6g} with {settings}"

    def _folder(self, number: int) -> Path:
        return self.folder / f"trial_{number:04}"


def _evaluations(folder: Path) -> Iterator[tuple[int, float]]:
    """The evaluations that a run has reported so far."""
    events = folder / "events.jsonl"
    if not events.is_file():
        return
    with events.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n") and (event := json.loads(line))["event"] == "eval" and event["returns"]:
                yield event["env_step"], fmean(event["returns"])


def _say(text: str) -> None:
    print(text, file=sys.stderr)
