"""The only place that wires: split, fit on the training rows, transform, write.

Two passes over the raw table, batch by batch: the first checks it and fits, the second writes
data/processed/{train,val,test}.parquet. Memory depends on `data.batch_rows`, not on the file.
"""

import json
import logging
import os
import shutil
import tempfile
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
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
from .preprocessor import Input, Plan, Source
from .transforms import encode_category, encode_datetime, encode_number

log = logging.getLogger(__name__)
SPLITS = ("train", "val", "test")
ROW, TARGET = "__row", "__target"
GOLDEN_ROWS = 20


@dataclass(frozen=True)
class Summary:
    """What preprocessing did; stored as data/processed/summary.json."""

    rows: dict[str, int]  # train, val, test
    raw_rows: int
    missing_target: int  # rows without a target: left out
    unseen_class: int  # rows of val or test whose class no training row has: left out
    data_sha256: str
    schema_hash: str
    plan_hash: str
    golden: list[dict[str, Any]]  # a few raw rows, to check a served model with


@dataclass(frozen=True)
class _Batch:
    typed: pl.DataFrame
    split: np.ndarray  # (n,) 0, 1, 2 = train, val, test
    row: pl.Series  # number in the raw file, from 0


def run(config: Config) -> Summary:
    """Turn the ingested table into train, validation and test sets and a fitted plan.

    Raises:
        UserError: The table breaks its schema, a split would be empty, a feature reproduces the
            target, or settings name columns that are not there. Nothing has been written then.
    """
    schema = load_schema(config.paths.schema_)
    _check_settings(config, schema)
    path, entry = ingest.raw_file(config)
    statistics, missing, classes = _fit(config, schema, path)
    plan = _plan(config, schema, statistics, classes)
    sample = statistics.sample.frame()
    _refuse_leaks(plan, sample, config.features.trusted)
    names = list(plan.columns)
    golden = [_plain(row) for row in sample.select(names).head(GOLDEN_ROWS).iter_rows(named=True)]

    target = config.paths.processed
    target.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".part-", dir=target))
    try:
        rows, unseen = _write(config, schema, plan, path, folder, entry.rows)
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
            plan_hash=plan.hash,
            golden=golden,
        )
        plan.save(folder / "plan.json")
        write_json(folder / "summary.json", asdict(summary))
        for name in (*(f"{split}.parquet" for split in SPLITS), "plan.json", "summary.json"):
            os.replace(folder / name, target / name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return summary


def load(config: Config) -> tuple[Plan, Summary]:
    """Return the fitted plan and the summary of what stands in data/processed.

    Raises:
        UserError: Nothing is there, it is mixed from two runs, or it is older than the schema.
    """
    folder = config.paths.processed
    again = "run `preprocess` again"
    try:
        plan = Plan.load(folder / "plan.json")
        summary = Summary(**json.loads((folder / "summary.json").read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} is not there yet: run `preprocess` first") from None
    except (ValueError, TypeError) as error:
        raise UserError(f"{folder}: broken ({error}); {again}") from None
    if summary.plan_hash != plan.hash or any(
        _stamp(folder / f"{split}.parquet") != plan.hash for split in SPLITS
    ):
        raise UserError(f"{folder}: the files are from different runs; {again}")
    if summary.schema_hash != load_schema(config.paths.schema_).hash:
        raise UserError(f"{config.paths.schema_} has changed since; {again}")
    if plan.task != config.task:
        raise UserError(
            f"{folder} was made for {plan.task}, the config says {config.task}; {again}"
        )
    return plan, summary


def read_split(config: Config, split: str) -> pl.DataFrame:
    """Return one of the sets as it was written (all of it: train needs it in memory)."""
    return pl.read_parquet(config.paths.processed / f"{split}.parquet", memory_map=False)


def _stamp(path: Path) -> str | None:
    """Return the hash of the plan that a set was written with."""
    if not path.is_file():
        return None
    return pl.read_parquet_metadata(path).get("plan_hash")


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


def split_rows(config: Config, schema: Schema, typed: pl.DataFrame) -> np.ndarray:
    """Say for each row whether it is train (0), val (1) or test (2)."""
    rule = config.split
    if rule.by == "time":
        assert schema.time is not None
        moment = pl.col(schema.time)
        late = (moment >= rule.val_from).cast(pl.Int8) + (moment >= rule.test_from).cast(pl.Int8)
        return typed.select(late.fill_null(0).alias("s"))["s"].to_numpy()
    if rule.by == "group":
        assert rule.group is not None
        content = typed.select(rule.group)
    else:  # rows of equal content share a fate, so none stands in train and test at once
        content = typed.select(schema.features + ([schema.time] if schema.time else []))
    share = utils.stable_hash(content, rule.seed) / 2**64
    val_from = 1 - rule.val_fraction - rule.test_fraction
    return (share >= val_from).astype(np.int8) + (share >= 1 - rule.test_fraction)


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
            train = known & pl.Series(split_rows(config, schema, typed) == 0)
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
) -> Plan:
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
            inputs.append(Input(name=name, kind="category", source=source, levels=levels))
        else:
            inputs.append(
                Input(
                    name=name,
                    kind="number",
                    source=source,
                    median=medians[name] or 0.0,
                    mean=means[name] or 0.0,
                    std=stds[name] or 0.0,
                )
            )
    needed = needed_columns(schema.features, config.features.derived)
    return Plan(
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


def _refuse_leaks(plan: Plan, sample: pl.DataFrame, trusted: tuple[str, ...]) -> None:
    """Raise where one input alone tells the target."""
    names = [item.name for item in plan.inputs]
    found = suspects(plan.encode(sample), names, plan.categorical, sample[plan.target], plan.task)
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
    config: Config, schema: Schema, plan: Plan, path: Path, folder: Path, total: int
) -> tuple[dict[str, int], int]:
    """Second pass: encode the rows and write the three sets."""
    metadata = {"plan_hash": plan.hash, "schema_hash": schema.hash}
    keep = [*plan.ids, *([plan.time] if plan.time else [])]
    group = [config.split.group] if config.split.group else []
    columns = [*plan.columns, *keep, *group, plan.target]
    encoded = [*keep, _target(plan).alias(TARGET), *plan.expressions()]
    rows = dict.fromkeys(SPLITS, 0)
    unseen = start = 0
    with ExitStack() as stack:
        writers = [
            stack.enter_context(utils.ParquetWriter(folder / f"{split}.parquet", metadata))
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
            split = pl.Series(split_rows(config, schema, typed))
            for i, (name, writer) in enumerate(zip(SPLITS, writers, strict=True)):
                part = coded.filter(usable & (split == i))
                rows[name] += part.height
                writer.write(part)
            bar.update(typed.height)
    return rows, unseen


def _target(plan: Plan) -> pl.Expr:
    """The target as float32: the number, or the position of its class; NaN where there is none."""
    if plan.classes is None:
        return encode_number(pl.col(plan.target))
    return encode_category(pl.col(plan.target).cast(pl.String), plan.classes)
