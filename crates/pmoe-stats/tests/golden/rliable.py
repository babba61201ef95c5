#!/usr/bin/env python3
"""Writes rliable.json: what rliable computes from score matrices.

Needs Python 3.11 with

    pip install rliable==1.2.0 arch==7.2.0 "pandas==2.3.3" numpy==2.4.6 scipy==1.17.1

(rliable 1.2.0 can't be imported with pandas 3.) The scores are drawn here; everything expected comes
from rliable's own functions. Its bootstrap draws from numpy's global generator whatever
`random_state` says, so that generator is seeded.

    rliable.py             write the committed file, beside this script
    rliable.py --check     compute again and compare, bit for bit
"""

import json
import pathlib
import sys

import numpy as np
from rliable import library, metrics

FILE = pathlib.Path(__file__).resolve().parent / "rliable.json"
THRESHOLDS = [-0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0]
GAMMAS = [0.5, 1.0]
REPETITIONS = 20_000


def matrices():
    """Name and `[runs x tasks]` scores of two methods on the same tasks."""
    rng = np.random.default_rng(20210813)
    normal = lambda runs, tasks, mean: rng.normal(mean, 0.5, (runs, tasks))
    yield "one run of one task", normal(1, 1, 0.5), normal(1, 1, 0.5)
    yield "3 x 1, different numbers of runs", normal(3, 1, 0.8), normal(5, 1, 0.7)
    yield "5 x 6", normal(5, 6, 1.0), normal(5, 6, 0.8)
    # 21 scores, a number not divisible by four.
    yield "7 x 3", normal(7, 3, 0.9), normal(4, 3, 0.9)
    yield "10 x 26, skewed", rng.lognormal(0.0, 1.0, (10, 26)), rng.lognormal(0.3, 1.0, (10, 26))
    # Multiples of a quarter: ties within and between methods, and values on the thresholds.
    ties = lambda runs, tasks: rng.integers(-2, 9, (runs, tasks)) / 4
    yield "8 x 4, ties", ties(8, 4), ties(6, 4)
    same = ties(4, 2)
    yield "4 x 2, equal methods", same, same
    yield "4 x 2, large and negative", normal(4, 2, -1e6), 1e3 * normal(4, 2, -1e3)


def interval(scores, statistic):
    """Percentile interval of 95 % by rliable's stratified bootstrap."""
    np.random.seed(0)
    func = lambda *matrices: np.array([statistic(*matrices)])
    _, intervals = library.get_interval_estimates({"": scores}, func, reps=REPETITIONS)
    return [float(end) for end in intervals[""].ravel()]


def case(name, x, y):
    expected = {
        "mean": metrics.aggregate_mean(x),
        "median": metrics.aggregate_median(x),
        "iqm": metrics.aggregate_iqm(x),
        "optimality_gap": [metrics.aggregate_optimality_gap(x, gamma) for gamma in GAMMAS],
        "profile": library.score_distributions(x, THRESHOLDS).tolist(),
        "probability_of_improvement": metrics.probability_of_improvement(x, y),
    }
    # Only where the bootstrap distribution is smooth enough to compare (takes a minute).
    if name == "5 x 6":
        expected["intervals"] = {
            "mean": interval(x, metrics.aggregate_mean),
            "iqm": interval(x, metrics.aggregate_iqm),
            "optimality_gap": interval(x, metrics.aggregate_optimality_gap),
            "probability_of_improvement": interval([x, y], metrics.probability_of_improvement),
        }
    # By task, as the crate expects.
    return {"name": name, "x": x.T.tolist(), "y": y.T.tolist(), "expected": expected}


def main():
    cases = [case(*matrix) for matrix in matrices()]
    lines = ",\n".join(json.dumps(case) for case in cases)
    head = f'{{"gammas": {GAMMAS}, "thresholds": {THRESHOLDS}, "cases": [\n'
    text = f"{head}{lines}\n]}}\n"
    if sys.argv[1:] == ["--check"]:
        if text != FILE.read_text():
            sys.exit(f"{FILE} is not what rliable computes here")
    elif not sys.argv[1:]:
        FILE.write_text(text)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
