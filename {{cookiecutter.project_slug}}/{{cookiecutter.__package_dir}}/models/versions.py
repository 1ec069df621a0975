"""What is known of all the versions there are; for `models list`, what cannot be read is named."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError
from .model_io import Metadata
from .registry import versions

TABLE_METRICS = 3  # of each version; `--json` has all


def read_versions(models: Path) -> tuple[list[Metadata], list[str]]:
    """Read the metadata of all versions, the oldest first.

    Args:
        models: The folder of all versions.

    Returns:
        The metadata that could be read, and the reason for each that could not.
    """
    known, broken = [], []
    for name in versions(models):
        try:
            known.append(Metadata.read(models / name))
        except UserError as error:
            broken.append(str(error))
    return known, broken


def table(known: Sequence[Metadata], champion: str | None) -> tuple[list[list[str]], int]:
    """Return rows of text, headers first, and how many of the last columns are metrics.

    Args:
        known: The versions.
        champion: The name of the one that is served.
    """
    shown = dict.fromkeys(name for one in known for name in [*one.metrics][:TABLE_METRICS])
    rows = [["version", "champion", "created", "model", *shown]]
    for one in known:
        mark = "champion" if one.version == champion else ""
        values = (f"{one.metrics[name]:.4f}" if name in one.metrics else "" for name in shown)
        rows.append([one.version, mark, one.created[:16], one.model, *values])
    return rows, len(shown)


def hashed_columns(models: Path) -> tuple[str, ...] | None:
    """Return what the first version that was split at random hashed; None where there is none."""
    for name in versions(models):
        split = Metadata.read(models / name).split
        if split.by == "random":
            return split.columns
    return None
