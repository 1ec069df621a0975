"""How CSV files are written is found out: encoding, marks, the line that Excel adds."""

import gzip
import logging
from pathlib import Path

import pytest

from {{ cookiecutter.package_name }}.data.csv_format import csv_format
from {{ cookiecutter.package_name }}.data.tables import column_names, iter_batches
from {{ cookiecutter.package_name }}.errors import UserError

TEXT = "Stadt;Größe\nKöln;1\nMünchen;2\n"


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("utf-8", "utf-8-sig"),
        ("utf-8-sig", "utf-8-sig"),
        ("cp1252", "cp1252"),
        ("utf-16", "utf-16"),
    ],
)
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_encodings(tmp_path: Path, encoding: str, named: str, ending: str) -> None:
    path = tmp_path / f"t{ending}"
    content = TEXT.encode(encoding)
    path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    assert csv_format(path).encoding == named
    assert column_names(path) == ["Stadt", "Größe"]
    assert [frame.rows() for frame in iter_batches(path, 10)] == [[("Köln", "1"), ("München", "2")]]


def test_another_encoding_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(TEXT.encode("cp1252") + b"\x81;3\n")
    with caplog.at_level(logging.WARNING):
        assert csv_format(path).encoding == "latin-1", "0x81 is nothing in cp1252"
        csv_format(path)
    assert [record.getMessage() for record in caplog.records] == [
        "t.csv is not UTF-8, and is read as latin-1: check its accents"
    ]


def test_one_fault_makes_no_other_encoding(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes((TEXT * 3).encode() + b"K\xf6ln;1\n")
    with pytest.raises(UserError, match="UTF-8 with a fault, near byte 100"):
        csv_format(path)


@pytest.mark.parametrize("mark", [";", ",", "|", "\t"])
def test_a_line_for_excel(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(f"sep={mark}\r\na{mark}b\r\n1{mark}x;y,z\r\n".encode())
    assert csv_format(path).delimiter == mark
    if mark in "|\t":
        assert [frame.rows() for frame in iter_batches(path, 10)] == [[("1", "x;y,z")]]
