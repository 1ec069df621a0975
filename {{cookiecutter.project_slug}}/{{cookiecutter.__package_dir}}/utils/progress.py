"""A progress bar on a terminal, silence elsewhere."""

import sys
from typing import Any


def progress(what: str, total: int | None, unit: str) -> Any:
    """Return a tqdm bar to `update(n)`; it shows only where standard error is a terminal.

    Args:
        what: Shown before the bar.
        total: Number of units to come, if known.
        unit: "rows", "B" (bytes), ...
    """
    from tqdm import tqdm

    return tqdm(
        desc=what,
        total=total,
        unit=f" {unit}" if unit != "B" else "B",
        unit_scale=True,
        disable=not sys.stderr.isatty(),
        leave=False,
    )
