"""`schema infer`: look at a table nobody has described and write its schema and configuration.

Types, roles, ranges and categories are read off a random sample and then checked and widened over
the whole file, in bounded memory. What is a guess (ids, leaks, dates, free text) is said.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ..errors import UserError
from ..utils.files import sha256, write_text
from ..utils.progress import progress
from ..utils.yaml import update_yaml
from . import tables as utils
from .checks import BOOLEANS, DATETIME_FORMATS, cast
from .leaks import suspects
from .schema import Column, Schema, Type, class_labels
from .statistics import Counter, Sample

NULLS = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "Null", "#N/A", "<NA>")
NULLS_IN_NUMBERS = ("?", "-", "--", ".", "None", "none", "missing", "unknown")
FORMATS = (
    "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S",
    "%Y/%m/%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%d-%m-%Y", "%d-%m-%Y %H:%M", "%b %d, %Y",
)  # fmt: skip
YES = {"yes", "y", "ja", "j", "oui", "si", "sí", "true", "t", "positive", "pos", "churn", "churned"}
BATCH_ROWS = 100_000
LISTED_CATEGORIES = 30  # up to here the allowed values are written down
CATEGORIES = 1_000  # up to here a text column is a category
CLASSES = 20
SLICE_LEVELS = 20
HEADER = """\
# The columns of {name}, as `schema infer` found them. Read it once: a wrong role costs more than a
# wrong number. Ranges are those of the file, widened by half their width.
#
# type: integer, float, boolean, category, string or datetime
# role: feature, target, id, time, leak (known only after the moment of prediction) or ignore
"""


@dataclass
class Guess:
    """What is known of a column so far."""

    type: Type
    role: str = "feature"
    format: str | None = None
    missing: int = 0
    low: Any = None
    high: Any = None
    values: Counter = field(default_factory=Counter)
    note: str = ""


@dataclass(frozen=True)
class Inferred:
    """What was written.

    Attributes:
        schema: The schema's path.
        notes: What a person should look at, a line each.
        kept: Former files under their new names.
    """

    schema: Path
    notes: list[str]
    kept: list[Path]


def run(file: Path, target: str, config: Path) -> Inferred:
    """Write the schema of `file` and point the configuration at it.

    Former files are kept beside the new ones with the ending `.bak`.

    Args:
        file: CSV or parquet.
        target: The column to predict.
        config: The configuration to change; `paths.schema` in it says where the schema goes.

    Raises:
        UserError: The file cannot be read, or the target is missing or cannot be learned.
    """
    from ..config import load_config

    schema_path = load_config(config).paths.schema_
    names = utils.column_names(file)
    if target not in names:
        raise UserError(
            f"{file} has no column {target!r} (there: {', '.join(map(repr, names))})", 2
        )
    if taken := [name for name in names if name.startswith("__")]:
        raise UserError(f"{file}: column names must not start with __: {', '.join(taken)}")
    sample, rows, nulls = _sample(file)
    guesses = {name: _guess(sample[name], name == target) for name in names}
    _widen(file, nulls, guesses)
    task, classes = _task(file, guesses[target], target, rows)
    guesses[target].role = "target"
    _roles(sample, rows, guesses)
    schema = _schema(nulls, guesses, task, target)
    typed, _ = cast(sample, schema.columns)
    known = typed.filter(pl.col(target).is_not_null())
    if known.height < 10:
        raise UserError(f"{file}: only {known.height} rows have a value in {target!r}")
    for name, score in _leaks(known, schema, task):
        guesses[name].role = "leak"
        guesses[name].note = f"tells the target all by itself (score {score:.3f} of 1)"
    schema = _schema(nulls, guesses, task, target)
    split, split_note = _split(known, schema, classes, rows)
    text = _yaml(schema, guesses, file.name)
    settings = {
        "task": task,
        "data.source": _relative(file),
        "data.sha256": sha256(file),
        **{f"split.{key}": value for key, value in split.items()},
        "features.derived": _flow([]),
        "features.trusted": None,
        "evaluate.slices": _flow(_slices(guesses)),
    }
    outdated = (Path("model_card.md"), Path("EDA_DECISIONS.md"))  # they speak of another table
    kept = [_keep(path) for path in (schema_path, config) if path.exists()]
    kept += [_keep(path, move=True) for path in outdated if path.exists()]
    write_text(schema_path, text)
    update_yaml(config, settings)
    write_text(Path("EDA_DECISIONS.md"), _decisions(file.name, rows, guesses, typed))
    notes = [f"{task}: predict {target!r} from {len(schema.features)} columns, {split_note}"]
    if classes == 2 and (listed := class_labels(schema.columns[target])):
        notes.append(
            f"{target}: {listed[-1]!r} counts as the yes (precision, recall, threshold); swap "
            f"`values` in {schema_path} to turn it round"
        )
    notes += [
        f"{name}: role {guess.role}: {guess.note}"
        if guess.role != "feature"
        else f"{name}: {guess.note}"
        for name, guess in guesses.items()
        if guess.note
    ]
    return Inferred(schema_path, notes, kept)


def _batches(file: Path, nulls: Sequence[str]) -> Iterator[pl.DataFrame]:
    with progress("read", utils.count_rows(file), "rows") as bar:
        for frame in utils.ahead(utils.iter_batches(file, BATCH_ROWS, nulls)):
            yield frame
            bar.update(frame.height)


def _sample(file: Path) -> tuple[pl.DataFrame, int, tuple[str, ...]]:
    """Return a random sample of rows, the number of all, and the texts that mean "missing"."""
    sample, rows = Sample(), 0
    seen: set[str] = set()
    for frame in _batches(file, ("",)):
        for column in frame:
            if column.dtype == pl.String:
                found = column.filter(column.is_in([*NULLS, *NULLS_IN_NUMBERS])).unique()
                seen.update(found.to_list())
        sample.add(frame, pl.int_range(rows, rows + frame.height, eager=True).alias("row"))
        rows += frame.height
    if rows == 0:
        raise UserError(f"{file} has no rows")
    frame = sample.frame()
    nulls = ["", *(token for token in NULLS if token in seen)]
    # "?" in a column of numbers is a missing number; in a column of texts it is a text.
    for token in NULLS_IN_NUMBERS:
        if token in seen and any(
            _is_number(column.replace([*nulls, token], None))
            for column in frame.select(pl.col(pl.String))
            if (column == token).any()
        ):
            nulls.append(token)
    if len(nulls) > 1:
        frame = frame.with_columns(pl.col(pl.String).replace(nulls, None))
    return frame, rows, tuple(nulls)


def _guess(column: pl.Series, is_target: bool) -> Guess:
    """Guess a column's type from a sample."""
    if column.null_count() == column.len():
        return Guess("string", role="ignore", note="always empty")
    dtype = column.dtype
    if dtype == pl.Boolean:
        return Guess("boolean")
    if dtype.is_integer():
        return Guess("integer")
    if dtype.is_float() or dtype.is_decimal():
        whole = column.cast(pl.Float64).drop_nulls().drop_nans()
        few = is_target and whole.n_unique() <= CLASSES and bool((whole == whole.floor()).all())
        return Guess("integer" if few else "float")
    if dtype == pl.Date or isinstance(dtype, pl.Datetime):
        return Guess("datetime")
    text = column.cast(pl.String, strict=False).str.strip_chars().drop_nulls()
    if text.str.to_lowercase().is_in(list(BOOLEANS)).all() and not _is_number(text):
        return Guess("boolean")
    if _is_number(text):
        number = text.cast(pl.Float64)
        written: bool = text.cast(pl.Int64, strict=False).null_count() == 0
        few = is_target and bool(number.is_finite().all() and (number == number.floor()).all())
        return Guess("integer" if written or few else "float")
    if (form := _datetime_format(text)) is not None:
        iso = form in DATETIME_FORMATS
        swapped = form.startswith(("%m/%d", "%d/%m")) and not iso
        note = f"dates read as {form}; check day and month" if swapped else ""
        return Guess("datetime", format=None if iso else form, note=note)
    return Guess("category")


def _is_number(column: pl.Series) -> bool:
    text = column.str.strip_chars().drop_nulls()
    return text.len() > 0 and text.cast(pl.Float64, strict=False).null_count() == 0


def _datetime_format(text: pl.Series) -> str | None:
    if text.len() == 0 or not text.head(20).str.contains(r"\d").all():
        return None
    mixed = Column(type="datetime")
    _, failed = cast(pl.DataFrame({"t": text}), {"t": mixed})
    if not failed:
        return DATETIME_FORMATS[0]
    for form in FORMATS:
        _, failed = cast(pl.DataFrame({"t": text}), {"t": Column(type="datetime", format=form)})
        if not failed:
            return form
    return None


def _widen(file: Path, nulls: tuple[str, ...], guesses: dict[str, Guess]) -> None:
    """Check the guesses on every row, and take in ranges, categories and missing values.

    A type that does not hold after all becomes the next wider one, and the file is read again.
    """
    while True:
        for guess in guesses.values():
            guess.values, guess.low, guess.high, guess.missing = Counter(), None, None, 0
        columns = {name: Column(type=g.type, format=g.format) for name, g in guesses.items()}
        wrong = False
        for frame in _batches(file, nulls):
            typed, failed = cast(frame, columns)
            for name in failed:
                guess = guesses[name]
                guess.type = "float" if guess.type == "integer" else "category"
                guess.format, wrong = None, True
            if wrong:
                break
            for name, guess in guesses.items():
                _take(guess, typed[name])
        if not wrong:
            return


def _take(guess: Guess, column: pl.Series) -> None:
    guess.missing += column.null_count()
    if guess.type == "category":
        guess.values.add(column)
    elif guess.type in ("integer", "float"):
        finite = column.filter(column.is_finite()) if guess.type == "float" else column
        low, high = finite.min(), finite.max()
        if low is not None:
            guess.low = low if guess.low is None else min(guess.low, low)
            guess.high = high if guess.high is None else max(guess.high, high)
        if guess.type == "integer" and len(guess.values.counts) <= CATEGORIES:
            guess.values.add(column.cast(pl.String))


def _task(file: Path, guess: Guess, target: str, rows: int) -> tuple[str, int]:
    """Return the task that the target asks for and the number of its classes."""
    if guess.type == "boolean":
        return "classification", 2
    if guess.type == "datetime":
        raise UserError(f"{file}: the target {target!r} is a date; predict a number or a class", 2)
    distinct = len(guess.values.counts)
    few = min(CLASSES, max(2, rows // 10))  # whole numbers: up to here they are classes
    if guess.type == "float" or (guess.type == "integer" and distinct > few):
        return "regression", 0
    if distinct > CATEGORIES // 10:
        raise UserError(f"{file}: the target {target!r} has {distinct:,} different texts", 2)
    if distinct < 2:
        raise UserError(f"{file}: the target {target!r} never varies; there is nothing to learn", 2)
    return "classification", distinct


def _roles(sample: pl.DataFrame, rows: int, guesses: dict[str, Guess]) -> None:
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
        elif guess.type == "category" and distinct > min(CATEGORIES, max(20, column.len() / 2)):
            _not_a_category(guess, column, unique)
        elif guess.type == "integer" and unique and not guess.missing:
            consecutive = guess.high - guess.low + 1 == rows
            named = re.search(r"(^|[^a-z])(id|key|index|no|nr|number|uuid)$", name.lower())
            if consecutive or named or name == "":
                guess.role, guess.note = "id", "a different whole number in every row"
        elif guess.type == "datetime" and not guess.missing:
            times.append((name, distinct))
    if times:
        name = max(times, key=lambda pair: pair[1])[0]
        guesses[name].role = "time"
        guesses[name].note = guesses[name].note or "taken as the moment of prediction"


def _not_a_category(guess: Guess, column: pl.Series, unique: bool) -> None:
    guess.type = "string"
    text = column.cast(pl.String)
    words = text.str.count_matches(r"\s").mean()
    if text.str.contains(r"^\s*-?[\d.]*,\d+\s*$").all():
        guess.role, guess.note = "ignore", "numbers with a decimal comma: write 1.5, not 1,5"
    elif unique and isinstance(words, float) and words < 1:
        guess.role, guess.note = "id", "a different text in every row"
    else:
        guess.role, guess.note = "ignore", "free text: make numbers of it to use it"


def _schema(nulls: tuple[str, ...], guesses: dict[str, Guess], task: str, target: str) -> Schema:
    columns = {}
    for name, guess in guesses.items():
        values = sorted(guess.values.counts)
        details: dict[str, Any] = {}
        if name == target and task == "classification" and guess.type != "boolean":
            if guess.type == "integer":
                details["values"] = tuple(sorted(int(value) for value in values))
            else:
                details["values"] = tuple(_yes_last(values))
        elif guess.type == "category" and len(values) <= LISTED_CATEGORIES:
            details["values"] = tuple(values)
        elif guess.type in ("integer", "float") and guess.role == "feature":
            details["min"], details["max"] = _range(guess)
        columns[name] = Column(
            type=guess.type,
            role=guess.role,  # type: ignore[arg-type]  # one of the roles, set above
            nullable=guess.missing > 0,
            format=guess.format,
            **details,
        )
    if not any(column.role == "feature" for column in columns.values()):
        raise UserError("no column is left to learn from: all are ids, free text or constant")
    return Schema(null_values=nulls, columns=columns)


def _yes_last(values: list[str]) -> list[str]:
    """Order two class names so that the last is the yes, by which precision and recall go."""
    return sorted(values, key=lambda value: (value.strip().lower() in YES, value))


def _range(guess: Guess) -> tuple[float | None, float | None]:
    if guess.low is None:
        return None, None
    margin = (guess.high - guess.low) / 2
    low, high = guess.low - margin, guess.high + margin
    if guess.low >= 0:
        low = max(low, 0)
    if guess.high <= 0:
        high = min(high, 0)
    if guess.type == "integer":
        return int(np.floor(low)), int(np.ceil(high))
    return float(f"{low:.6g}"), float(f"{high:.6g}")


def _leaks(known: pl.DataFrame, schema: Schema, task: str) -> list[tuple[str, float]]:
    codes, categorical = [], []
    for i, name in enumerate(schema.features):
        column = known[name]
        if column.dtype == pl.String:
            column = column.rank("dense")
            categorical.append(i)
        elif column.dtype.is_temporal():
            column = column.dt.epoch("s")
        number = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        codes.append(number.astype(np.float32))
    return suspects(
        np.column_stack(codes), schema.features, categorical, known[schema.target], task
    )


def _split(
    known: pl.DataFrame, schema: Schema, classes: int, rows: int
) -> tuple[dict[str, Any], str]:
    """Choose a cut in time where there is a time column that allows it, else a random split."""
    share = 0.15 if rows >= 500 else 0.2
    if schema.time is not None:
        moments = known[schema.time].sort()
        cuts = [moments[int(moments.len() * part)] for part in (1 - 2 * share, 1 - share)]
        val_from, test_from = (_rounded(cut) for cut in cuts)
        train = known.filter(pl.col(schema.time) < val_from)
        sizes = [
            train.height,
            known.filter(pl.col(schema.time).is_between(val_from, test_from, "left")).height,
            known.filter(pl.col(schema.time) >= test_from).height,
        ]
        learned = not classes or train[schema.target].n_unique() == classes
        if min(sizes) >= 10 and learned:
            split = {"by": "time", "val_from": val_from, "test_from": test_from}
            gone = dict.fromkeys(("val_fraction", "test_fraction", "seed", "group"))
            return split | gone, f"split in time at {val_from} and {test_from}"
    split = {"by": "random", "val_fraction": share, "test_fraction": share, "seed": 0}
    return split | {"val_from": None, "test_from": None, "group": None}, "split at random"


def _rounded(moment: datetime) -> datetime:
    """Cut at midnight where the table has times of day; YAML shows it shorter."""
    return moment.replace(microsecond=0)


def _slices(guesses: dict[str, Guess]) -> list[str]:
    few = [
        name
        for name, guess in guesses.items()
        if guess.role == "feature"
        and guess.type in ("category", "boolean")
        and (guess.type == "boolean" or 2 <= len(guess.values.counts) <= SLICE_LEVELS)
    ]
    return few[:2]


def _yaml(schema: Schema, guesses: dict[str, Guess], name: str) -> str:
    from io import StringIO

    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    columns = CommentedMap()
    for column, declared in schema.columns.items():
        entry = CommentedMap()
        for key, value in declared.model_dump(mode="json", exclude_defaults=False).items():
            if value is None or value == "":
                continue
            entry[key] = _flow(value) if isinstance(value, list) else value
        columns[column] = entry
        if guesses[column].note:
            entry.yaml_add_eol_comment(guesses[column].note, "role")
    document = CommentedMap(null_values=_flow(list(schema.null_values)), columns=columns)
    yaml = YAML()
    yaml.width = 100
    yaml.allow_unicode = True
    text = StringIO()
    yaml.dump(document, text)
    return HEADER.format(name=name) + text.getvalue()


def _flow(values: list[Any]) -> Any:
    from ruamel.yaml.comments import CommentedSeq

    sequence = CommentedSeq(values)
    sequence.fa.set_flow_style()
    return sequence


def _decisions(name: str, rows: int, guesses: dict[str, Guess], sample: pl.DataFrame) -> str:
    """Write down what was decided and on what grounds, in the form of EDA_DECISIONS.md."""
    lines = [
        "# Decisions from exploring the data",
        "",
        f"Made by `schema infer` from {name}; go over them and add your own. Each states the",
        "number it rests on; a test computes it again from the raw table (`data`).",
    ]
    number = 0
    for column, guess in guesses.items():
        quoted = '"' + column.replace('"', '""') + '"'
        if guess.role == "id" and rows == sample.height:
            what, why = "is an id and no feature", "its values only name rows"
            query = f"SELECT COUNT(DISTINCT {quoted}) * 1.0 / COUNT({quoted}) FROM data"
            values = sample[column].drop_nulls()
            value, bound = values.n_unique() / values.len(), ">= 0.99"
        elif guess.role == "ignore" and guess.note == "never varies":
            what, why = "is left out", "a constant cannot tell rows apart"
            query = f"SELECT COUNT(DISTINCT {quoted}) FROM data"
            value, bound = 1, "<= 1"
        elif guess.role == "feature" and guess.missing:
            what, why = "stays a feature though it has gaps", "it is there often enough to help"
            query = f"SELECT COUNT({quoted}) * 1.0 / COUNT(*) FROM data"
            value = 1 - guess.missing / rows
            bound = f">= {np.floor(value * 10) / 10:.1f}"
        else:
            continue
        number += 1
        lines += ["", f"## ED-{number:02d}: `{column}` {what}", "", f"Why: {why}.", ""]
        lines += ["```sql", query, "```", "", f"Value: {value:.4g}", f"Threshold: {bound}"]
    return "\n".join(lines) + "\n"


def _relative(file: Path) -> str:
    resolved, here = file.resolve(), Path.cwd()
    inside = resolved.is_relative_to(here)
    return (resolved.relative_to(here) if inside else resolved).as_posix()


def _keep(path: Path, move: bool = False) -> Path:
    """Keep a file under the first free name that ends in .bak, .bak2, ..."""
    number = 1
    while (kept := path.with_name(f"{path.name}.bak{number if number > 1 else ''}")).exists():
        number += 1
    if move:
        return path.rename(kept)
    kept.write_bytes(path.read_bytes())
    return kept
