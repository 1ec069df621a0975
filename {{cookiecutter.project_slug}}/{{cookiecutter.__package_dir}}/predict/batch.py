"""Predict a table batch by batch: one row out for each row in, in the same order."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import polars as pl

from ..data import tables
from ..data.checks import cast, require_columns, row_problems
from ..data.column_types import decoded, is_opaque
from ..data.lookups import LookupStore, SecondTables, open_store
from ..data.parts import PARQUET_ENDINGS, WHOLE, is_parquet, is_table, named_files
from ..data.utils import ahead
from ..data.writers import CsvWriter, ParquetWriter, Writer
from ..errors import UserError
from ..models.model_io import ModelVersion, open_version
from ..scale.engine import LOCAL, Engine
from ..utils.classes import predicted_classes
from ..utils.files import atomic_file, atomic_folder
from ..utils.progress import progress

WARNINGS = "warnings"


@dataclass(frozen=True)
class Predicted:
    """What was written.

    Attributes:
        rows: Rows in, and out.
        rejected: Rows that could not be predicted.
        warned: Rows that were, though they break a rule.
        rejects: The file that says why, or None where all could.
    """

    rows: int
    rejected: int
    warned: int
    rejects: Path | None


def run(
    model: ModelVersion,
    source: Path,
    out: Path,
    batch_rows: int = 250_000,
    lookups: str | None = None,
    engine: Engine = LOCAL,
) -> Predicted:
    """Predict every row of a table: a file into a file, a folder of files into a folder.

    The output has the input's id columns, `prediction`, and `probability_<class>` for each class
    (classification) or `lower` and `upper` (regression). A row that cannot be predicted keeps its
    place with an empty prediction, and stands with its reason in `<out>.rejects.csv`. Where columns
    have `on_unseen: answer`, `warnings` names the rules that a predicted row breaks.

    Args:
        model: The model.
        source: CSV or parquet with at least the model's columns; others are passed over. Or a
            folder or pattern of such files.
        out: CSV or parquet to write, or the folder to make; whole or not at all.
        batch_rows: Rows in memory at a time.
        lookups: The module where columns are looked up that the input lacks.
        engine: Works on the files of a folder.

    Raises:
        UserError: The input lacks a column, cannot be read, has ids that are lists or the like, or
            is the output too; a folder to make is there.
    """
    files = named_files(source)
    if WHOLE in files:
        return _predict_file(model, source, out, batch_rows, open_store(lookups))
    _refuse_folder(source, out)
    with atomic_folder(out) as folder:
        work = partial(_predict_part, model.folder, batch_rows, lookups, folder)
        done = list(engine.map(work, list(files.items())))
    rejected = sum(one.rejected for one in done)
    rows, warned = sum(one.rows for one in done), sum(one.warned for one in done)
    return Predicted(rows, rejected, warned, out / "*.rejects.csv" if rejected else None)


def _refuse_folder(source: Path, out: Path) -> None:
    """Raise where the predictions of many files cannot go."""
    if is_table(out):
        raise UserError(f"{source} is many files: name a folder for theirs, not {out.name}", 2)
    if out.exists():
        raise UserError(f"{out} is there already; name a new folder for the predictions", 2)
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise UserError(f"{out} lies in the input; name another folder for the predictions", 2)


def _predict_part(
    version: Path, batch_rows: int, lookups: str | None, out: Path, file: tuple[str, Path]
) -> Predicted:
    """Predict one file of a folder, in whatever process, into the file of its name."""
    name, source = file
    target = out / (name if name.endswith((".csv", *PARQUET_ENDINGS)) else f"{name}.csv")
    return _predict_file(_opened(version), source, target, batch_rows, open_store(lookups))


_opened = lru_cache(1)(open_version)  # a process works on many files


def _predict_file(
    model: ModelVersion, source: Path, out: Path, batch_rows: int, store: LookupStore | None
) -> Predicted:
    preprocessor = model.preprocessor
    is_parquet(out)  # refuses unknown endings before anything is done
    second = SecondTables(preprocessor.lookups, store)
    names = require_columns(source, preprocessor.columns, second.columns)
    if source.resolve() == out.resolve():
        raise UserError(f"{out} is the input; name another file for the predictions", 2)
    ids = [name for name in preprocessor.passed_through if name in names]
    warns = any(column.on_unseen == "answer" for column in preprocessor.columns.values())
    clash = sorted(set(ids) & {*_result(model, None).columns, *[WARNINGS] * warns})
    if clash:
        raise UserError(f"id columns and predictions cannot share a name: {', '.join(clash)}")
    rejects = out.with_name(f"{out.name}.rejects.csv")
    rows = rejected = warned = 0
    with ExitStack() as stack:
        writer = stack.enter_context(_writer(out))
        bar = stack.enter_context(progress("predict", tables.count_rows(source), "rows"))
        errors = stack.enter_context(_writer(rejects))
        wanted = [*preprocessor.columns, *ids]
        batches = tables.iter_batches(source, batch_rows, preprocessor.null_values, wanted)
        for frame in ahead(batches):
            typed, failed = cast(frame, preprocessor.columns)
            typed = second.complete(typed)
            reason, warnings = row_problems(typed, failed, preprocessor.columns)
            bad = reason.is_not_null()
            result = _result(model, typed, bad)
            if warns:
                result = result.with_columns(pl.when(~bad).then(warnings).alias(WARNINGS))
                warned += result[WARNINGS].count()  # not of rows that are refused besides
            named = _ids(frame.select(ids), source)
            writer.write(pl.DataFrame([*named, *result]))
            number = pl.int_range(rows + 1, rows + frame.height + 1, eager=True).alias("row")
            known = named.select(name for name in ids if name != "row")
            errors.write(pl.DataFrame([number, *known, reason]).filter(bad))
            rows += frame.height
            rejected += int(bad.sum())
            bar.update(frame.height)
    if not rejected:
        rejects.unlink()
    return Predicted(rows, rejected, warned, rejects if rejected else None)


def _ids(ids: pl.DataFrame, source: Path) -> pl.DataFrame:
    """Return ids as they can be written; UserError where they are no single values."""
    frame = ids.with_columns(decoded(one) for one in ids if one.dtype == pl.Binary)
    wrong = [f"{one.name!r} ({one.dtype})" for one in frame if is_opaque(one)]
    if wrong:
        raise UserError(
            f"{source}: an id must be a text, a number or a date in each row: {', '.join(wrong)}"
        )
    return frame


def _result(
    model: ModelVersion, typed: pl.DataFrame | None, bad: pl.Series | None = None
) -> pl.DataFrame:
    """Return the result columns for a typed batch; rows that are `bad` are empty.

    Without a batch: no rows, just the columns.
    """
    preprocessor = model.preprocessor
    if typed is None:
        typed = pl.DataFrame(schema=dict.fromkeys(preprocessor.columns, pl.Null))
        predicted = np.zeros((0, preprocessor.width), dtype=np.float32)
        predicted = predicted if preprocessor.classes else predicted[:, 0]
    else:
        predicted = model.predictor.predict_frame(typed)
    if preprocessor.classes is None:
        value = pl.Series("prediction", predicted.astype(np.float64))
        columns = [value]
        if (interval := model.interval) is not None:
            half = pl.Series(interval.half_widths_of(value.to_numpy()))
            columns += [(value - half).alias("lower"), (value + half).alias("upper")]
    else:
        chosen = predicted_classes(predicted, model.metadata.threshold)
        labels = pl.Series(preprocessor.classes, dtype=pl.String)
        columns = [labels.gather(chosen).alias("prediction")]
        for i, name in enumerate(preprocessor.classes):
            columns.append(pl.Series(f"probability_{name}", np.ascontiguousarray(predicted[:, i])))
    result = pl.DataFrame(columns)
    if bad is not None and bad.any():
        result = result.select(pl.when(~bad).then(pl.all()))
    return result


@contextmanager
def _writer(path: Path) -> Iterator[Writer]:
    with atomic_file(path) as temporary:
        kind = ParquetWriter if is_parquet(path) else CsvWriter
        writer: Writer = kind(temporary)
        try:
            yield writer
        finally:
            writer.close()
