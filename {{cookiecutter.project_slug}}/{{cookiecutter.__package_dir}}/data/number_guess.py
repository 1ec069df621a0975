"""Whether texts are numbers as people write them: with currencies, marks, units, and words between.

What is ambiguous is said in a note, and what is no number is named; nothing is guessed in silence.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from .column_types import cast_column, spaced_texts
from .schema import Column
from .written import NumberFormat

MISSING_WORDS = {
    "?", "-", "--", ".", "*", "none", "missing", "unknown", "n/a", "n.a.", "na", "nan", "null",
    "nil", "tbd", "not available", "#n/a", "#value!", "#ref!", "#div/0!", "<na>", "k.a.",
    "unbekannt",
}  # fmt: skip
CURRENCIES = {"usd", "eur", "gbp", "chf", "jpy", "cny", "inr", "rs", "rs.", "us$", "r$", "kr"}
MARKS = (
    ("", "."), (",", "."), (" ", "."), ("'", "."), ("", ","), (".", ","), (" ", ","), ("'", ","),
)  # fmt: skip
MOST_ODD, ODD_SHARE = 10, 0.05  # distinct texts, and share of rows, that may be no numbers
LEAST_DIGITS = 0.5  # share of the texts that have a digit; else nobody would call them numbers
FEWEST_NUMBERS = 20  # distinct ones beside words that are not known to mean "missing"
LONGEST_UNIT = 12
BESIDE = (
    r"^(?<before>[^0-9+\-.,']*?) ?[+-]? ?(?<between>[^0-9+\-.,']*?) ?"
    r"[.,]?[0-9][0-9.,' ]*?(?:[eE][+-]?[0-9]+)? ?(?<behind>[^0-9]*)$"
)


@dataclass(frozen=True)
class WrittenNumbers:
    """How a column's numbers are written.

    Attributes:
        format: None where any reader would take them.
        odd: Texts that are no numbers.
        note: What a person should know.
    """

    format: NumberFormat | None
    odd: tuple[str, ...]
    note: str


def written_numbers(text: pl.Series) -> WrittenNumbers | None:
    """Look how numbers are written.

    Args:
        text: The texts of a column, without blanks around them, none missing.

    Returns:
        The format; None where the column is not one of numbers.
    """
    if text.str.contains("[0-9]").mean() < LEAST_DIGITS:  # type: ignore[operator]  # of booleans
        return None
    tally = text.value_counts(name="rows").rename({text.name: "text"})
    units = _units(tally)
    if units is None:
        return None
    fits = []
    for thousands, decimal in MARKS:
        marks = {"strip": units, "thousands": thousands, "decimal": decimal}
        written = NumberFormat.model_validate(marks)
        column = Column(type="float", number_format=written)
        read = tally.with_columns(cast_column(tally["text"], column).alias("number"))
        odd = read.filter(pl.col("number").is_null())
        if _is_numbers(read, odd):
            fits.append((odd["rows"].sum(), written, read))
    if not fits:
        return None
    _, written, read = min(fits, key=lambda fit: fit[0])  # the first of equals
    odd_texts = read.filter(pl.col("number").is_null())["text"].sort().to_list()
    is_plain = written == NumberFormat()
    note = "" if is_plain else f"numbers written as {written.example}"
    if (other := _other_reading(written, read, [fit[1] for fit in fits])) is not None:
        note += f"; if 1,234 means 1.234, write number_format: {other}"
    return WrittenNumbers(None if is_plain else written, tuple(odd_texts), note)


def is_missing_word(text: str) -> bool:
    """Tell words that mean "missing" among numbers."""
    return text.strip().lower() in MISSING_WORDS


def _units(tally: pl.DataFrame) -> tuple[str, ...] | None:
    """Return what stands beside the numbers, in all its spellings; None where that is no unit."""
    parts = spaced_texts(tally["text"]).str.extract_groups(BESIDE).struct.unnest()
    found = parts.filter(pl.col("behind").is_not_null())
    before = found.select(pl.concat_str("before", "between", separator=" ").str.strip_chars())
    prefixes = _spellings(before.to_series())
    suffixes = _spellings(found["behind"].str.strip_chars())
    if prefixes is None or suffixes is None:
        return None
    if not all(_is_currency(text) for text in prefixes):
        return None  # such as "Room 5"
    share = found["behind"].str.contains("%", literal=True)
    if share.any() and not share.all():
        return None  # 5 % or 5?
    return (*prefixes, *suffixes)


def _spellings(column: pl.Series) -> tuple[str, ...] | None:
    """Return the spellings of the one text beside numbers; None where there are several."""
    texts = sorted(set(column.drop_nulls().to_list()) - {""})
    one = len({text.lower() for text in texts}) <= 1
    return tuple(texts) if one and all(len(text) <= LONGEST_UNIT for text in texts) else None


def _is_currency(text: str) -> bool:
    return text.lower() in CURRENCIES or all(unicodedata.category(sign) == "Sc" for sign in text)


def _is_numbers(read: pl.DataFrame, odd: pl.DataFrame) -> bool:
    """Tell whether so few texts are no numbers that the column is one of numbers."""
    numbers = read.height - odd.height
    if numbers == 0 or odd.height > MOST_ODD:
        return False
    counts = zip(odd["text"].to_list(), odd["rows"].to_list(), strict=True)
    strays = sum(rows for text, rows in counts if not is_missing_word(text))
    return not strays or (
        strays <= ODD_SHARE * int(read["rows"].sum()) and numbers >= FEWEST_NUMBERS
    )


def _other_reading(
    written: NumberFormat, read: pl.DataFrame, fits: Sequence[NumberFormat]
) -> str | None:
    """Return the format by which the same texts would be other numbers, if there is one."""
    for other in fits:
        column = Column(type="float", number_format=other)
        numbers = cast_column(read["text"], column)
        if numbers.null_count() == read["number"].null_count() and not numbers.equals(
            read["number"], check_names=False
        ):
            return "{" + f'thousands: "{other.thousands}", decimal: "{other.decimal}"' + "}"
    return None
