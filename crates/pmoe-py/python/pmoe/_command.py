"""The command ``pmoe``: the same program as the one that Cargo builds, with what takes libraries of Python."""

import json
import os
import signal
import sys
from types import FrameType
from typing import Any

from pmoe import _library
from pmoe._pmoe import run
from pmoe._sweep import NoResult, search
from pmoe._track import MissingClient, track

# Exit codes of docs/usage.md.
FAILED, BAD_INPUT, CONTINUE, INTERRUPTED = 1, 2, 99, 130


class Stopped(BaseException):
    """SIGTERM."""


def main() -> None:
    """Does what the command line says and exits."""
    _library.find()
    # Modules beside which the command is given may make tasks, `gym:MODULE:NAME`.
    sys.path.append(os.getcwd())
    # The program listens for Ctrl-C itself, to write a checkpoint first.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(run(["pmoe", *sys.argv[1:]], _python))


def _python(command: str) -> int:
    """Carries out a command that takes libraries of Python, and returns the exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _stop)
    request: dict[str, Any] = json.loads(command)
    try:
        if request.pop("command") == "track":
            _say(f"{track(**request)} events added")
        else:
            search(**request)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Stopped:
        return CONTINUE
    except (MissingClient, ValueError) as error:
        _say(f"error: {error}")
        return BAD_INPUT
    except (NoResult, RuntimeError) as error:
        _say(f"error: {error}")
        return FAILED
    return 0


def _stop(signal: int, frame: FrameType | None) -> None:
    raise Stopped


def _say(text: str) -> None:
    print(text, file=sys.stderr)
