"""Inputs that tell the target: refused where they reproduce it, warned of where they come near."""

import logging
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from ..data import tables
from ..data.leaks import SHIFT_ROWS, Suspect, shifted, suspects
from ..errors import UserError
from .preprocessor import Preprocessor
from .processed import ROW, TARGET, arrays, set_path

log = logging.getLogger(__name__)


def refuse_leaks(
    preprocessor: Preprocessor, sample: pl.DataFrame, trusted: tuple[str, ...]
) -> dict[str, str]:
    """Refuse inputs that tell the target all by themselves, and warn of those that nearly do.

    Args:
        preprocessor: What the inputs are.
        sample: Training rows, raw.
        trusted: Inputs to pass over.

    Returns:
        The inputs warned of, and why.

    Raises:
        UserError: One is refused.
    """
    names = [item.name for item in preprocessor.inputs]
    found = suspects(
        preprocessor.transform(sample),
        names,
        preprocessor.categorical,
        sample[preprocessor.target],
        preprocessor.task,
    )
    found = [one for one in found if one.name not in trusted]
    lines = [
        f"  {one.name}: score {one.score:.4f} of 1 without any other column"
        for one in found
        if one.refused
    ]
    if lines:
        raise UserError(
            "a feature reproduces the target, as a column does that is known only afterwards:\n"
            + "\n".join(lines)
            + "\nGive it role: leak in the schema. If it really is known at prediction time, list "
            "it under features.trusted in the config."
        )
    return _warn(found)


def shifted_leaks(
    folder: Path, preprocessor: Preprocessor, trusted: tuple[str, ...]
) -> dict[str, str]:
    """Warn of inputs that are the target of a row nearby, by the first training rows.

    Args:
        folder: Where the training set is.
        preprocessor: What the inputs are.
        trusted: Inputs to pass over.

    Returns:
        The inputs warned of, and why.
    """
    names = [item.name for item in preprocessor.inputs]
    columns = [ROW, *names, TARGET]
    frame = tables.first_rows(set_path(folder, "train"), SHIFT_ROWS, columns=columns)
    x, y = arrays(frame, preprocessor)
    found = shifted(x, names, pl.Series(y), frame[ROW].to_numpy(), preprocessor.task)
    return _warn([one for one in found if one.name not in trusted])


def _warn(found: Sequence[Suspect]) -> dict[str, str]:
    for one in found:
        log.warning("%s %s: is it known at prediction time?", one.name, one.note)
    return {one.name: one.note for one in found}
