"""Which columns of texts are numbers, how they are written, and which texts between are none."""

from typing import Any

import polars as pl
import pytest

from {{ cookiecutter.package_name }}.data.number_guess import written_numbers

MANY = [str(number * 1.5) for number in range(1, 40)]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["$1,234", "$5", "-$12,000.50"], {"strip": ("$",), "thousands": ","}),
        (["1.234,50 €", "3 €"], {"strip": ("€",), "thousands": ".", "decimal": ","}),
        (["USD 5", "USD 6.5"], {"strip": ("USD",)}),
        (["80 MB", "81.5 MB", "82 mb"], {"strip": ("MB", "mb")}),
        (["5 %", "7.5%"], {"strip": ("%",)}),
        (["0,5", "1,25"], {"decimal": ","}),
        (["1 234", "12\u00a0345", "7"], {"thousands": " "}),
        (["1'234.5", "12\u2019345"], {"thousands": "'"}),
        (["1,234.5", "?", "12"], {"thousands": ","}),
    ],
)
def test_formats(texts: list[str], expected: dict[str, Any]) -> None:
    found = written_numbers(pl.Series("x", texts))
    assert found is not None
    assert found.format is not None
    usual = {"strip": (), "thousands": "", "decimal": "."}
    assert found.format.model_dump() == usual | expected


@pytest.mark.parametrize(
    "texts",
    [
        ["Room 5", "Room 7"],
        ["K0001", "K0002"],
        ["5 kg", "7 lb"],
        ["$5", "€7"],
        ["5%", "0.5"],
        ["1st", "2nd", "3rd"],
        ["1.234.5", "2.345.6"],
        ["12.03.2024", "13.03.2024"],
        ["one", "two"],
        ["1", "2", "3", "A"],
        [*MANY, *(f"word {letter}" for letter in "abcdefghijklmn")],
    ],
)
def test_no_numbers(texts: list[str]) -> None:
    assert written_numbers(pl.Series("x", texts)) is None


def test_words_between_numbers_are_named() -> None:
    words = ["?", "unknown", "n.a."]
    found = written_numbers(pl.Series("x", [*MANY, *words * 5, "see note"]))
    assert found is not None
    assert (found.format, found.odd) == (None, ("?", "n.a.", "see note", "unknown"))


def test_two_readings_are_said() -> None:
    both = written_numbers(pl.Series("x", ["1,234", "20,500"]))
    assert both is not None
    assert both.note.endswith(
        'if 1,234 means 1.234, write number_format: {thousands: "", decimal: ","}'
    )
    one = written_numbers(pl.Series("x", ["1,234", "20,500", "1,234,567"]))
    assert one is not None
    assert "means" not in one.note
