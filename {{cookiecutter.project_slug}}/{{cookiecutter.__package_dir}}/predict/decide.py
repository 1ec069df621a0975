"""From probabilities to a class."""

import numpy as np
from numpy.typing import NDArray


def decide(probabilities: NDArray[np.floating], threshold: float) -> NDArray[np.int64]:
    """Return the chosen class of each row.

    Args:
        probabilities: Array (n, classes).
        threshold: For two classes: the second's probability from which it is chosen. With more
            classes the most probable one is chosen.

    Returns:
        n class indices.
    """
    if probabilities.shape[1] == 2:
        chosen: NDArray[np.int64] = (probabilities[:, 1] >= threshold).astype(np.int64)
    else:
        chosen = probabilities.argmax(axis=1)
    return chosen
