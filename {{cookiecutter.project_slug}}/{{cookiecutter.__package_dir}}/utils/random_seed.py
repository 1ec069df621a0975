"""One seed for everything that draws random numbers."""

import random

import numpy as np


def seed_everything(seed: int) -> np.random.Generator:
    """Seed Python's and NumPy's global generators and return a fresh one.

    Code of this project draws from the returned generator or takes a seed; the global ones are
    seeded for libraries that draw from them.

    Args:
        seed: A whole number from 0 to 2**32 - 1.

    Raises:
        ValueError: The seed is outside that range.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be from 0 to 2**32 - 1, not {seed}")
    random.seed(seed)
    np.random.seed(seed)
    return np.random.default_rng(seed)
