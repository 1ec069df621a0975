"""From a table nobody has described to a schema: types, roles, ranges and allowed values.

They are read off a random sample, then checked and widened over the whole file. What is a guess
(ids, leaks, dates, free text) is said in a note. `scaffold` writes it all down.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from ..errors import UserError
from . import tables
from .checks import cast
from .column_guess import (
    CATEGORIES,
    CLASSES,
    Guess,
    guess_column,
    read_sample,
    widen,
)
from .guess_notes import merge_spellings, name_odd_texts
from .leaks import SHIFT_ROWS, Floats, Suspect, shifted, suspects
from .schema import Column, Schema
from .written import BOOLEANS

Task = Literal["classification", "regression"]
POSITIVE = {
    "yes", "y", "ja", "j", "oui", "si", "sí", "true", "t", "positive", "pos", "churn", "churned",
}  # fmt: skip
LISTED_CATEGORIES = 30  # up to here the allowed values are written down


@dataclass(frozen=True)
class InferredSchema:
    """A table's schema, and what it was inferred from.

    Attributes:
        schema: Columns with types, roles, ranges and allowed values.
        guesses: What is known of each column, with notes.
        task: What the target asks for.
        classes: The number of classes; 0 for regression.
        rows: Rows of the table.
        sample: A random sample of them, typed by the schema.
    """

    schema: Schema
    guesses: dict[str, Guess]
    task: Task
    classes: int
    rows: int
    sample: pl.DataFrame

    @property
    def known(self) -> pl.DataFrame:
        """The sampled rows that have a target."""
        return self.sample.filter(pl.col(self.schema.target).is_not_null())

    @property
    def notes(self) -> list[str]:
        """What a person should look at, a line for each column that has something."""
        return [
            f"{name}: role {guess.role}: {guess.note}"
            if guess.role != "feature"
            else f"{name}: {guess.note}"
            for name, guess in self.guesses.items()
            if guess.note
        ]


def infer(file: Path, target: str) -> InferredSchema:
    """Infer the schema of a table.

    Args:
        file: CSV or parquet.
        target: The column to predict.

    Raises:
        UserError: The file cannot be read, or the target is missing or cannot be learned.
    """
    names = tables.column_names(file)
    if target not in names:
        raise UserError(
            f"{file} has no column {target!r} (there: {', '.join(map(repr, names))})", 2
        )
    if taken := [name for name in names if name.startswith("__")]:
        raise UserError(f"{file}: column names must not start with __: {', '.join(taken)}")
    sample, rows, nulls = read_sample(file)
    guesses = {name: guess_column(sample[name], name == target) for name in names}
    widen(file, nulls, guesses)
    for guess in guesses.values():
        merge_spellings(guess)
        name_odd_texts(guess)
    task, classes = _task(file, guesses[target], target, rows)
    guesses[target].role = "target"
    _set_roles(sample, rows, guesses)
    schema = _schema(nulls, guesses, task, target)
    typed, _ = cast(sample, schema.columns)
    inferred = InferredSchema(schema, guesses, task, classes, rows, typed)
    if inferred.known.height < 10:
        raise UserError(f"{file}: only {inferred.known.height} rows have a value in {target!r}")
    for suspect in _leaks(file, inferred):
        guesses[suspect.name].note = suspect.note
        if suspect.refused:
            guesses[suspect.name].role = "leak"
    return replace(inferred, schema=_schema(nulls, guesses, task, target))


def _task(file: Path, guess: Guess, target: str, rows: int) -> tuple[Task, int]:
    """Return the task that the target asks for and the number of its classes."""
    column = guess.column
    if guess.role == "ignore":
        raise UserError(f"{file}: the target {target!r} cannot be predicted: {guess.note}", 2)
    if column.is_boolean:
        return "classification", 2
    if column.is_datetime:
        raise UserError(f"{file}: the target {target!r} is a date; predict a number or a class", 2)
    distinct = len(guess.values.counts)
    few = min(CLASSES, max(2, rows // 10))  # whole numbers: up to here they are classes
    if column.is_float or (column.is_integer and distinct > few):
        return "regression", 0
    if distinct > CATEGORIES // 10:
        raise UserError(f"{file}: the target {target!r} has {distinct:,} different texts", 2)
    if distinct < 2:
        raise UserError(f"{file}: the target {target!r} never varies; there is nothing to learn", 2)
    return "classification", distinct


def _set_roles(sample: pl.DataFrame, rows: int, guesses: dict[str, Guess]) -> None:
    """Name ids, free text, constants and the time column."""
    times = []
    for name, guess in guesses.items():
        if guess.role != "feature":
            continue
        column = sample[name].drop_nulls()
        distinct = column.n_unique()
        unique = distinct == column.len() and column.len() >= min(20, rows)
        if distinct < 2 and not guess.missing:
            guess.role, guess.note = "ignore", "never varies"
        elif guess.column.is_category and distinct > min(CATEGORIES, max(20, column.len() / 2)):
            _not_a_category(guess, column, unique)
        elif guess.column.is_integer and unique and not guess.missing:
            consecutive = guess.high - guess.low + 1 == rows
            named = re.search(r"(^|[^a-z])(id|key|index|no|nr|number|uuid)$", name.lower())
            if consecutive or named or name == "":
                guess.role, guess.note = "id", "a different whole number in every row"
        elif guess.column.is_datetime and not guess.missing:
            times.append((name, distinct))
    if times:
        name = max(times, key=lambda pair: pair[1])[0]
        guesses[name].role = "time"
        guesses[name].note = guesses[name].note or "taken as the moment of prediction"


def _not_a_category(guess: Guess, column: pl.Series, unique: bool) -> None:
    """Say what a column of too many texts is: an id, numbers written oddly, or free text."""
    guess.type = "string"
    text = column.cast(pl.String)
    words = text.str.count_matches(r"\s").mean()
    if unique and isinstance(words, float) and words < 1:
        guess.role, guess.note = "id", "a different text in every row"
    else:
        guess.role, guess.note = "ignore", "free text: make numbers of it to use it"


def _schema(nulls: tuple[str, ...], guesses: dict[str, Guess], task: Task, target: str) -> Schema:
    columns = {}
    for name, guess in guesses.items():
        values = sorted(guess.values.counts)
        details: dict[str, Any] = {}
        column = guess.column
        if name == target and task == "classification" and not column.is_boolean:
            if column.is_integer:
                details["values"] = tuple(sorted(int(value) for value in values))
            else:
                details["values"] = tuple(_positive_last(values))
        elif column.is_boolean:
            details["values"] = _spellings(guess)
        elif column.is_category and len(values) <= LISTED_CATEGORIES:
            details["values"] = tuple(values)
        elif column.is_number and guess.role == "feature":
            details["min"], details["max"] = allowed_range(guess)
        columns[name] = Column(
            type=guess.type,
            role=guess.role,
            nullable=guess.missing > 0,
            format=guess.format,
            number_format=guess.number_format,
            null_values=guess.odd,
            normalize=guess.normalize,
            **details,
        )
    if not any(column.role == "feature" for column in columns.values()):
        raise _nothing_left(columns)
    return Schema(null_values=nulls, on_unseen="answer", columns=columns)


def _nothing_left(columns: dict[str, Column]) -> UserError:
    """Say that there is no feature, and what to do about it."""
    time = next((name for name, column in columns.items() if column.role == "time"), None)
    if time is None:
        return UserError("no column is left to learn from: all are ids, free text or constant")
    return UserError(
        f"no column is left to learn from but {time!r}, along which rows are split in time: add "
        "columns of what is known at that moment, such as its month, its weekday or the value of "
        "the week before"
    )


def _spellings(guess: Guess) -> tuple[str, str] | None:
    """Return how a table writes false and true most often; None where that is as usual."""
    common = guess.values.most_common(len(guess.values.counts))
    false = next((text for text in common if not BOOLEANS[text.lower()]), "")
    true = next((text for text in common if BOOLEANS[text.lower()]), "")
    known = false and true and (false, true) != ("false", "true")
    return (false, true) if known else None


def _positive_last(values: list[str]) -> list[str]:
    """Order two class names so that the last is the positive one, as precision and recall ask."""
    return sorted(values, key=lambda value: (value.strip().lower() in POSITIVE, value))


def allowed_range(guess: Guess) -> tuple[float | None, float | None]:
    """Return the range to allow: that of the file, widened by half its width to each side."""
    if guess.low is None:
        return None, None
    margin = (guess.high - guess.low) / 2
    low, high = guess.low - margin, guess.high + margin
    if guess.low >= 0:
        low = max(low, 0)
    if guess.high <= 0:
        high = min(high, 0)
    if guess.column.is_integer:
        return max(int(np.floor(low)), -(2**63)), min(int(np.ceil(high)), 2**63 - 1)
    return float(f"{low:.6g}"), float(f"{high:.6g}")


def _leaks(file: Path, inferred: InferredSchema) -> list[Suspect]:
    """Return the features that tell the target, or nearly, all by themselves."""
    schema, known = inferred.schema, inferred.known
    categorical = [i for i, name in enumerate(schema.features) if known[name].dtype == pl.String]
    found = suspects(
        _numbers(known, schema), schema.features, categorical, known[schema.target], inferred.task
    )
    first = tables.first_rows(file, SHIFT_ROWS, schema.null_values)
    head = cast(first, schema.columns)[0].with_row_index("__row")
    head = head.filter(pl.col(schema.target).is_not_null())
    row = head["__row"].cast(pl.Int64).to_numpy()
    x = _numbers(head, schema)
    named = {one.name for one in found}
    nearby = shifted(x, schema.features, head[schema.target], row, inferred.task)
    return [*found, *(one for one in nearby if one.name not in named)]


def _numbers(frame: pl.DataFrame, schema: Schema) -> Floats:
    """Return the features as an array (n, k), texts as ranks."""
    columns = []
    for name in schema.features:
        column = frame[name]
        if column.dtype == pl.String:
            column = column.rank("dense")
        elif column.dtype.is_temporal():
            column = column.dt.epoch("s")
        number = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        columns.append(number.astype(np.float32))
    return np.column_stack(columns)
