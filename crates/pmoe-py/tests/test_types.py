"""The types that the package promises."""

import subprocess
import sys


def run(*arguments):
    """Runs a module of mypy and returns its exit code and what it says."""
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_the_package_is_typed_strictly():
    # The two libraries of tables have no types of their own, or need none here.
    code, said = run("mypy", "--strict", "--ignore-missing-imports", "-p", "pmoe")
    assert code == 0, said


def test_the_stubs_are_those_of_the_compiled_part():
    code, said = run("mypy.stubtest", "pmoe._pmoe", "--ignore-missing-stub")
    assert code == 0, said
