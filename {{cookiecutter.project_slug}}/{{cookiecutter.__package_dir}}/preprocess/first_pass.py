"""The first pass: check every row, and gather what the preprocessor is fitted from."""

from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from ..data.checks import check, labels_of
from ..data.parts import Part
from ..data.statistics import Statistics
from ..data.violations import Violations
from ..utils.progress import progress
from .preprocessor import InputSpec
from .raw_table import RawTable
from .split import SplitRule, split_rows


@dataclass
class FirstPass:
    """What the first pass gathers of a part; those of two parts merge into one.

    Attributes:
        statistics: Of the training rows.
        violations: What does not fit the schema.
        class_counts: How many training rows each class has; empty for regression.
        missing: Rows without a value, by column of the schema.
    """

    statistics: Statistics
    violations: Violations
    class_counts: Tally[str] = field(default_factory=Tally)
    missing: Tally[str] = field(default_factory=Tally)

    def merge(self, later: "FirstPass") -> "FirstPass":
        """Take in what a later part has."""
        self.statistics.merge(later.statistics)
        self.violations.merge(later.violations)
        self.class_counts.update(later.class_counts)
        self.missing.update(later.missing)
        return self


def fit_part(
    raw: RawTable, specs: Sequence[InputSpec], rule: SplitRule, count_classes: bool, part: Part
) -> FirstPass:
    """Check every row of a part and gather the training rows' statistics."""
    schema = raw.schema
    categories = {item.name: item.raw() for item in specs if item.kind == "category"}
    kept = [schema.target, *schema.features, *([schema.time] if schema.time else [])]
    kept += sorted(raw.second().needed.difference(kept))
    file = "" if part.path == raw.path else part.path.relative_to(raw.path).as_posix()
    first = FirstPass(Statistics(list(categories)), Violations(rows=part.first, file=file))
    with progress(f"check and fit {file}".rstrip(), part.rows, "rows") as bar:
        for row, frame, typed, failed in raw.batches(part):
            seen = typed.select(pl.col(frame.columns))
            check(frame, seen, failed, schema.columns, first.violations)
            known = typed[schema.target].is_not_null()
            first.missing.update(
                {name: typed[name].null_count() for name in schema.columns if name in typed.columns}
            )
            train = known & pl.Series(split_rows(rule, typed) == 0)
            kept_rows = typed.select(kept).filter(train)
            if count_classes:
                labels = kept_rows.select(labels_of(schema.target, schema.columns)).to_series()
                first.class_counts.update(dict(labels.value_counts().iter_rows()))
            first.statistics.add(kept_rows.select(**categories), kept_rows, row.filter(train))
            bar.update(frame.height)
    return first
