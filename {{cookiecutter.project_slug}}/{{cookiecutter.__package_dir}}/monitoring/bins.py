"""The bins of one watched input or output: how rows are counted into them.

Free of data frames: training, the server and `drift FILE` count with the same few lines.
"""

from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from .measures import Counts, shares

MISSING, OTHER, NEW = "(missing)", "(other)", "(missing or new)"
FINE = 100  # parts of a number's range, for what needs more than its bins
Values = NDArray[Any]


class Watched(BaseModel):
    """One input or output, and the rows of the reference in each of its bins.

    A number's bins end at `edges`, each edge belonging to the bin below it; the last bin but one
    has what is above them all, the last what is missing. `fine` are more edges, those of `edges`
    among them. A category's bins are its most frequent values, by position in the input's levels;
    then the other ones, then what is missing or was not there at training.

    Attributes:
        role: "input" of the model, or its "output".
        name: Of the input, "prediction" or "confidence".
        position: Of the input among the model's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["input", "output"]
    name: str
    position: int | None = None
    edges: tuple[float, ...] | None = None
    fine: tuple[float, ...] = ()
    codes: tuple[int, ...] = ()
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    fine_counts: tuple[int, ...] = ()

    @cached_property
    def expected(self) -> NDArray[np.float64]:
        """The share of the reference in each bin."""
        return shares(self.counts)

    @cached_property
    def _edges(self) -> NDArray[np.float64]:
        return np.array((*(self.edges or ()), np.inf))

    @cached_property
    def _fine(self) -> NDArray[np.float64]:
        return np.array((*self.fine, np.inf))

    @cached_property
    def _codes(self) -> NDArray[np.float64]:
        return np.array((*self.codes, np.inf))

    def count(self, values: Values) -> Counts:
        """Count n values, NaN where missing, into the bins."""
        if self.edges is not None:
            return _between(values, self._edges)
        ordered = np.sort(values)  # NaN comes last
        ends = ordered.searchsorted(self._codes, side="right")
        ends[:-1] -= ordered.searchsorted(self._codes[:-1], side="left")
        known = ends[-1]
        ends[-1] -= ends[:-1].sum()
        return np.append(ends, len(values) - known)

    def joined(self, fine_counts: Counts) -> Counts:
        """Return the counts of a number's bins from those between its fine edges.

        Args:
            fine_counts: As `count_fine` gives them; `edges` are among the fine ones.
        """
        starts = self._fine.searchsorted(self._edges) + 1  # infinity leads to what is missing
        return np.add.reduceat(fine_counts, [0, *starts])

    def count_fine(self, values: Values) -> Counts:
        """Count n values of a number between its fine edges; none of a category."""
        return _between(values, self._fine) if self.fine else np.zeros(0, dtype=np.int64)


def in_bins(values: Values, edges: NDArray[np.float64]) -> Counts:
    """Count n values into len(edges) + 1 bins and one for NaN."""
    return _between(values, np.append(edges, np.inf))


def _between(values: Values, ends: NDArray[np.float64]) -> Counts:
    """Count n values up to each end, the last of which is infinity, and those that are NaN."""
    # To sort and then to look for few ends takes a third of the time of looking for each value.
    counts = np.empty(len(ends) + 1, dtype=np.int64)
    counts[:-1] = np.sort(values).searchsorted(ends, side="right")  # NaN comes last
    counts[-1] = len(values)
    counts[1:] -= counts[:-1].copy()
    return counts


def watch_number(
    values: Values,
    bins: int,
    labels: tuple[str, str] | None = None,
    slack: float = 0.0,
    **named: Any,
) -> Watched:
    """Make bins of equal frequency for a number, as far as its values can be cut so.

    Args:
        values: n values of the reference, NaN where missing.
        bins: How many, at most.
        labels: Of a boolean, what 0 and 1 are called.
        slack: How far above an edge a value, of 1 or more in relation to it, still belongs below.
        named: The fields of `Watched` that say what it is.
    """
    known = values[~np.isnan(values)].astype(np.float64)
    ranks = np.arange(1, FINE) / FINE
    cuts = np.quantile(known, ranks, method="inverted_cdf") if len(known) else np.zeros(0)
    cuts = cuts + slack * np.maximum(1, np.abs(cuts))
    steps = (np.arange(1, bins) * FINE / bins).round().astype(int) - 1
    edges, fine = np.unique(cuts[steps] if len(cuts) else cuts), np.unique(cuts)
    if len(edges) > 1 and len(known) and edges[-1] >= known.max():
        edges = edges[:-1]  # above it there is nothing
    texts = [f"{edge:.6g}" for edge in edges]
    words = [f"up to {texts[0]}"] if texts else []
    words += [f"{low} to {high}" for low, high in pairwise(texts)]
    words.append(f"over {texts[-1]}" if texts else "any")
    if labels is not None and len(words) == 2:
        words = list(labels)
    return Watched(
        **named,
        edges=tuple(edges.tolist()),
        fine=tuple(fine.tolist()),
        labels=(*words, MISSING),
        counts=tuple(in_bins(values, edges).tolist()),
        fine_counts=tuple(in_bins(values, fine).tolist()),
    )


def watch_category(values: Values, levels: tuple[str, ...], most: int, **named: Any) -> Watched:
    """Make a bin for each of the most frequent categories.

    Args:
        values: n positions in `levels`, NaN where missing.
        levels: What the positions mean.
        most: Categories with a bin of their own.
        named: The fields of `Watched` that say what it is.
    """
    positions = values[~np.isnan(values)].astype(np.int64)
    tally = np.bincount(positions, minlength=len(levels))
    codes = np.argsort(-tally, kind="stable")[:most]
    labels = (*(levels[code] for code in codes), OTHER, NEW)
    empty = Watched(**named, codes=tuple(codes.tolist()), labels=labels, counts=(0,) * len(labels))
    return empty.model_copy(update={"counts": tuple(empty.count(values).tolist())})
