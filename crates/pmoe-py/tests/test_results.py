"""Results: runs as tables and arrays."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas
import polars
import pytest

import pmoe

#: Published runs with their report.
PUBLISHED = Path(__file__).parents[3] / "results/paper-300k"


def write(folder, task="Hopper-v5", seed=0, status="done", evaluations=((0, [0.0, 2.0]), (50, [4.0, 6.0]), (100, [8.0, 12.0]))):
    """Writes a run of 100 steps."""
    folder.mkdir(parents=True)
    manifest = {"method": "sac", "task": task, "seed": seed, "total_steps": 100, "status": {"state": status}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    events = [
        {"event": "episode", "env_step": 9, "episode": 1, "episode_return": 3.5, "episode_length": 9, "truncated": False},
        {"event": "update", "env_step": 10, "grad_step": 2, "metrics": {"q1_mean": 0.5}},
    ]
    for env_step, returns in evaluations:
        events.append({"event": "eval", "env_step": env_step, "returns": returns, "lengths": [7] * len(returns)})
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


@pytest.fixture
def matrix(tmp_path):
    """Two methods of a suite, two tasks, two seeds."""
    for method in ["sac", "mine"]:
        for task in ["Ant-v5", "Hopper-v5"]:
            for seed in [0, 1]:
                write(tmp_path / "fig1" / method / task / f"seed_{seed}", task, seed)
    return tmp_path


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_tables_have_a_row_for_each_number(matrix, library):
    runs = pmoe.results(matrix)
    assert len(runs.runs) == 8
    evaluations = runs.only(method="mine", task="Ant-v5", seed=1).evaluations(library)
    assert isinstance(evaluations, pandas.DataFrame if library == "pandas" else polars.DataFrame)
    assert list(evaluations["return"]) == [0, 2, 4, 6, 8, 12]
    assert list(evaluations["env_step"]) == [0, 0, 50, 50, 100, 100]
    assert set(evaluations["suite"]) == {"fig1"} and set(evaluations["length"]) == {7}
    episodes = runs.episodes(library)
    assert len(episodes) == 8 and set(episodes["return"]) == {3.5}
    assert set(runs.metrics(library)["q1_mean"]) == {0.5}


@pytest.mark.parametrize("below, suite", [("", ""), ("..", "fig1"), ("../..", "all/fig1")])
def test_variants_keep_their_names_wherever_the_folder_begins(tmp_path, below, suite):
    for method in ["sac", "sac-batch25"]:
        write(tmp_path / "all/fig1" / method / "Hopper-v5/seed_0")
    runs = pmoe.results((tmp_path / "all/fig1" / below).resolve()).runs
    assert [(run.suite, run.method) for run in runs] == [(suite, "sac"), (suite, "sac-batch25")]


def test_a_folder_of_another_kind_names_no_method(tmp_path):
    write(tmp_path / "first/Hopper-v5/seed_1")
    write(tmp_path / "second/Ant-v5/seed_0")
    write(tmp_path / "third")
    assert {(run.suite, run.method) for run in pmoe.results(tmp_path).runs} == {("", "sac")}


def test_scores_have_the_shape_that_rliable_takes(matrix):
    scores, tasks = pmoe.results(matrix).scores()
    assert tasks == ["Ant-v5", "Hopper-v5"] and list(scores) == ["mine", "sac"]
    np.testing.assert_array_equal(scores["sac"], np.full((2, 2), 10.0))
    auc, _ = pmoe.results(matrix).scores("auc")
    # (1 + 5) / 2 over the first half, (5 + 10) / 2 over the second.
    np.testing.assert_array_equal(auc["sac"], np.full((2, 2), 5.25))


def test_scores_compare_like_with_like(matrix):
    write(matrix / "fig1" / "sac" / "Ant-v5" / "seed_2", "Ant-v5", 2, status="running")
    assert pmoe.results(matrix).scores()[0]["sac"].shape == (2, 2)
    write(matrix / "fig1" / "sac" / "Ant-v5" / "seed_3", "Ant-v5", 3)
    with pytest.raises(ValueError, match="not all have 3 finished runs: mine on Ant-v5: 2"):
        pmoe.results(matrix).scores()
    write(matrix / "fig2" / "sac" / "Ant-v5" / "seed_0", "Ant-v5", 0)
    with pytest.raises(ValueError, match="sac on Ant-v5 has seed 0 twice: choose one suite"):
        pmoe.results(matrix).scores()
    assert pmoe.results(matrix).only(suite="fig2").scores()[1] == ["Ant-v5"]


def test_archived_runs_have_the_same_tables(tmp_path):
    run = PUBLISHED.parent / "hopper-300k/sac/Hopper-v4/seed_0"
    kept = tmp_path / "kept"
    subprocess.run([sys.executable, "-m", "pmoe", "archive", run, kept], check=True)
    assert not (kept / "events.jsonl").exists()
    for table in ["evaluations", "episodes", "metrics"]:
        before, after = (getattr(pmoe.results(folder), table)() for folder in [run, kept])
        pandas.testing.assert_frame_equal(before, after)


def test_a_line_that_is_being_written_is_left_out(tmp_path):
    write(tmp_path / "run")
    with (tmp_path / "run" / "events.jsonl").open("a") as events:
        events.write('{"event":"eval","env_st')
    runs = pmoe.results(tmp_path / "run")
    assert len(runs.evaluations()) == 6
    assert runs.runs[0].suite == "" and runs.runs[0].method == "sac"


def test_bad_input_is_an_error_with_a_reason(tmp_path, matrix):
    with pytest.raises(ValueError, match="empty has no runs"):
        pmoe.results(tmp_path / "empty")
    with pytest.raises(ValueError, match="runs have no agent, but suite, method, task and seed"):
        pmoe.results(matrix).only(agent="sac")
    with pytest.raises(ValueError, match="library is 'excel'"):
        pmoe.results(matrix).episodes("excel")
    with pytest.raises(ValueError, match="score is 'best'"):
        pmoe.results(matrix).scores("best")
    file = matrix / "fig1" / "sac" / "Ant-v5" / "seed_0" / "manifest.json"
    file.write_text("{}")
    with pytest.raises(ValueError, match="manifest.json is damaged"):
        pmoe.results(matrix)


def test_comparisons_are_those_of_the_report():
    runs = pmoe.results(PUBLISHED).only(suite="fig1-table2")
    comparison = pmoe.compare(runs, reference="sac")
    report = json.loads((PUBLISHED / "report/numbers.json").read_text())
    reported = {
        (number.get("task"), number["method"], number["quantity"]): number
        for number in report["numbers"]
        if number["suite"] == "fig1-table2"
    }
    seen = 0
    for row in comparison.tasks:
        for quantity in ["auc", "relative_auc", "improvement", "final_return"]:
            number = reported.get((row["task"], row["method"], quantity))
            if number is not None:
                ends = [row[f"{quantity}_low"], row[f"{quantity}_high"]]
                assert (row[quantity], ends) == (number["value"], number.get("interval", [None, None]))
                seen += 1
    assert seen > 10
    assert {row["method"] for row in comparison.methods} == {row["method"] for row in comparison.tasks}
    assert len(comparison.frame()) == len(comparison.tasks)
    with pytest.raises(ValueError, match="reference is 'sca', but must be one of"):
        pmoe.compare(runs, reference="sca")
    with pytest.raises(ValueError, match="level must be between 0 and 1"):
        pmoe.compare(runs, level=2)
