"""Let models without skill try to become the first champion; print how many of them pass.

Runs in the rendered project's folder and environment. A trial draws a target and predictions that
know nothing of it; the reference is the best constant of as many training rows.
"""

import json
import sys

import numpy as np
from flight_delays.models.comparison import Rows, compare_with_baseline

RESAMPLES = 500


def classification(draw: np.random.Generator, rows: int) -> Rows:
    """Three in ten are positive; the model draws its probabilities."""
    y_true = (draw.random(rows) < 0.3).astype(np.float64)
    share = float((draw.random(rows) < 0.3).mean())
    guess = draw.random(rows)
    candidate = np.column_stack([1 - guess, guess]).astype(np.float32)
    constant = np.tile(np.array([[1 - share, share]], dtype=np.float32), (rows, 1))
    return Rows(y_true, candidate, constant)


def regression(draw: np.random.Generator, rows: int) -> Rows:
    """A skewed target; the model is the mean of its training rows with a little noise."""
    y_true, train = draw.lognormal(0, 0.7, rows), draw.lognormal(0, 0.7, rows)
    candidate = (train.mean() + draw.normal(0, 0.05, rows)).astype(np.float32)
    return Rows(y_true, candidate, np.full(rows, np.median(train), dtype=np.float32))


def main(rows: int, trials: int) -> None:
    """Print how many of the trials pass, for each task."""
    passed = {}
    for task, make in (("classification", classification), ("regression", regression)):
        draw = np.random.default_rng(rows)
        decisions = [
            compare_with_baseline(make(draw, rows), task, RESAMPLES, seed=trial).decision
            for trial in range(trials)
        ]
        passed[task] = decisions.count("promote")
    print(json.dumps({"rows": rows, "trials": trials, **passed}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
