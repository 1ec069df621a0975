"""The only place that wires: split, fit on the training rows, transform, write.

Two passes over the raw table, batch by batch: the first checks it and fits, the second writes
data/processed/{train,val,test}.parquet. Memory depends on `data.batch_rows`, not on the file.
"""

import os
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from ..config import Config
from ..data import ingest, tables
from ..data.checks import cast, check, check_names, labels_of
from ..data.lookups import SecondTables, second_tables
from ..data.schema import Schema, class_labels, load_schema, value_kinds
from ..data.statistics import Statistics
from ..data.utils import ahead, plain_rows
from ..data.violations import Violations
from ..errors import UserError
from ..features.known import trace_features
from ..utils.files import temporary_folder, write_json
from ..utils.progress import progress
from .leak_check import refuse_leaks, shifted_leaks
from .preprocessor import InputSpec, Preprocessor, input_specs
from .processed import KEY, PREPROCESSOR, ROW, SUMMARY, TARGET, Summary, set_path
from .settings_check import check_settings
from .split import SPLITS, SplitRule, row_keys, split_keys, split_rows, split_rule
from .transforms import encode_category, encode_datetime, encode_number

GOLDEN_ROWS = 20


@dataclass(frozen=True)
class RawTable:
    """The ingested table, and how it is read."""

    path: Path
    schema: Schema
    batch_rows: int
    rows: int
    second: SecondTables

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[tuple[Any, Any, Any]]:
        """Give each batch as read, typed and complete, and the masks of unreadable values."""
        nulls = self.schema.null_values
        for frame in ahead(tables.iter_batches(self.path, self.batch_rows, nulls, columns)):
            typed, failed = cast(frame, self.schema.columns)
            yield frame, self.second.complete(typed), failed


@dataclass
class FirstPass:
    """What the first pass gathers.

    Attributes:
        statistics: Of the training rows.
        class_counts: How many training rows each class has; empty for regression.
        missing: Rows without a value, by column of the schema.
    """

    statistics: Statistics
    class_counts: Tally[str]
    missing: Tally[str] = field(default_factory=Tally)


def run(config: Config, hashed: Sequence[str] | None = None) -> Summary:
    """Turn the ingested table into train, validation and test sets and a fitted preprocessor.

    Args:
        config: The configuration.
        hashed: The columns that a random split hashed before, so that it stays as it was.

    Raises:
        UserError: The table breaks its schema, a split would be empty, a feature has a mistake or
            reproduces the target, or settings name columns that are not there. Nothing has been
            written then.
    """
    schema = load_schema(config.paths.schema_)
    check_settings(config.task, config.split, config.features.derived, schema)
    path, entry = ingest.raw_file(config)
    second = second_tables(config.features.lookups, schema)
    raw = RawTable(path, schema, config.data.batch_rows, entry.rows, second)
    derived = trace_features(config.features.derived, value_kinds(schema.columns))
    specs = input_specs(schema, derived)
    rule = split_rule(config.split, schema, hashed)
    first = _first_pass(raw, specs, rule, config.task == "classification")
    preprocessor = Preprocessor(
        task=config.task,
        target=schema.target,
        classes=_classes(raw, first) if config.task == "classification" else None,
        ids=tuple(schema.ids),
        time=schema.time,
        null_values=schema.null_values,
        columns=schema.subset(
            {*schema.features, *second.needed}.union(*(one.columns for one in derived.values()))
        ),
        inputs=_fit(specs, schema, first.statistics, config.features.max_categories),
        schema_hash=schema.hash,
        lookups=dict(second.lookups),
    )
    sample = first.statistics.sample.frame()
    near = refuse_leaks(preprocessor, sample, config.features.trusted)
    golden = plain_rows(sample.select(list(preprocessor.columns)).head(GOLDEN_ROWS))
    with temporary_folder(config.paths.processed / "sets") as folder:
        rows, unseen = _second_pass(raw, preprocessor, rule, folder)
        _refuse_empty(rows, first.missing[schema.target], unseen)
        near = shifted_leaks(folder, preprocessor, config.features.trusted) | near
        summary = Summary(
            rows=rows,
            raw_rows=entry.rows,
            missing_target=first.missing[schema.target],
            missing=dict(first.missing),
            unseen_class=unseen,
            data_sha256=entry.sha256,
            schema_hash=schema.hash,
            split=rule,
            max_categories=config.features.max_categories,
            preprocessor_hash=preprocessor.hash,
            near_leaks=near,
            golden=golden,
        )
        preprocessor.save(folder / PREPROCESSOR)
        write_json(folder / SUMMARY, summary.model_dump(mode="json"))
        _publish(folder, config.paths.processed)
    return summary


def _publish(folder: Path, target: Path) -> None:
    """Move what stands in a folder to its place, the summary last."""
    for path in sorted(folder.iterdir(), key=lambda path: path.name == SUMMARY):
        os.replace(path, target / path.name)


def _first_pass(
    raw: RawTable, specs: Sequence[InputSpec], rule: SplitRule, count_classes: bool
) -> FirstPass:
    """Check every row and gather the training rows' statistics."""
    schema = raw.schema
    categories = {item.name: item.raw() for item in specs if item.kind == "category"}
    kept = [schema.target, *schema.features, *([schema.time] if schema.time else [])]
    kept += sorted(raw.second.needed.difference(kept))
    first = FirstPass(Statistics(list(categories)), Tally())
    violations = Violations()
    names = tables.column_names(raw.path)
    check_names(names, schema.columns, violations, looked_up=raw.second.columns)
    if violations:
        raise UserError(violations.message(raw.path))
    with progress("check and fit", tables.count_rows(raw.path), "rows") as bar:
        for frame, typed, failed in raw.batches():
            start = violations.rows
            check(frame, typed.select(pl.col(frame.columns)), failed, schema.columns, violations)
            row = pl.int_range(start, start + typed.height, eager=True).alias(ROW)
            known = typed[schema.target].is_not_null()
            first.missing.update(
                {name: typed[name].null_count() for name in schema.columns if name in typed.columns}
            )
            train = known & pl.Series(split_rows(rule, typed) == 0)
            part = typed.select(kept).filter(train)
            if count_classes:
                labels = part.select(labels_of(schema.target, schema.columns)).to_series()
                first.class_counts.update(dict(labels.value_counts().iter_rows()))
            first.statistics.add(part.select(**categories), part, row.filter(train))
            bar.update(frame.height)
    if violations:
        raise UserError(violations.message(raw.path))
    if first.statistics.rows == 0:
        raise UserError(f"{raw.path}: no rows left for train. Change `split` in the config.")
    return first


def _classes(raw: RawTable, first: FirstPass) -> tuple[str, ...]:
    """Return the classes that the training rows have: in the schema's order, or sorted."""
    counts = first.class_counts
    labels = class_labels(raw.schema.columns[raw.schema.target])
    classes = tuple(name for name in labels if name in counts) if labels else tuple(sorted(counts))
    if len(classes) < 2:
        raise UserError(
            f"{raw.path}: the training rows have one class only ({', '.join(classes)}), and there "
            "is nothing to learn. Change `split` in the config."
        )
    return classes


def _fit(
    specs: Sequence[InputSpec], schema: Schema, statistics: Statistics, max_categories: int
) -> tuple[InputSpec, ...]:
    """Fit the inputs: the levels of categories; median, mean and std of numbers."""
    numbers = []
    for item in specs:
        if item.kind == "number":
            value = item.raw()
            value = encode_datetime(value) if item.source == "datetime" else value
            numbers.append(value.cast(pl.Float64).fill_nan(None).alias(item.name))
    sample = statistics.sample.frame().select(numbers)
    fitted: dict[str, dict[str, Any]] = {
        name: {"levels": counter.most_common(max_categories)}
        for name, counter in statistics.counters.items()
    }
    for column in sample:
        median, mean, std = column.median(), column.mean(), column.std()
        fitted[column.name] = {"median": median or 0.0, "mean": mean or 0.0, "std": std or 0.0}
    return tuple(item.model_copy(update=fitted[item.name]) for item in specs)


def _refuse_empty(rows: dict[str, int], missing: int, unseen: int) -> None:
    """Raise where a set has no rows."""
    empty = [name for name in SPLITS if rows[name] == 0]
    if empty:
        raise UserError(
            f"no rows left for {', '.join(empty)} (rows: {rows}; {missing:,} without a target, "
            f"{unseen:,} with a class that is not in train). Change `split` in the config."
        )


def _second_pass(
    raw: RawTable, preprocessor: Preprocessor, rule: SplitRule, folder: Path
) -> tuple[dict[str, int], int]:
    """Encode the rows and write the three sets.

    Returns:
        The rows of each set, and how many rows are left out since train lacks their class.
    """
    metadata = {"preprocessor_hash": preprocessor.hash, "schema_hash": preprocessor.schema_hash}
    keep = [*preprocessor.ids, *([preprocessor.time] if preprocessor.time else [])]
    columns = [*preprocessor.columns, *keep, *rule.columns, preprocessor.target]
    encoded = [*keep, _target(preprocessor, raw.schema).alias(TARGET), *preprocessor.expressions()]
    rows = dict.fromkeys(SPLITS, 0)
    unseen = start = 0
    with ExitStack() as stack:
        writers = [
            stack.enter_context(tables.ParquetWriter(set_path(folder, split), metadata))
            for split in SPLITS
        ]
        bar = stack.enter_context(progress("transform", raw.rows, "rows"))
        for _, typed, _ in raw.batches(columns):
            row = pl.int_range(start, start + typed.height, eager=True).alias(ROW)
            start += typed.height
            keys = row_keys(rule, typed).alias(KEY)
            # Lazily, so that what several inputs have in common is computed once.
            x = typed.lazy().select(encoded).collect().insert_column(0, row).with_columns(keys)
            usable = x[TARGET].is_not_nan()
            unseen += int((typed[preprocessor.target].is_not_null() & ~usable).sum())
            split = pl.Series(split_keys(rule, keys))
            for i, (name, writer) in enumerate(zip(SPLITS, writers, strict=True)):
                part = x.filter(usable & (split == i))
                rows[name] += part.height
                writer.write(part)
            bar.update(typed.height)
    return rows, unseen


def _target(preprocessor: Preprocessor, schema: Schema) -> pl.Expr:
    """The target as float32: the number, or the position of its class; NaN where there is none."""
    if preprocessor.classes is None:
        return encode_number(pl.col(preprocessor.target))
    return encode_category(labels_of(schema.target, schema.columns), preprocessor.classes)
