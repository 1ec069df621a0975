"""Time the measures of drift on many rows, and what scipy takes for KS and chi-squared."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from flight_delays.monitoring.bins import Watched, watch_category, watch_number
from flight_delays.monitoring.measures import chi_squared_test, ks_test, psi
from scipy import stats

REFERENCE_ROWS, NUMBERS, CATEGORIES, LEVELS = 100_000, 12, 6, 40


def column(random: np.random.Generator, rows: int, number: int) -> np.ndarray:
    """A number with gaps, or positions of categories of which some are frequent."""
    if number < NUMBERS:
        values = random.normal(size=rows) if number % 2 else random.lognormal(size=rows)
        values[random.random(rows) < 0.02] = np.nan
    else:
        values = np.floor(LEVELS * random.random(rows) ** 3)
    return values.astype(np.float32)


def ours(watched: Watched, values: np.ndarray) -> None:
    """Do what `drift FILE` does with a column: counts, PSI, chi-squared, KS."""
    if watched.fine:
        fine = watched.count_fine(values)
        seen = watched.joined(fine)
        ks_test(fine[:-1], watched.fine_counts[:-1])
    else:
        seen = watched.count(values)
    psi(seen, watched.counts)
    chi_squared_test(seen, watched.counts)


def with_scipy(reference: np.ndarray, values: np.ndarray, number: int) -> None:
    """Do what people do with scipy: a test for each column."""
    if number < NUMBERS:
        stats.ks_2samp(values[~np.isnan(values)], reference[~np.isnan(reference)])
    else:
        counts = [np.unique(each, return_counts=True)[1] for each in (values, reference)]
        stats.chi2_contingency(np.array(counts))


def seconds(work: Callable[..., None], *arguments: Any) -> float:
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def main(rows: int) -> None:
    random = np.random.default_rng(0)
    mine = theirs = 0.0
    for number in range(NUMBERS + CATEGORIES):
        reference, values = (column(random, n, number) for n in (REFERENCE_ROWS, rows))
        named: dict[str, Any] = {"role": "input", "name": str(number)}
        if number < NUMBERS:
            watched = watch_number(reference, 10, **named)
        else:
            watched = watch_category(reference, tuple(map(str, range(LEVELS))), 10, **named)
        mine += seconds(ours, watched, values)
        theirs += seconds(with_scipy, reference, values, number)
    print(json.dumps({"ours_s": mine, "scipy_s": theirs, "share": mine / theirs}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
