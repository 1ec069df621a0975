"""What a column nobody has described may be: guessed from a sample, checked on every row.

In bounded memory, whatever the file's size: a type that does not hold after all is widened.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from ..errors import UserError
from ..utils.progress import progress
from . import tables
from .checks import cast
from .column_types import DATETIME_FORMATS, cast_column, decoded, is_opaque, without_missing
from .number_guess import FEWEST_NUMBERS, MOST_ODD, is_missing_word, written_numbers
from .schema import Column, Role, Type
from .statistics import Counter, Sample
from .utils import ahead
from .written import BOOLEANS, NumberFormat

NULLS = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "Null", "#N/A", "<NA>")
NULLS_IN_NUMBERS = ("?", "-", "--", ".", "None", "none", "missing", "unknown")
FORMATS = (
    "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S",
    "%Y/%m/%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%d-%m-%Y", "%d-%m-%Y %H:%M", "%b %d, %Y",
    "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%d.%m.%y", "%m/%d/%y", "%d/%m/%y",
    "%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p",
)  # fmt: skip
BATCH_ROWS = 100_000
CATEGORIES = 1_000  # up to here a text column is a category
CLASSES = 20
ODD_EXAMPLES = 3


@dataclass
class Guess:
    """What is known of a column so far.

    Attributes:
        type: Its type in the schema.
        role: Its role in the schema.
        format: How its dates are written, where it is not ISO 8601.
        missing: Rows without a value.
        low: The least value of a number.
        high: The greatest value of a number.
        values: How often each text, whole number or spelling of a boolean occurs.
        note: What a person should know of the guess.
        number_format: How its numbers are written, where they are texts.
        odd: Texts among its numbers that count as missing.
        odd_rows: The first rows of these, from 1, and what they have.
        odd_count: How many rows have one.
        normalize: Whether texts that differ by case or blanks only are one.
    """

    type: Type
    role: Role = "feature"
    format: str | None = None
    missing: int = 0
    low: Any = None
    high: Any = None
    values: Counter = field(default_factory=Counter)
    note: str = ""
    number_format: NumberFormat | None = None
    odd: tuple[str, ...] = ()
    odd_rows: list[tuple[int, str]] = field(default_factory=list)
    odd_count: int = 0
    normalize: bool = False

    @property
    def column(self) -> Column:
        """The guess as a column to type a table by; it knows which types belong together."""
        role: Role = "ignore" if self.role == "ignore" else "feature"
        return Column(
            type=self.type,
            format=self.format,
            role=role,
            number_format=self.number_format,
            null_values=self.odd,
            normalize=self.normalize,
        )


def read_sample(file: Path) -> tuple[pl.DataFrame, int, tuple[str, ...]]:
    """Read a table once.

    Returns:
        A random sample of its rows, the number of all, and the texts that mean "missing".

    Raises:
        UserError: It has no rows, or cannot be read.
    """
    sample, rows = Sample(), 0
    seen: set[str] = set()
    for frame in _batches(file, ("",)):
        for column in frame:
            if column.dtype == pl.String:
                tokens = column.filter(column.is_in([*NULLS, *NULLS_IN_NUMBERS])).unique()
                seen.update(tokens.to_list())
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


def guess_column(column: pl.Series, is_target: bool) -> Guess:
    """Guess a column's type from a sample; whole numbers stay few classes in a target."""
    if column.null_count() == column.len():
        return Guess("string", role="ignore", note="always empty")
    if is_opaque(column):
        if column.dtype != pl.Binary or decoded(column).null_count() > column.null_count():
            note = f"{column.dtype} in each row: make numbers or texts of it to use it"
            return Guess("string", role="ignore", note=note)
        column = decoded(column)
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
    if (numbers := written_numbers(text)) is not None:
        made = Column(type="float", number_format=numbers.format, null_values=numbers.odd)
        parsed = cast_column(without_missing(text, made), made).drop_nulls()
        return Guess(
            "integer" if (parsed == parsed.floor()).all() else "float",
            note=numbers.note,
            number_format=numbers.format,
            odd=numbers.odd,
        )
    return Guess("category")


def widen(file: Path, nulls: tuple[str, ...], guesses: dict[str, Guess]) -> None:
    """Check the guesses on every row, and take in ranges, categories and missing values.

    A type that does not hold after all becomes the next wider one, and the file is read again.
    """
    while failed := _first_failure(file, nulls, guesses):
        for name, (texts, numbers) in failed.items():
            guess = guesses[name]
            if guess.column.is_number and _may_be_odd(guess, texts, numbers):
                guess.odd = tuple(sorted({*guess.odd, *texts}))
                continue
            if not guess.column.is_integer or any(not _is_float(text, guess) for text in texts):
                guess.number_format, guess.odd = None, ()
            guess.type = "float" if guess.column.is_integer else "category"
            guess.format = None


def _may_be_odd(guess: Guess, texts: Sequence[str], numbers: int) -> bool:
    """Tell whether texts may be words among so many numbers: few, and numbers in no way."""
    odd = {*guess.odd, *texts}
    if len(odd) > MOST_ODD or any(_is_float(text, guess) for text in texts):
        return False
    return all(map(is_missing_word, odd)) or numbers >= FEWEST_NUMBERS


def _is_float(text: str, guess: Guess) -> bool:
    written = guess.number_format or NumberFormat()
    return written.read(text) is not None


def _first_failure(
    file: Path, nulls: tuple[str, ...], guesses: dict[str, Guess]
) -> dict[str, tuple[list[str], int]]:
    """Take in the rows up to the first batch that breaks a guess.

    Returns:
        By column the texts that break it, and how many different values beside them do not.
    """
    for guess in guesses.values():
        guess.values, guess.low, guess.high, guess.missing = Counter(), None, None, 0
        guess.odd_rows, guess.odd_count = [], 0
    rows = 0
    columns = {name: guess.column for name, guess in guesses.items()}
    for frame in _batches(file, nulls):
        typed, failed = cast(frame, columns)
        if failed:
            return {
                name: (_texts(frame[name].filter(mask)), typed[name].drop_nulls().n_unique())
                for name, mask in failed.items()
            }
        for name, guess in guesses.items():
            _take(guess, columns[name], typed[name], frame[name])
            if guess.odd and frame[name].dtype == pl.String:
                _take_odd(guess, frame[name], rows)
        rows += frame.height
    return {}


def _texts(raw: pl.Series) -> list[str]:
    """Return different values as texts; none of bytes, lists and the like."""
    if is_opaque(raw):
        return []
    return raw.cast(pl.String).str.strip_chars().unique().drop_nulls().to_list()


def _take_odd(guess: Guess, raw: pl.Series, start: int) -> None:
    """Note where the texts stand that count as missing."""
    text = raw.str.strip_chars()
    where = text.is_in(list(guess.odd)).fill_null(False).arg_true()
    guess.odd_count += where.len()
    first = where.head(ODD_EXAMPLES - len(guess.odd_rows)).to_list()
    guess.odd_rows += [(start + row + 1, text[row]) for row in first]


def _take(guess: Guess, declared: Column, column: pl.Series, raw: pl.Series) -> None:
    """Take a batch of one column into its range, its values and its missing rows."""
    guess.missing += column.null_count()
    if declared.is_boolean and raw.dtype == pl.String:
        guess.values.add(raw.str.strip_chars())
    elif declared.is_category:
        guess.values.add(column)
    elif declared.is_number:
        finite = column.filter(column.is_finite()) if declared.is_float else column
        low, high = finite.min(), finite.max()
        if low is not None:
            guess.low = low if guess.low is None else min(guess.low, low)
            guess.high = high if guess.high is None else max(guess.high, high)
        if declared.is_integer and len(guess.values.counts) <= CATEGORIES:
            guess.values.add(column.cast(pl.String))


def _is_number(column: pl.Series) -> bool:
    text = column.str.strip_chars().drop_nulls()
    return text.len() > 0 and text.cast(pl.Float64, strict=False).null_count() == 0


def _datetime_format(text: pl.Series) -> str | None:
    """Return the format that fits every text; that of ISO 8601 for its forms, None for none."""
    if text.len() == 0 or not text.head(20).str.contains(r"\d").all():
        return None
    for form in (None, *FORMATS):
        _, failed = cast(pl.DataFrame({"t": text}), {"t": Column(type="datetime", format=form)})
        if not failed:
            return form or DATETIME_FORMATS[0]
    return None


def _batches(file: Path, nulls: Sequence[str]) -> Iterator[pl.DataFrame]:
    with progress("read", tables.count_rows(file), "rows") as bar:
        for frame in ahead(tables.iter_batches(file, BATCH_ROWS, nulls)):
            yield frame
            bar.update(frame.height)
