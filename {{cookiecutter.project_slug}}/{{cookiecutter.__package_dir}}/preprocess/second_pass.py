"""The second pass: encode the rows, and write those of each set."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ..data.checks import labels_of
from ..data.parts import Part
from ..data.schema import Schema
from ..data.writers import ParquetWriter
from ..utils.progress import progress
from .preprocessor import Preprocessor
from .processed import KEY, TARGET, part_path
from .raw_table import RawTable
from .split import SPLITS, SplitRule, row_keys, split_keys
from .transforms import encode_category, encode_number


@dataclass(frozen=True)
class Written:
    """How many rows of a part each set has, and how many are left out as train lacks their class.

    Those of two parts merge into one.
    """

    rows: dict[str, int]
    unseen_class: int = 0

    def merge(self, later: "Written") -> "Written":
        """Add up both."""
        rows = {name: count + later.rows[name] for name, count in self.rows.items()}
        return Written(rows, self.unseen_class + later.unseen_class)


def write_part(
    raw: RawTable, preprocessor: Preprocessor, rule: SplitRule, folder: Path, part: Part
) -> Written:
    """Encode the rows of a part and write those of each set into a file of its folder."""
    metadata = {"preprocessor_hash": preprocessor.hash, "schema_hash": preprocessor.schema_hash}
    keep = [*preprocessor.ids, *([preprocessor.time] if preprocessor.time else [])]
    columns = [*preprocessor.columns, *keep, *rule.columns, preprocessor.target]
    encoded = [*keep, _target(preprocessor, raw.schema).alias(TARGET), *preprocessor.expressions()]
    rows, unseen = dict.fromkeys(SPLITS, 0), 0
    paths = [part_path(folder, split, part.index) for split in SPLITS]
    with ExitStack() as stack:
        for path in paths:
            path.parent.mkdir(exist_ok=True)
        writers = [stack.enter_context(ParquetWriter(path, metadata)) for path in paths]
        bar = stack.enter_context(progress("transform", part.rows, "rows"))
        for row, _, typed, _ in raw.batches(part, columns):
            keys = row_keys(rule, typed).alias(KEY)
            # Lazily, so that what several inputs have in common is computed once.
            x = typed.lazy().select(encoded).collect().insert_column(0, row).with_columns(keys)
            usable = x[TARGET].is_not_nan()
            unseen += int((typed[preprocessor.target].is_not_null() & ~usable).sum())
            split = pl.Series(split_keys(rule, keys))
            for i, (name, writer) in enumerate(zip(SPLITS, writers, strict=True)):
                chosen = x.filter(usable & (split == i))
                rows[name] += chosen.height
                writer.write(chosen)
            bar.update(typed.height)
    for path, count in zip(paths, rows.values(), strict=True):
        if not count:
            path.unlink()
    return Written(rows, unseen)


def _target(preprocessor: Preprocessor, schema: Schema) -> pl.Expr:
    """The target as float32: the number, or the position of its class; NaN where there is none."""
    if preprocessor.classes is None:
        return encode_number(pl.col(preprocessor.target))
    return encode_category(labels_of(schema.target, schema.columns), preprocessor.classes)
