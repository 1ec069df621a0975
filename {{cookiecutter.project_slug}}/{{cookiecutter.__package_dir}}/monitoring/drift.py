"""`drift FILE`: a table, or a log of predictions, held against what a version has learned."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ..config import Config
from ..data import tables
from ..data.checks import cast, require_columns, row_problems
from ..data.ingest import local_table
from ..data.lookups import LookupStore, SecondTables, open_store
from ..data.utils import ahead
from ..errors import UserError
from ..models.model_io import ModelVersion
from ..models.registry import ModelRegistry
from ..utils.files import atomic_folder, write_json
from . import drift_report
from .comparison import Comparison, compare
from .reference import Reference, open_reference, outputs
from .settings import load_settings

FOLDER = "drift"
LOG_ENDINGS = (".jsonl", ".ndjson")


class Tally:
    """Rows counted into the bins of a reference; tallies of parts add up to that of the whole."""

    def __init__(
        self, model: ModelVersion, reference: Reference, store: LookupStore | None = None
    ) -> None:
        self.model, self.watched = model, reference.watched
        self.second = SecondTables(model.preprocessor.lookups, store)
        self.counts = [np.zeros(len(one.labels), dtype=np.int64) for one in self.watched]
        self.fine = [np.zeros(len(one.fine_counts), dtype=np.int64) for one in self.watched]
        self.rows = self.left_out = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Count a batch as it was read; rows that cannot be predicted are left out."""
        preprocessor = self.model.preprocessor
        typed, failed = cast(frame, preprocessor.columns)
        typed = self.second.complete(typed)
        good = row_problems(typed, failed, preprocessor.columns)[0].is_null()
        x = preprocessor.transform(typed.filter(good))
        self.rows += len(x)
        self.left_out += frame.height - len(x)
        if not len(x):
            return
        y_pred = self.model.predictor.predict(x)
        predicted = outputs(y_pred, preprocessor.classes, self.model.metadata.threshold)
        for i, one in enumerate(self.watched):
            values = predicted[one.name] if one.position is None else x[:, one.position]
            if one.fine:
                fine = one.count_fine(values)
                self.fine[i] += fine
                self.counts[i] += one.joined(fine)
            else:
                self.counts[i] += one.count(values)


def run(config: Config, file: Path | None = None) -> Comparison:
    """Compare a file with the champion's reference and write artifacts/drift/.

    Args:
        config: The configuration.
        file: A table with the model's columns, or a log of predictions (.jsonl); None takes
            `data.source`.

    Raises:
        UserError: There is no champion, it has no reference, or the file cannot be read.
    """
    settings = load_settings().drift
    registry = ModelRegistry(config.serve.store, config.serve.cache)
    model = registry.open_champion()
    reference = open_reference(model, registry)
    source = file or local_table(config)
    tally = Tally(model, reference, open_store(config.features.lookups))
    for frame in ahead(_batches(source, tally.second, model, config.data.batch_rows)):
        tally.add(frame)
    if not tally.rows:
        raise UserError(f"{source}: none of its {tally.left_out:,} rows can be predicted")
    counts = (tally.rows, tally.left_out, tally.counts, tally.fine)
    comparison = compare(model.version, str(source), reference, settings, counts)
    page = drift_report.render(comparison)
    with atomic_folder(config.paths.artifacts / FOLDER, replace=True) as folder:
        write_json(folder / "drift.json", asdict(comparison))
        (folder / "report.html").write_text(page, encoding="utf-8", newline="\n")
    return comparison


def _batches(
    source: Path, second: SecondTables, model: ModelVersion, batch_rows: int
) -> Iterator[pl.DataFrame]:
    columns = list(model.preprocessor.columns)
    if source.name.lower().endswith(LOG_ENDINGS):
        yield from _logged(source, columns, batch_rows)
        return
    require_columns(source, model.preprocessor.columns, second.columns)
    nulls = model.preprocessor.null_values
    yield from tables.iter_batches(source, batch_rows, nulls, columns)


def _logged(source: Path, columns: Sequence[str], batch_rows: int) -> Iterator[pl.DataFrame]:
    """Yield the inputs of a log of predictions, all values as text."""
    import msgspec

    decode = msgspec.json.Decoder(dict[str, Any]).decode
    if not source.is_file():
        raise UserError(f"{source}: no such file", 2)
    rows: list[list[str | None]] = []
    schema = dict.fromkeys(columns, pl.String)
    with source.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                values = decode(line)["input"]
                rows.append([_text(values[name]) for name in columns])
            except (msgspec.DecodeError, KeyError, TypeError):
                raise UserError(
                    f"{source}, line {number}: no prediction with all inputs of the champion; "
                    "serve.prediction_log is the file that has them"
                ) from None
            if len(rows) == batch_rows:
                yield pl.DataFrame(rows, schema=schema, orient="row")
                rows = []
    yield pl.DataFrame(rows, schema=schema, orient="row")


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)
