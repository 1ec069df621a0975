"""From probabilities to a class: for tables and, without arrays, for single rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def decide(probabilities: NDArray[np.floating], threshold: float) -> NDArray[np.int64]:
    """Return the chosen class of each row.

    Args:
        probabilities: Array (n, classes).
        threshold: For two classes: the second's probability from which it is chosen. With more
            classes the most probable one is chosen, the first of equals.

    Returns:
        n class indices.
    """
    if probabilities.shape[1] == 2:
        likely = probabilities[:, 1].astype(np.float64)
        chosen: NDArray[np.int64] = (likely >= threshold).astype(np.int64)
    else:
        chosen = probabilities.argmax(axis=1)
    return chosen


def decide_row(probabilities: Sequence[float], threshold: float) -> int:
    """Return what `decide` chooses for one row."""
    if len(probabilities) == 2:
        return int(probabilities[1] >= threshold)
    return max(range(len(probabilities)), key=probabilities.__getitem__)
