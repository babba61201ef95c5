"""The command ``pmoe``: the same program as the one that Cargo builds."""

import os
import signal
import sys

from pmoe import _library
from pmoe._pmoe import run


def main() -> None:
    """Does what the command line says and exits."""
    _library.find()
    # Modules beside which the command is given may make tasks, `gym:MODULE:NAME`.
    sys.path.append(os.getcwd())
    # The program listens for Ctrl-C itself, to write a checkpoint first.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(run(["pmoe", *sys.argv[1:]]))
