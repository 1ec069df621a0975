"""Whether probabilities can be taken at their word: rows of similar probability in bins."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

CALIBRATION_BINS = 10


@dataclass(frozen=True)
class CalibrationBin:
    """Rows of similar predicted probability.

    Attributes:
        rows: How many.
        predicted: Mean predicted probability.
        observed: Share of the rows that are of the class.
    """

    rows: int
    predicted: float
    observed: float

    @property
    def half_width(self) -> float:
        """Half the width of the 95 % interval of `observed` (normal approximation)."""
        return 1.96 * math.sqrt(self.observed * (1 - self.observed) / self.rows)


def calibration_bins(positive: npt.ArrayLike, proba: npt.ArrayLike) -> list[CalibrationBin]:
    """Cut rows into at most CALIBRATION_BINS bins of equal size by probability.

    Args:
        positive: (n,) booleans: whether a row is of the class.
        proba: (n,) predicted probability of the class.
    """
    y, p = np.asarray(positive, dtype=np.float64), np.asarray(proba, dtype=np.float64)
    if not len(y):
        return []
    bins = equal_bins(p)
    rows = np.bincount(bins)
    predicted, observed = np.bincount(bins, p), np.bincount(bins, y)
    return [
        CalibrationBin(int(n), float(predicted[i] / n), float(observed[i] / n))
        for i, n in enumerate(rows)
        if n
    ]


def equal_bins(values: Array) -> npt.NDArray[np.int64]:
    """Number each value's bin; equal values share one, so there may be fewer bins."""
    if not len(values):
        return np.empty(0, dtype=np.int64)
    inner = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    edges = np.unique(np.quantile(values, inner, method="inverted_cdf"))
    return np.searchsorted(edges, values, side="left").astype(np.int64)
