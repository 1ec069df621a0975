"""Statistics of a stream of batches: bounded memory, and two of them merge into one.

So the fit over a file, and later over partitions of it, is a fold.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import polars as pl

from .utils import stable_hash

SAMPLE_ROWS = 50_000
COUNTER_LIMIT = 100_000


@dataclass
class Counter:
    """How often each text occurs, for one column.

    Beyond `COUNTER_LIMIT` distinct texts the rarest are forgotten, so memory stays bounded and the
    frequent ones, the only ones that become categories, stay right but for rounding.
    """

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, column: pl.Series) -> None:
        """Count the texts of a batch; missing does not count."""
        tally = column.drop_nulls().value_counts(name="n")
        self._add(zip(tally[column.name].to_list(), tally["n"].to_list(), strict=True))

    def merge(self, other: "Counter") -> None:
        """Add another counter's counts."""
        self._add(other.counts.items())

    def _add(self, pairs: Iterable[tuple[str, int]]) -> None:
        counts = self.counts
        for text, n in pairs:
            counts[text] = counts.get(text, 0) + n
        if len(counts) > COUNTER_LIMIT:
            self.counts = dict(self._ranked()[: COUNTER_LIMIT // 2])

    def _ranked(self) -> list[tuple[str, int]]:
        return sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))

    def most_common(self, n: int) -> tuple[str, ...]:
        """Return the n most frequent texts, ties in alphabetical order."""
        return tuple(text for text, _ in self._ranked()[:n])


@dataclass
class Sample:
    """A uniform random sample of rows: those with the smallest hashes of their row numbers.

    Bottom-k sampling (Cohen and Kaplan, 2007): the same rows whatever the batches, and the sample
    of a union is the sample of the samples. Up to `size` rows it is all of them, so its
    means and quantiles are exact for small tables; beyond, a mean is off by about std / sqrt(size)
    and a quantile's rank by 1 / (2 sqrt(size)).
    """

    size: int = SAMPLE_ROWS
    seed: int = 0
    rows: pl.DataFrame | None = None

    def add(self, frame: pl.DataFrame, row_number: pl.Series) -> None:
        """Offer a batch.

        Args:
            frame: n rows.
            row_number: n whole numbers that name the rows over all batches.
        """
        key = stable_hash(row_number.to_frame(), self.seed)
        if self.rows is not None and self.rows.height == self.size:
            keep = key < self.rows["__key"][-1]
            frame, key = frame.filter(keep), key[keep]
        if frame.height or self.rows is None:
            self._merge(frame.with_columns(pl.Series("__key", key)))

    def merge(self, other: "Sample") -> None:
        """Take in another sample of the same size and seed."""
        if other.rows is not None:
            self._merge(other.rows)

    def _merge(self, rows: pl.DataFrame) -> None:
        both = rows if self.rows is None else pl.concat([self.rows, rows], how="vertical_relaxed")
        self.rows = both.sort("__key").head(self.size)

    def frame(self) -> pl.DataFrame:
        """Return the sampled rows, in one piece: in several a mean may be one bit off."""
        return pl.DataFrame() if self.rows is None else self.rows.drop("__key").rechunk()


@dataclass
class Statistics:
    """What the preprocessor is fitted from: how often categories occur, and a sample of rows."""

    categories: Sequence[str]
    counters: dict[str, Counter] = field(init=False)
    sample: Sample = field(default_factory=Sample)
    rows: int = 0

    def __post_init__(self) -> None:
        self.counters = {name: Counter() for name in self.categories}

    def add(self, categories: pl.DataFrame, raw: pl.DataFrame, row_number: pl.Series) -> None:
        """Take in a batch of training rows.

        Args:
            categories: n rows of the named categories.
            raw: The same rows as the sample is to hold them.
            row_number: n whole numbers that name the rows over all batches.
        """
        self.rows += raw.height
        for name, counter in self.counters.items():
            counter.add(categories[name])
        self.sample.add(raw, row_number)

    def merge(self, other: "Statistics") -> None:
        """Take in the statistics of other rows."""
        self.rows += other.rows
        for name, counter in self.counters.items():
            counter.merge(other.counters[name])
        self.sample.merge(other.sample)
