"""How far counts lie from a reference: PSI, chi-squared, Kolmogorov-Smirnov, and what chance does.

Free of SciPy, so that the server can use it; a test holds the values against SciPy's.
"""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Counts = NDArray[np.int64]
SMOOTHING = 0.5  # rows added to each bin (Jeffreys' prior), so that an empty one is no infinity


def shares(counts: ArrayLike) -> NDArray[np.float64]:
    """Return the share of each bin, none of them 0.

    Args:
        counts: Rows of each of k bins.
    """
    smoothed = np.asarray(counts, dtype=np.float64) + SMOOTHING
    return np.asarray(smoothed / smoothed.sum())


def psi(seen: ArrayLike, reference: ArrayLike) -> float:
    """Return the population stability index: the sum of (p - q) ln(p / q) over the bins' shares.

    It is the symmetric Kullback-Leibler divergence (Jeffreys, 1946); as PSI: Lewis, "An
    Introduction to Credit Scoring" (1994).

    Args:
        seen: Rows of each of k bins.
        reference: The same of the reference.
    """
    p, q = shares(seen), shares(reference)
    return float(((p - q) * np.log(p / q)).sum())


def chance(bins: int, share: float) -> float:
    """Return the value that a chi-squared variable of bins - 1 degrees exceeds in that share.

    Without drift, PSI / (1 / n + 1 / m) of n rows against m has that distribution (Yurdakul,
    "Statistical Properties of Population Stability Index", 2018). By the cube root of Wilson and
    Hilferty (1931): far out, where it is used, up to 6 % too large, which is the safe side.

    Args:
        bins: Number of bins.
        share: Such as 0.001.
    """
    degrees = max(bins - 1, 1)
    z = NormalDist().inv_cdf(1 - share)
    return float(degrees * (1 - 2 / (9 * degrees) + z * math.sqrt(2 / (9 * degrees))) ** 3)


def critical_psi(chi_squared: float, n: int, m: int, least: float) -> float:
    """Return the PSI from which n rows have drifted from m: more than chance, and than `least`.

    Args:
        chi_squared: What `chance` returns.
        n: Rows seen.
        m: Rows of the reference.
        least: A smaller PSI never counts.
    """
    return max(least, chi_squared * (1 / max(n, 1) + 1 / max(m, 1)))


def chi_squared_test(seen: ArrayLike, reference: ArrayLike) -> tuple[float, float]:
    """Return statistic and p-value of the chi-squared test of two samples in the same bins.

    Pearson (1911); the form for different sizes is that of Press et al., "Numerical Recipes",
    14.3. Bins that are empty in both do not count.

    Args:
        seen: Rows of each of k bins.
        reference: The same of the reference.
    """
    a, b = (np.asarray(counts, dtype=np.float64) for counts in (seen, reference))
    used = a + b > 0
    a, b = a[used], b[used]
    if len(a) < 2 or not a.sum() or not b.sum():
        return 0.0, 1.0
    ratio = math.sqrt(b.sum() / a.sum())
    statistic = float(((ratio * a - b / ratio) ** 2 / (a + b)).sum())
    return statistic, chi_squared_tail(statistic, len(a) - 1)


def chi_squared_tail(statistic: float, degrees: int) -> float:
    """Return how often a chi-squared variable is larger: Wilson and Hilferty (1931), as above."""
    spread = 2 / (9 * degrees)
    z = ((statistic / degrees) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    return NormalDist().cdf(-z)


def ks_test(seen: ArrayLike, reference: ArrayLike) -> tuple[float, float]:
    """Return statistic and p-value of the Kolmogorov-Smirnov test of two samples.

    The largest distance between the shares of rows up to each edge, which in bins is at most that
    of the values themselves; the p-value is the limit of Smirnov (1948), and too large where values
    repeat.

    Args:
        seen: Rows of each of k bins, in the order of their values.
        reference: The same of the reference.
    """
    a, b = (np.asarray(counts, dtype=np.float64) for counts in (seen, reference))
    if not a.sum() or not b.sum():
        return 0.0, 1.0
    distance = float(np.abs(a.cumsum() / a.sum() - b.cumsum() / b.sum()).max())
    size = distance * math.sqrt(a.sum() * b.sum() / (a.sum() + b.sum()))
    if size < 0.2:  # the series has not begun to converge; the tail is 1 in all digits
        return distance, 1.0
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * (k * size) ** 2) for k in range(1, 101))
    return distance, min(1.0, max(0.0, sum(terms)))
