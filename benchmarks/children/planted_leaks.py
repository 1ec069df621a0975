"""Count the planted leaks that are refused or warned of, and the clean columns that are.

Runs in the rendered project's folder and environment. What was not found, and what was found for
nothing, is named on standard error.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import polars as pl
from flight_delays.data import leaks
from numpy.typing import NDArray

Array = NDArray[np.float64]
Change = Callable[[np.random.Generator, Array], Array]

# What becomes of a target y.
EXACT: dict[str, dict[str, Change]] = {
    "regression": {
        "copy": lambda _, y: y,
        "other unit": lambda _, y: 1.8 * y + 32,
        "log": lambda _, y: np.log(y - y.min() + 1),
        "rank": lambda _, y: np.argsort(np.argsort(y)),
        "square root": lambda _, y: np.sqrt(y - y.min()),
        "reciprocal": lambda _, y: 1 / (y - y.min() + 1),
        "cube": lambda _, y: (y / y.std()) ** 3,
        "exponential": lambda _, y: np.exp(-y / y.std()),
    },
    "classification": {
        "copy": lambda _, y: y,
        "other codes": lambda _, y: (y * 7 + 3) % 11,
        "the wrong way round": lambda _, y: -y,
        "finer": lambda r, y: y * 100 + r.integers(0, 99, len(y)),
    },
}
NEAR: dict[str, dict[str, Change]] = {
    "regression": {
        "noise of a tenth": lambda r, y: y + r.normal(0, 0.1 * y.std(), len(y)),
        "noise of a fifth": lambda r, y: y + r.normal(0, 0.2 * y.std(), len(y)),
        "log with noise": lambda r, y: (
            (z := np.log(y - y.min() + 1)) + r.normal(0, 0.15 * z.std(), len(y))
        ),
        "half missing": lambda r, y: np.where(r.random(len(y)) < 0.5, np.nan, y),
        "half missing, with noise": lambda r, y: np.where(
            r.random(len(y)) < 0.5, np.nan, y + r.normal(0, 0.1 * y.std(), len(y))
        ),
        "gaps above the median": lambda r, y: np.where(
            y > np.median(y), np.nan, r.normal(size=len(y))
        ),
        "next row": lambda _, y: np.roll(y, -1),
        "row before": lambda _, y: np.roll(y, 1),
        "a week before": lambda _, y: np.roll(y, 7),
    },
    "classification": {
        "1 % flipped": lambda r, y: np.where(r.random(len(y)) < 0.01, r.permutation(y), y),
        "3 % drawn anew": lambda r, y: np.where(r.random(len(y)) < 0.03, r.permutation(y), y),
        "noise of a fifth": lambda r, y: y + r.normal(0, 0.2, len(y)),
        "half missing": lambda r, y: np.where(r.random(len(y)) < 0.5, np.nan, y),
        "half missing, 1 % drawn anew": lambda r, y: np.where(
            r.random(len(y)) < 0.5, np.nan, np.where(r.random(len(y)) < 0.01, r.permutation(y), y)
        ),
        "gaps of one class": lambda r, y: np.where(y == y.max(), np.nan, r.normal(size=len(y))),
        "gaps of one class, 1 % otherwise": lambda r, y: np.where(
            (y == y.max()) ^ (r.random(len(y)) < 0.01), np.nan, r.normal(size=len(y))
        ),
        "next row": lambda _, y: np.roll(y, -1),
        "row before": lambda _, y: np.roll(y, 1),
    },
}

WANTED = {"exact": ["refused"], "near": ["refused", "warned"], "clean": ["passed"]}


def targets(random: np.random.Generator, rows: int) -> Iterator[tuple[str, Array, Array]]:
    """Yield task, target and what stands behind it."""
    hidden = random.normal(size=rows)
    yield "regression", hidden + 0.3 * random.normal(size=rows), hidden
    yield "regression", np.exp(1.2 * hidden) * 100, hidden
    yield "regression", np.cumsum(random.normal(size=rows)), hidden
    yield "classification", (hidden > 0.2).astype(float), hidden
    yield "classification", (hidden > 1.6).astype(float), hidden
    yield "classification", np.digitize(hidden, [-0.6, 0.7]).astype(float), hidden


def clean(random: np.random.Generator, y: Array, hidden: Array) -> Iterator[Array]:
    """Yield columns that know something of the target, or nothing, as those of tables do."""
    rows, scale = len(y), np.arange(len(y)) / len(y)
    yield random.normal(size=rows)
    yield hidden + random.normal(size=rows)
    yield hidden + 0.5 * random.normal(size=rows)
    yield np.where(random.random(rows) < 0.3, np.nan, hidden + random.normal(size=rows))
    yield np.where(hidden + random.normal(size=rows) > 1, np.nan, random.normal(size=rows))
    yield random.integers(0, 5, rows) + (hidden > 0)
    yield scale + 0.01 * random.normal(size=rows)
    yield np.cumsum(random.normal(size=rows))
    yield (random.random(rows) < 0.03).astype(float)
    yield np.sin(2 * np.pi * np.arange(rows) / 24)


def look(x: Array, y: Array, task: str) -> str:
    """Return what becomes of a column: refused, warned or passed."""
    values = x.astype(np.float32)[:, None]
    target = pl.Series(y if task == "regression" else y.astype(int))
    order = np.random.default_rng(1).permutation(len(y))  # the sample is in no order
    found = leaks.suspects(values[order], ["x"], [], target[order], task)
    found = found or leaks.shifted(values, ["x"], target, np.arange(len(y)), task)
    if not found:
        return "passed"
    return "refused" if found[0].refused else "warned"


def main(seeds: int) -> None:
    """Print the shares of columns found, over six targets in three sizes for each seed."""
    seen: dict[str, list[str]] = {"exact": [], "near": [], "clean": []}
    odd: Counter[str] = Counter()
    for seed, rows in product(range(seeds), (300, 1_000, 5_000)):
        random = np.random.default_rng([seed, rows])
        for task, y, hidden in targets(random, rows):
            columns = [("exact", name, change(random, y)) for name, change in EXACT[task].items()]
            columns += [("near", name, change(random, y)) for name, change in NEAR[task].items()]
            columns += [("clean", str(i), x) for i, x in enumerate(clean(random, y, hidden))]
            for kind, name, x in columns:
                became = look(x, y, task)
                seen[kind].append(became)
                if became not in WANTED[kind]:
                    odd[f"{task}, {rows} rows, {kind} column {name}: {became}"] += 1
    print(json.dumps(odd, indent=1), file=sys.stderr)
    shares = {
        "exact_refused": seen["exact"].count("refused") / len(seen["exact"]),
        "near_found": 1 - seen["near"].count("passed") / len(seen["near"]),
        "clean_found": 1 - seen["clean"].count("passed") / len(seen["clean"]),
    }
    print(json.dumps(shares | {kind: len(one) for kind, one in seen.items()}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
