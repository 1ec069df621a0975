"""Numbers and texts as people write them: the same for a table and for a request."""

import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from {{ cookiecutter.package_name }}.data.column_types import cast_column
from {{ cookiecutter.package_name }}.data.schema import Column
from {{ cookiecutter.package_name }}.data.written import NumberFormat, normalized, spaced

FORMATS = [
    NumberFormat(),
    NumberFormat(strip=("$",), thousands=","),
    NumberFormat(strip=("€", "EUR"), thousands=".", decimal=","),
    NumberFormat(strip=("MB", "mb"), thousands=" "),
    NumberFormat(thousands="'", decimal=","),
]
LIKE_NUMBERS = st.text("0123456789.,'-+ eE$€MBmbEUR\u00a0\u2009\u2212\u2019\t", max_size=14)


@pytest.mark.parametrize(
    ("written", "text", "number"),
    [
        (FORMATS[1], "$1,234.50", 1234.5),
        (FORMATS[1], "-$1,234", -1234.0),
        (FORMATS[1], "$ -5", -5.0),
        (FORMATS[1], "12,34,567", 1234567.0),
        (FORMATS[1], "1,23", None),
        (FORMATS[1], "$", None),
        (FORMATS[2], "1.234,50\u00a0€", 1234.5),
        (FORMATS[2], "\u22123,5 EUR", -3.5),
        (FORMATS[2], "1,234.5", None),
        (FORMATS[2], ",5", 0.5),
        (FORMATS[3], "1\u202f234.5 MB", 1234.5),
        (FORMATS[3], "12 34", None),
        (FORMATS[4], "1\u2019234,5", 1234.5),
        (FORMATS[0], "1e3", 1000.0),
        (FORMATS[0], "1e", None),
        (FORMATS[0], "\u0661", None),
    ],
)
def test_a_number_is_read_or_not(written: NumberFormat, text: str, number: float | None) -> None:
    assert written.read(text) == number


@pytest.mark.parametrize("written", FORMATS, ids=lambda written: written.example)
def test_the_example_is_of_the_format(written: NumberFormat) -> None:
    assert written.read(written.example) == 1234.5


@given(texts=st.lists(LIKE_NUMBERS | st.text(max_size=8)), written=st.sampled_from(FORMATS))
def test_a_table_reads_what_a_request_reads(texts: list[str], written: NumberFormat) -> None:
    column = Column(type="float", number_format=written)
    read = cast_column(pl.Series("x", texts, dtype=pl.String), column).to_list()
    assert read == [written.read(text) for text in texts]


@given(st.lists(st.text(max_size=12) | st.text(" \t\u00a0\u2003aBß\u0130", max_size=8)))
def test_texts_become_one_in_a_table_and_in_a_request(texts: list[str]) -> None:
    column = Column(type="category", normalize=True)
    read = cast_column(pl.Series("x", texts, dtype=pl.String), column).to_list()
    assert read == [normalized(text) for text in texts]


def test_odd_blanks_and_signs_become_plain() -> None:
    assert spaced("a\u00a0\u2009 b\u2212\u2019") == "a b-'"
    assert normalized("  New\u00a0 YORK ") == "new york"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"thousands": ".", "decimal": "."}, "thousands and decimal are both '.'"),
        ({"strip": [" "]}, "would take more"),
        ({"strip": ["m2"]}, "would take more"),
    ],
)
def test_a_format_that_cannot_be_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        NumberFormat.model_validate(values)
