"""Training."""

import json
import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import gymnasium

from pmoe import _gym
from pmoe._pmoe import train as _train
from pmoe._results import Run, read_run

__all__ = ["train"]

Event = dict[str, Any]
EnvLike = str | gymnasium.Env[Any, Any] | Callable[..., gymnasium.Env[Any, Any]]


def train(
    method: str = "pmoe-sac",
    env: EnvLike = "Hopper-v5",
    *,
    seed: int = 0,
    steps: int | None = None,
    out: str | os.PathLike[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    callback: Callable[[Event], object] | None = None,
    start_from: str | os.PathLike[str] | None = None,
    restart: bool = False,
    keep_replay: bool = False,
    threads: int = 1,
    device: str | None = None,
    progress: Literal["auto", "json", "none"] = "auto",
    track: Literal["tensorboard"] | None = None,
) -> Run:
    """Trains a policy, as the command ``pmoe train`` does, in a run folder.

    The same call continues a run that was stopped, and leaves a finished one alone.

    Args:
        method: A method of ``pmoe list methods``, or a method file.
        env: A task of ``pmoe list tasks``, ``"mjcf:FILE"``, ``"gym:ID"`` for any environment of Gymnasium with bounded
            continuous actions, ``"gym:MODULE:NAME"``, an environment that ``gymnasium.make`` returned, or a function that
            makes one. Training and evaluation have an environment each, which are made anew. A lambda, or a function
            within another, takes ``out``, as its name does not tell it from others.
        seed: Seed of all randomness.
        steps: Environment steps; the method's own number if absent.
        out: The run folder, ``results/runs/METHOD/TASK/seed_SEED`` if absent.
        overrides: Settings by their dotted name, such as ``{"batch_size": 256, "schedule.eval_every": 5000}``; those
            of an environment's class are ``"env.gym.kwargs.NAME"``.
        callback: Gets each event of the run as a dict, after it is written: ``episode``, ``eval`` and ``update``, by its
            key ``event``. Returning ``False`` stops the run, after a checkpoint.
        start_from: Run folder whose policy the new run starts from.
        restart: Start over, also where the folder is damaged; what is there is kept aside.
        keep_replay: Keep the replay data at the end, so that the run can go on with more steps.
        threads: Threads that compute, one or two; no number depends on them.
        device: ``"flex"``, the processor, if absent; see ``pmoe train --help``.
        progress: A bar on a terminal or a line for each evaluation (``"auto"``), JSON lines on stdout, or nothing.
        track: Writes the events for TensorBoard as well, as they come; :func:`pmoe.track` is for other trackers, too.

    Returns:
        The run, whose ``status`` is ``"done"`` or, if it was stopped, ``"interrupted"``.

    Raises:
        ValueError: If an argument or setting is invalid; the message names it and what it may be.
        RuntimeError: If the run fails: the environment raises, learning diverges, another process holds the folder.
        KeyboardInterrupt: After Ctrl-C, when a checkpoint is written.
    """
    task, settings = _task(env)
    if out is None and "<" in task:
        # Its name is that of other functions, too, and so would its folder be.
        raise ValueError(f"{env!r} has no name of its own: give the run folder with `out`, or a function at the top of a module")
    settings |= overrides or {}
    arguments = ["--method", method, "--task", task, "--seed", str(seed), "--threads", str(threads)]
    arguments += ["--progress", progress]
    options = {"--steps": steps, "--out": out, "--from": start_from, "--device": device, "--track": track}
    for option, value in options.items():
        if value is not None:
            arguments += [option, os.fspath(value) if isinstance(value, os.PathLike) else str(value)]
    arguments += [flag for flag, is_set in {"--restart": restart, "--keep-replay": keep_replay}.items() if is_set]
    for key, value in settings.items():
        # A text is read as on the command line, but one for an environment is a text, whatever it looks like.
        is_text = isinstance(value, str) and not key.startswith("env.gym.kwargs.")
        arguments += ["--set", f"{key}={value if is_text else json.dumps(value, ensure_ascii=False)}"]

    def on_event(text: str) -> bool:
        return callback is not None and callback(json.loads(text)) is False

    with _Interrupt() as interrupt:
        folder, _ = _train(arguments, None if callback is None else on_event, interrupt.is_asked)
    if interrupt.is_asked():
        raise KeyboardInterrupt
    run = read_run(Path(folder))
    if run.status == "failed":
        raise RuntimeError(f"{run.folder} has failed before; restart=True trains it again")
    return run


def _task(env: EnvLike) -> tuple[str, dict[str, Any]]:
    """The id of a task, and settings that it takes."""
    if isinstance(env, str):
        return env.removeprefix("pmoe/"), {}
    if not isinstance(env, gymnasium.Env):
        name = f"{getattr(env, '__module__', None)}:{getattr(env, '__qualname__', type(env).__qualname__)}"
        _gym.MAKERS[name] = env
        return f"gym:{name}", {}
    spec = env.spec
    if spec is None or spec.additional_wrappers:
        what = "was not made by gymnasium.make" if spec is None else "has wrappers"
        raise ValueError(f"{env} {what}, so that it can't be made again for evaluation: give a function that makes it")
    kwargs = {name: value for name, value in spec.kwargs.items() if name != "render_mode"}
    if spec.max_episode_steps != gymnasium.spec(spec.id).max_episode_steps:
        kwargs["max_episode_steps"] = spec.max_episode_steps
    for name, value in kwargs.items():
        if not isinstance(value, (bool, int, float, str)):
            raise ValueError(f"the argument `{name}` of {env} can't be written down: give a function that makes it")
    return f"gym:{spec.id}", {f"env.gym.kwargs.{name}": value for name, value in kwargs.items()}


class _Interrupt:
    """Notes Ctrl-C while a run trains, so that it ends with a checkpoint and not in the middle of a step."""

    def __init__(self) -> None:
        self._asked = False
        self._is_main = threading.current_thread() is threading.main_thread()

    def is_asked(self) -> bool:
        return self._asked

    def __enter__(self) -> "_Interrupt":
        if self._is_main:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_main:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        if self._asked:
            # Once more: at once.
            raise KeyboardInterrupt
        self._asked = True
