"""The only place that wires: split, fit on the training rows, transform, write.

Two passes over the parts of the raw table: the first checks and fits, the second writes the files
of data/processed/{train,val,test}/. Each is a function of one part and a merge, so that parts may
be worked on side by side. Memory depends on `data.batch_rows`, not on the table.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from ..config import Config
from ..data import ingest, tables
from ..data.checks import check_names
from ..data.parts import cut
from ..data.schema import Schema, class_labels, load_schema, value_kinds
from ..data.statistics import Statistics
from ..data.utils import plain_rows
from ..data.violations import Violations
from ..errors import UserError
from ..features.known import trace_features
from ..features.operations import Traced
from ..scale.engine import fold, open_engine
from ..utils.files import temporary_folder, write_json
from .first_pass import FirstPass, fit_part
from .leak_check import refuse_leaks, shifted_leaks
from .preprocessor import InputSpec, Preprocessor, input_specs
from .processed import PREPROCESSOR, SUMMARY, Summary
from .raw_table import RawTable
from .second_pass import Written, write_part
from .settings_check import check_settings
from .split import SPLITS, split_rule
from .transforms import encode_datetime

GOLDEN_ROWS = 20


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
    path, entry = ingest.raw_table(config)
    raw = RawTable(path, schema, config.data.batch_rows, config.features.lookups)
    parts = cut(entry.rows_of(config.paths.raw))
    derived = trace_features(config.features.derived, value_kinds(schema.columns))
    specs = input_specs(schema, derived)
    rule = split_rule(config.split, schema, hashed)
    _refuse_names(raw)
    engine = open_engine(config.scale)
    fit = partial(fit_part, raw, specs, rule, config.task == "classification")
    first = fold(engine, fit, FirstPass.merge, parts)
    _refuse_violations(raw, first)
    preprocessor = _preprocessor(config, raw, derived, specs, first)
    sample = first.statistics.sample.frame()
    near = refuse_leaks(preprocessor, sample, config.features.trusted)
    golden = plain_rows(sample.select(list(preprocessor.columns)).head(GOLDEN_ROWS))
    with temporary_folder(config.paths.processed / "sets") as folder:
        write = partial(write_part, raw, preprocessor, rule, folder)
        written = fold(engine, write, Written.merge, parts)
        _refuse_empty(written, first.missing[schema.target])
        near = shifted_leaks(folder, preprocessor, config.features.trusted) | near
        summary = Summary(
            rows=written.rows,
            raw_rows=entry.rows,
            missing_target=first.missing[schema.target],
            missing=dict(first.missing),
            unseen_class=written.unseen_class,
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


def _preprocessor(
    config: Config,
    raw: RawTable,
    derived: Mapping[str, Traced],
    specs: Sequence[InputSpec],
    first: FirstPass,
) -> Preprocessor:
    """Fit the preprocessor from what the first pass has gathered."""
    schema, second = raw.schema, raw.second()
    return Preprocessor(
        task=config.task,
        target=schema.target,
        classes=_classes(raw, first) if config.task == "classification" else None,
        ids=tuple(schema.ids),
        time=schema.time,
        null_values=schema.null_values,
        columns=schema.subset(
            {*schema.features, *second.needed}.union(*(one.columns for one in derived.values()))
        ),
        inputs=_fit_inputs(specs, schema, first.statistics, config.features.max_categories),
        schema_hash=schema.hash,
        lookups=dict(second.lookups),
    )


def _publish(folder: Path, target: Path) -> None:
    """Move what stands in a folder to its place; what is there counts once its summary is."""
    (target / SUMMARY).unlink(missing_ok=True)
    for path in sorted(folder.iterdir(), key=lambda path: path.name == SUMMARY):
        if path.is_dir():
            shutil.rmtree(target / path.name, ignore_errors=True)
        os.replace(path, target / path.name)


def _refuse_names(raw: RawTable) -> None:
    """Raise where the table's columns are not those of the schema."""
    violations = Violations()
    looked_up = raw.second().columns
    check_names(tables.column_names(raw.path), raw.schema.columns, violations, looked_up=looked_up)
    if violations:
        raise UserError(violations.message(raw.path))


def _refuse_violations(raw: RawTable, first: FirstPass) -> None:
    if first.violations:
        raise UserError(first.violations.message(raw.path))
    if first.statistics.rows == 0:
        raise UserError(f"{raw.path}: no rows left for train. Change `split` in the config.")


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


def _fit_inputs(
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


def _refuse_empty(written: Written, missing: int) -> None:
    """Raise where a set has no rows."""
    rows = written.rows
    empty = [name for name in SPLITS if rows[name] == 0]
    if empty:
        raise UserError(
            f"no rows left for {', '.join(empty)} (rows: {rows}; {missing:,} without a target, "
            f"{written.unseen_class:,} with a class that is not in train). Change `split` in the "
            "config."
        )
