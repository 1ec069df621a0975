"""Counted rows beside the reference: what has drifted, and what moved most."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .bins import Watched
from .measures import Counts, chi_squared_test, critical_psi, ks_test, psi
from .reference import Reference
from .settings import Drift


@dataclass(frozen=True)
class Drifted:
    """How one input or output of the rows compares with the reference.

    Attributes:
        role, name: As of `Watched`.
        psi: The population stability index.
        critical: The PSI from which it is drift, with as many rows.
        has_drifted: Whether it is, and the rows are enough to tell.
        chi_squared, chi_squared_p: Statistic and p-value of the chi-squared test.
        ks, ks_p: The same of the Kolmogorov-Smirnov test; None for categories.
        bins, expected, seen: Label and both shares of each bin.
        moved: The bin whose share has moved most.
    """

    role: str
    name: str
    psi: float
    critical: float
    has_drifted: bool
    chi_squared: float
    chi_squared_p: float
    ks: float | None
    ks_p: float | None
    bins: tuple[str, ...]
    expected: tuple[float, ...]
    seen: tuple[float, ...]
    moved: int


@dataclass(frozen=True)
class Comparison:
    """All of them, the one that has moved most first."""

    version: str
    source: str
    reference_sets: tuple[str, ...]
    reference_rows: int
    rows: int
    left_out: int  # rows that cannot be predicted
    minimum_rows: int
    watched: tuple[Drifted, ...]

    @property
    def drifted(self) -> list[Drifted]:
        """Those that have drifted: the likely causes, in the order in which to look at them."""
        return [one for one in self.watched if one.has_drifted]

    @property
    def is_enough(self) -> bool:
        """Whether there are rows enough to tell."""
        return self.rows >= self.minimum_rows


def compare(
    version: str,
    source: str,
    reference: Reference,
    settings: Drift,
    counted: tuple[int, int, Sequence[Counts], Sequence[Counts]],
) -> Comparison:
    """Compare counted rows with the reference.

    Args:
        version: That counted them.
        source: Where the rows are, for the report.
        reference: Of the version.
        settings: From when on it is drift.
        counted: The rows that could be predicted, and those that could not; for each that is
            watched the counts of its bins, and between its fine edges.
    """
    rows, left_out, counts, fine_counts = counted
    enough = rows >= settings.minimum_rows
    compared = [
        _compare(one, seen, fine, critical, enough)
        for one, seen, fine in zip(reference.watched, counts, fine_counts, strict=True)
        for critical in [critical_psi(reference.chance(one), rows, reference.rows, settings.psi)]
    ]
    return Comparison(
        version=version,
        source=source,
        reference_sets=reference.sets,
        reference_rows=reference.rows,
        rows=rows,
        left_out=left_out,
        minimum_rows=settings.minimum_rows,
        watched=tuple(sorted(compared, key=lambda one: (not one.has_drifted, -one.psi))),
    )


def _compare(one: Watched, seen: Counts, fine: Counts, critical: float, enough: bool) -> Drifted:
    value = psi(seen, one.counts)
    chi_squared, chi_squared_p = chi_squared_test(seen, one.counts)
    # What is missing has no place among the values.
    ks, ks_p = ks_test(fine[:-1], one.fine_counts[:-1]) if one.fine else (None, None)
    expected = np.array(one.counts) / max(sum(one.counts), 1)
    now = seen / max(int(seen.sum()), 1)
    return Drifted(
        role=one.role,
        name=one.name,
        psi=value,
        critical=critical,
        has_drifted=enough and value > critical,
        chi_squared=chi_squared,
        chi_squared_p=chi_squared_p,
        ks=ks,
        ks_p=ks_p,
        bins=one.labels,
        expected=tuple(expected.tolist()),
        seen=tuple(now.tolist()),
        moved=int(np.abs(now - expected).argmax()),
    )
