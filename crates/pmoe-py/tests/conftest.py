"""What several tests use."""

import subprocess
import sys
from pathlib import Path

#: The script that pip installs.
COMMAND = str(Path(sys.executable).with_name("pmoe"))


def pmoe_command(*arguments, cwd=None):
    """Runs the command."""
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, cwd=cwd)
