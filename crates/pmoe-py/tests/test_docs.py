"""The blocks of Python in README.md and docs, as a reader runs them: each page in a folder of its own, from top to bottom.

The commands around them are run by xtask/tests/docs.rs; here they only make what the blocks read.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

#: The script that pip installs.
BIN = Path(sys.executable).parent

FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)

#: Its blocks are programs with arguments, which test_export.py gives them.
PROGRAMS = ROOT / "docs/export.md"

PAGES = [
    page
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    if page != PROGRAMS and "\n```python" in page.read_text()
]

#: The page whose commands are part of it.
TUTORIAL = ROOT / "docs/tutorial.md"


def run(folder, command):
    """Runs commands in a folder, with the package's own `pmoe`."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["bash", "-euc", command], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def small(method, task, out):
    """A command that trains for a moment."""
    settings = "--set learning_starts=200 --set schedule.eval_every=2048 --set schedule.eval_episodes=1"
    if "ppo" in method:
        settings = settings.replace("--set learning_starts=200 ", "")
    return f"pmoe train --method {method} --task {task} --steps 2048 {settings} --out {out}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with what the pages read: a run that a page trained before, and our published results."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    (tmp_path / "results").mkdir()
    (tmp_path / "results/paper-300k").symlink_to(ROOT / "results/paper-300k")
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run(page, folder):
    text = page.read_text(encoding="utf-8")
    if page != TUTORIAL:
        for method, task, out in [
            ("pmoe-ppo", "Hopper-v4", "runs/hopper"),
            ("pmoe-sac", "Hopper-v5", "results/runs/pmoe-sac/Hopper-v5/seed_0"),
        ]:
            if f'"{out}"' in text:
                run(folder, small(method, task, out))
    names = {"__name__": "__main__"}
    for match in FENCE.finditer(text):
        kind, code = match.groups()
        line = text[: match.start(2)].count("\n")
        if kind == "sh" and page == TUTORIAL:
            run(folder, code)
        elif kind == "python":
            # Errors name the line of the page.
            exec(compile("\n" * line + code, str(page), "exec"), names)  # noqa: S102
    if page.name == "python.md":
        # The policy that onnxruntime played.
        assert names["numpy"].mean(names["played"]) > -250
    if page == TUTORIAL:
        assert {"curve.png", "weights.png"} <= {file.name for file in folder.iterdir()}
        # What its text says of what it shows.
        assert names["after"] > names["before"]
        assert 1 <= (entropy := names["np"].exp(names["entropy"])).min() and entropy.max() <= 4.001
        assert names["mixture"].weights.shape[1] == 4


def test_there_are_pages():
    assert {page.name for page in PAGES} >= {"README.md", "python.md", "tutorial.md"}
