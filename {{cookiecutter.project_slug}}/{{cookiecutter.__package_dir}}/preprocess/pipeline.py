"""The only place that wires: split, fit on the training rows, transform, write.

Two passes over the raw table, batch by batch: the first checks it and fits, the second writes
data/processed/{train,val,test}.parquet. Memory depends on `data.batch_rows`, not on the file.
"""

import os
import shutil
import tempfile
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from ..config import Config
from ..data import ingest
from ..data import tables as utils
from ..data.checks import Violations, cast, check, check_names
from ..data.leaks import suspects
from ..data.schema import Schema, class_labels, load_schema
from ..data.statistics import Statistics
from ..errors import UserError
from ..features import FEATURES, needed_columns
from ..utils.files import write_json
from ..utils.progress import progress
from .preprocessor import InputSpec, Preprocessor, Source
from .processed import PREPROCESSOR, ROW, SUMMARY, TARGET, Summary, set_path
from .split import SPLITS, split_rows, split_rule
from .transforms import encode_category, encode_datetime, encode_number

GOLDEN_ROWS = 20


def run(config: Config) -> Summary:
    """Turn the ingested table into train, validation and test sets and a fitted preprocessor.

    Raises:
        UserError: The table breaks its schema, a split would be empty, a feature reproduces the
            target, or settings name columns that are not there. Nothing has been written then.
    """
    schema = load_schema(config.paths.schema_)
    _check_settings(config, schema)
    path, entry = ingest.raw_file(config)
    statistics, missing, classes = _fit(config, schema, path)
    preprocessor = _plan(config, schema, statistics, classes)
    sample = statistics.sample.frame()
    _refuse_leaks(preprocessor, sample, config.features.trusted)
    names = list(preprocessor.columns)
    golden = [_plain(row) for row in sample.select(names).head(GOLDEN_ROWS).iter_rows(named=True)]

    target = config.paths.processed
    target.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".part-", dir=target))
    try:
        rows, unseen = _write(config, schema, preprocessor, path, folder, entry.rows)
        empty = [name for name in SPLITS if rows[name] == 0]
        if empty:
            raise UserError(
                f"no rows left for {', '.join(empty)} (rows: {rows}; {missing:,} without a target, "
                f"{unseen:,} with a class that is not in train). Change `split` in the config."
            )
        summary = Summary(
            rows=rows,
            raw_rows=entry.rows,
            missing_target=missing,
            unseen_class=unseen,
            data_sha256=entry.sha256,
            schema_hash=schema.hash,
            preprocessor_hash=preprocessor.hash,
            golden=golden,
        )
        preprocessor.save(folder / PREPROCESSOR)
        write_json(folder / SUMMARY, asdict(summary))
        for path in sorted(folder.iterdir(), key=lambda path: path.name == SUMMARY):
            os.replace(path, target / path.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return summary


def _check_settings(config: Config, schema: Schema) -> None:
    target = schema.columns[schema.target]
    if config.task == "regression" and target.type not in ("integer", "float"):
        raise UserError(
            f"task: regression needs a number, but {schema.target} is a {target.type} column", 2
        )
    if config.task == "classification" and target.type == "float":
        raise UserError(
            f"task: classification needs classes, but {schema.target} is a float column", 2
        )
    if config.split.by == "time" and schema.time is None:
        raise UserError("split.by: time needs a column with role: time in the schema", 2)
    if config.split.by == "group" and config.split.group not in schema.columns:
        raise UserError(f"split.group: the schema has no column {config.split.group!r}", 2)
    allowed = {*schema.features, *([schema.time] if schema.time else [])}
    for name in config.features.derived:
        if name not in FEATURES:
            known = ", ".join(FEATURES)
            raise UserError(
                f"features.derived: no feature {name!r} in features/feature_funcs.py "
                f"(there: {known})",
                2,
            )
        if name in schema.columns:
            raise UserError(f"derived feature {name!r} has the name of a column; rename it", 2)
        for column in FEATURES[name].columns:
            if column not in schema.columns:
                raise UserError(
                    f"derived feature {name!r} needs column {column!r}, which the schema lacks", 2
                )
            if column not in allowed:
                role = schema.columns[column].role
                raise UserError(
                    f"derived feature {name!r} uses {column!r}, whose role is {role}: only columns "
                    "known at prediction time (feature, time) may become features",
                    2,
                )


def _batches(
    config: Config, schema: Schema, path: Path, columns: Sequence[str] | None = None
) -> Iterator[tuple[pl.DataFrame, Any, Any]]:
    batches = utils.iter_batches(path, config.data.batch_rows, schema.null_values, columns)
    for frame in utils.ahead(batches):
        yield frame, *cast(frame, schema.columns)


def _inputs(config: Config, schema: Schema) -> tuple[dict[str, pl.Expr], dict[str, pl.Expr]]:
    """Return the inputs that are numbers and those that are categories, before encoding."""
    types = {name: column.type for name, column in schema.columns.items()}
    numbers, categories = {}, {}
    for name in schema.features:
        if types[name] in ("category", "string"):
            categories[name] = pl.col(name)
        else:
            numbers[name] = (
                encode_datetime(pl.col(name)) if types[name] == "datetime" else pl.col(name)
            )
    for name in config.features.derived:
        kind = categories if FEATURES[name].kind == "category" else numbers
        kind[name] = FEATURES[name].expression(types)
    return numbers, categories


def _fit(
    config: Config, schema: Schema, path: Path
) -> tuple[Statistics, int, tuple[str, ...] | None]:
    """First pass: check the rows and gather the training rows' statistics."""
    _, categories = _inputs(config, schema)
    statistics = Statistics(list(categories))
    violations = Violations()
    check_names(utils.column_names(path), schema.columns, violations)
    if violations:
        raise UserError(violations.message(path))
    raw = [schema.target, *schema.features, *([schema.time] if schema.time else [])]
    missing = 0
    seen: Tally[str] = Tally()
    with progress("check and fit", utils.count_rows(path), "rows") as bar:
        for frame, typed, failed in _batches(config, schema, path):
            start = violations.rows
            check(frame, typed, failed, schema.columns, violations)
            row = pl.int_range(start, start + typed.height, eager=True).alias(ROW)
            known = typed[schema.target].is_not_null()
            missing += typed.height - int(known.sum())
            train = known & pl.Series(split_rows(split_rule(config.split, schema), typed) == 0)
            part = typed.select(raw).filter(train)
            if config.task == "classification":
                tally = part[schema.target].value_counts()
                seen.update(dict(tally.cast({schema.target: pl.String}).iter_rows()))
            statistics.add(part.select(**categories), part, row.filter(train))
            bar.update(frame.height)
    if violations:
        raise UserError(violations.message(path))
    if statistics.rows == 0:
        raise UserError(f"{path}: no rows left for train. Change `split` in the config.")
    classes = None
    if config.task == "classification":
        listed = class_labels(schema.columns[schema.target])
        classes = tuple(name for name in listed if name in seen) if listed else tuple(sorted(seen))
        if len(classes) < 2:
            raise UserError(
                f"{path}: the training rows have one class only ({', '.join(classes)}), and there "
                "is nothing to learn. Change `split` in the config."
            )
    return statistics, missing, classes


def _plan(
    config: Config, schema: Schema, statistics: Statistics, classes: tuple[str, ...] | None
) -> Preprocessor:
    numbers, categories = _inputs(config, schema)
    sample = statistics.sample.frame().select(
        expression.cast(pl.Float64).fill_nan(None).alias(name)
        for name, expression in numbers.items()
    )
    medians, means, stds = (
        part.row(0, named=True) for part in (sample.median(), sample.mean(), sample.std())
    )
    inputs = []
    for name in [*schema.features, *config.features.derived]:
        source = _source(schema, name)
        if name in categories:
            levels = statistics.counters[name].most_common(config.features.max_categories)
            inputs.append(InputSpec(name=name, kind="category", source=source, levels=levels))
        else:
            inputs.append(
                InputSpec(
                    name=name,
                    kind="number",
                    source=source,
                    median=medians[name] or 0.0,
                    mean=means[name] or 0.0,
                    std=stds[name] or 0.0,
                )
            )
    needed = needed_columns(schema.features, config.features.derived)
    return Preprocessor(
        task=config.task,
        target=schema.target,
        classes=classes,
        ids=tuple(schema.ids),
        time=schema.time,
        null_values=schema.null_values,
        columns=schema.subset(sorted(needed)),
        inputs=tuple(inputs),
        schema_hash=schema.hash,
    )


def _source(schema: Schema, name: str) -> Source:
    """Say how an input's raw column is read."""
    if name not in schema.columns:
        return "derived"
    sources: dict[str, Source] = {
        "boolean": "boolean",
        "datetime": "datetime",
        "category": "category",
        "string": "category",
    }
    return sources.get(schema.columns[name].type, "number")


def _refuse_leaks(
    preprocessor: Preprocessor, sample: pl.DataFrame, trusted: tuple[str, ...]
) -> None:
    """Raise where one input alone tells the target."""
    names = [item.name for item in preprocessor.inputs]
    found = suspects(
        preprocessor.transform(sample),
        names,
        preprocessor.categorical,
        sample[preprocessor.target],
        preprocessor.task,
    )
    if found := [pair for pair in found if pair[0] not in trusted]:
        lines = [
            f"  {name}: score {score:.4f} of 1 without any other column" for name, score in found
        ]
        raise UserError(
            "a feature reproduces the target, as a column does that is known only afterwards:\n"
            + "\n".join(lines)
            + "\nGive it role: leak in the schema. If it really is known at prediction time, list "
            "it under features.trusted in the config."
        )


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in row.items()}


def _write(
    config: Config, schema: Schema, preprocessor: Preprocessor, path: Path, folder: Path, total: int
) -> tuple[dict[str, int], int]:
    """Second pass: encode the rows and write the three sets."""
    metadata = {"preprocessor_hash": preprocessor.hash, "schema_hash": schema.hash}
    keep = [*preprocessor.ids, *([preprocessor.time] if preprocessor.time else [])]
    rule = split_rule(config.split, schema)
    columns = [*preprocessor.columns, *keep, *rule.columns, preprocessor.target]
    encoded = [*keep, _target(preprocessor).alias(TARGET), *preprocessor.expressions()]
    rows = dict.fromkeys(SPLITS, 0)
    unseen = start = 0
    with ExitStack() as stack:
        writers = [
            stack.enter_context(utils.ParquetWriter(set_path(folder, split), metadata))
            for split in SPLITS
        ]
        bar = stack.enter_context(progress("transform", total, "rows"))
        for _, typed, _ in _batches(config, schema, path, columns):
            row = pl.int_range(start, start + typed.height, eager=True).alias(ROW)
            start += typed.height
            # Lazily, so that what several inputs have in common is computed once.
            coded = typed.lazy().select(encoded).collect().insert_column(0, row)
            usable = coded[TARGET].is_not_nan()
            unseen += int((typed[schema.target].is_not_null() & ~usable).sum())
            split = pl.Series(split_rows(split_rule(config.split, schema), typed))
            for i, (name, writer) in enumerate(zip(SPLITS, writers, strict=True)):
                part = coded.filter(usable & (split == i))
                rows[name] += part.height
                writer.write(part)
            bar.update(typed.height)
    return rows, unseen


def _target(preprocessor: Preprocessor) -> pl.Expr:
    """The target as float32: the number, or the position of its class; NaN where there is none."""
    if preprocessor.classes is None:
        return encode_number(pl.col(preprocessor.target))
    return encode_category(pl.col(preprocessor.target).cast(pl.String), preprocessor.classes)
