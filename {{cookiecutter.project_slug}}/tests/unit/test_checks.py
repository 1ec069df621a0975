"""Tables against the schema: every violation at once, with column, rule, count and examples."""

from pathlib import Path

import polars as pl
import pytest

from {{ cookiecutter.package_name }}.data.checks import cast, row_problems, validate
from {{ cookiecutter.package_name }}.data.schema import Column, Schema
from {{ cookiecutter.package_name }}.data.violations import Violations
from {{ cookiecutter.package_name }}.errors import UserError

SCHEMA = Schema(
    null_values=("", "NA"),
    columns={
        "id": Column(type="string", role="id", nullable=False),
        "when": Column(type="datetime", role="time", nullable=False),
        "size": Column(type="float", min=0, max=10),
        "count": Column(type="integer", nullable=False),
        "kind": Column(type="category", values=("a", "b")),
        "y": Column(type="boolean", role="target"),
    },
)
GOOD = "id,when,size,count,kind,y\nr1,2024-01-01T10:00,1.5,3,a,true\nr2,2024-01-02,NA,4.0,b,0\n"


REFUSE = {"on_unseen": "refuse"}


def check(text: str, folder: Path) -> str:
    path = folder / "t.csv"
    path.write_text(text, encoding="utf-8")
    return validate(path, SCHEMA, 2).message(path)


def test_good_rows_pass(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(GOOD, encoding="utf-8")
    assert validate(tmp_path / "t.csv", SCHEMA, 1) == Violations(rows=2)


def test_all_violations_together(tmp_path: Path) -> None:
    rows = [
        "r3,yesterday,99,1.5,c,maybe",
        ",2024-01-03,inf,x,a,true",
        "r5,2024-01-03,-1,,a,true",
    ]
    message = check(GOOD + "\n".join(rows) + "\n", tmp_path)
    for expected in (
        "id: missing, and must not be: 1 row (row 4: None)",
        "when: not of type datetime: 1 row (row 3: 'yesterday')",
        "size: below the minimum 0.0: 1 row (row 5: '-1')",
        "size: above the maximum 10.0: 2 rows (row 3: '99', row 4: 'inf')",
        "size: not a finite number: 1 row (row 4: 'inf')",
        "count: not of type integer: 2 rows (row 3: '1.5', row 4: 'x')",
        "count: missing, and must not be: 1 row (row 5: None)",
        "kind: not one of: a, b: 1 row (row 3: 'c')",
        "y: not of type boolean: 1 row (row 3: 'maybe')",
    ):
        assert expected in message


def test_columns_must_match(tmp_path: Path) -> None:
    message = check(GOOD.replace("size", "Size"), tmp_path)
    assert "size: column is missing" in message
    assert "Size: column is not in the schema" in message


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"id,id\n1,2\n", "same name: 'id'"),
        (b"", "must name every column"),
        (GOOD.encode() + b"r,2024-01-01,1,1,a\n", "broken table"),
        ((GOOD + "\u00e9\u00e9\u00e9").encode() + b"\xe9", "UTF-8 with a fault"),
    ],
)
def test_broken_files(tmp_path: Path, content: bytes, named: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UserError, match=named):
        validate(tmp_path / "t.csv", SCHEMA, 2)


def test_semicolons_bom_quotes_and_line_breaks(tmp_path: Path) -> None:
    text = GOOD.replace(",", ";").replace("r1", '"r\n1;""x"""')
    (tmp_path / "t.csv").write_text("\ufeff" + text, encoding="utf-8")
    assert validate(tmp_path / "t.csv", SCHEMA, 100) == Violations(rows=2)


def test_each_row_gets_its_reasons() -> None:
    frame = pl.DataFrame({"size": ["1", "x", "11", None], "count": ["1", "2", None, "4"]})
    columns = SCHEMA.subset(["size", "count"])
    typed, failed = cast(frame, columns)
    refused, warned = row_problems(typed, failed, columns)
    assert refused.to_list() == [
        None,
        "size: not of type float",
        "size: above the maximum 10.0; count: missing, and must not be",
        None,
    ]
    assert warned.null_count() == 4


def test_rows_that_break_a_rule_may_be_answered() -> None:
    frame = pl.DataFrame({"size": ["1", "x", "11", "inf"], "count": ["1", "2", None, None]})
    schema = SCHEMA.model_copy(update={"on_unseen": "answer"})
    columns = schema.subset(["size", "count"])
    refused, warned = row_problems(*cast(frame, columns), columns)
    assert refused.to_list() == [
        None,
        "size: not of type float",
        None,
        "size: not a finite number",
    ]
    assert warned.to_list()[:3] == [
        None,
        None,
        "size: above the maximum 10.0; count: missing, and must not be",
    ]
    strict = {**schema.columns, "size": SCHEMA.columns["size"].model_copy(update=REFUSE)}
    columns = schema.model_copy(update={"columns": strict}).subset(["size", "count"])
    refused, warned = row_problems(*cast(frame, columns), columns)
    assert refused[2] == "size: above the maximum 10.0"
    assert warned[2] == "count: missing, and must not be"


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (Column(type="integer"), ["1", "2.0", " 3 ", "4.5"], [1, 2, 3, None]),
        (Column(type="integer"), [1.0, float("nan"), 2.5], [1, None, None]),
        (Column(type="boolean"), ["yes", "F", "1", "2"], [True, False, True, None]),
        (Column(type="boolean", values=("N", "J")), ["n", "J ", "yes", "x"], [0, 1, 1, None]),
        (Column(type="category"), [1.0, 2.0], ["1", "2"]),
        (Column(type="category"), [3.0, 3.5, None, float("nan")], ["3", "3.5", None, None]),
        (Column(type="string"), [-0.0, 1e20, float("inf")], ["0", "1e+20", "inf"]),
        (Column(type="category"), [True, False], ["true", "false"]),
        (Column(type="float"), [1, 2], [1.0, 2.0]),
    ],
)
def test_cast(column: Column, values: list[object], expected: list[object]) -> None:
    typed, _ = cast(pl.DataFrame({"c": values}), {"c": column})
    assert typed["c"].to_list() == expected


def test_dates_in_every_common_form() -> None:
    texts = ["2024-01-02", "2024-01-02 03:04", "2024-01-02T03:04:05.5", "2024-01-02T05:04:00+02:00"]
    typed, failed = cast(pl.DataFrame({"c": texts}), {"c": Column(type="datetime")})
    assert not failed
    assert [str(moment) for moment in typed["c"]] == [
        "2024-01-02 00:00:00",
        "2024-01-02 03:04:00",
        "2024-01-02 03:04:05.500000",
        "2024-01-02 03:04:00",
    ]


def test_what_is_unreadable_is_not_missing_too(tmp_path: Path) -> None:
    message = check(GOOD.replace("2024-01-01T10:00", "soon").replace("2024-01-02", "x"), tmp_path)
    assert "when: not of type datetime" in message
    assert "when: missing" not in message
