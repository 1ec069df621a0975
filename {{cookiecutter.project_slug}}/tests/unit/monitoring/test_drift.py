import json
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.monitoring import drift
from {{ cookiecutter.package_name }}.preprocess import processed
from {{ cookiecutter.package_name }}.utils.files import write_json


@pytest.fixture
def unseen(watched: SimpleNamespace) -> pl.DataFrame:
    """The raw rows that the reference was made from."""
    folder = watched.config.paths.processed
    rows = [processed.read_set(folder, name)[processed.ROW] for name in ("val", "test")]
    return pl.read_csv(watched.table, infer_schema=False)[pl.concat(rows).to_list()]


def logged(rows: pl.DataFrame, path: Path, columns: list[str]) -> Path:
    lines: list[dict[str, Any]] = [{"input": row} for row in rows.select(columns).to_dicts()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_the_rows_of_the_reference_give_its_counts(
    watched: SimpleNamespace, unseen: pl.DataFrame
) -> None:
    tally = drift.Tally(watched.model, watched.reference)
    for part in unseen.iter_slices(97):  # parts add up
        tally.add(part)
    assert tally.rows == watched.reference.rows
    for one, counts, fine in zip(tally.watched, tally.counts, tally.fine, strict=True):
        if one.role == "input":
            assert list(counts) == list(one.counts), one.name
            assert list(fine) == list(one.fine_counts), one.name


def test_a_table_and_a_log_of_the_same_rows_are_the_same(
    watched: SimpleNamespace, unseen: pl.DataFrame, tmp_path: Path
) -> None:
    columns = list(watched.model.preprocessor.columns)
    unseen.write_csv(tmp_path / "rows.csv")
    table = drift.run(watched.config, tmp_path / "rows.csv")
    log = drift.run(watched.config, logged(unseen, tmp_path / "log.jsonl", columns))
    assert table.rows == log.rows == watched.reference.rows
    assert table.watched == log.watched
    assert not [one.name for one in table.drifted if one.role == "input"]


def test_a_shift_is_found_and_written(
    watched: SimpleNamespace, unseen: pl.DataFrame, tmp_path: Path
) -> None:
    later = unseen.with_columns(count=pl.lit("49"), when=pl.lit("2030-01-01T00:00:00"))
    pl.concat([later, later]).write_csv(tmp_path / "later.csv")
    found = drift.run(watched.config, tmp_path / "later.csv")
    assert found.drifted[0].name == "count"
    assert "when" not in [one.name for one in found.watched]
    folder = watched.config.paths.artifacts / "drift"
    written = json.loads((folder / "drift.json").read_text("utf-8"))
    assert written["watched"][0]["name"] == "count"
    assert "count" in (folder / "report.html").read_text("utf-8")


def test_rows_that_cannot_be_predicted_are_left_out(
    watched: SimpleNamespace, unseen: pl.DataFrame
) -> None:
    tally = drift.Tally(watched.model, watched.reference)
    tally.add(unseen.with_columns(size=pl.Series(["wide", *["1"] * (unseen.height - 1)])))
    assert (tally.rows, tally.left_out) == (unseen.height - 1, 1)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.jsonl", None, "no such file"),
        ("log.jsonl", '{"input": {}}\n', "log.jsonl, line 1: no prediction"),
        ("log.jsonl", "{\n", "log.jsonl, line 1: no prediction"),
        ("log.jsonl", "", "none of its 0 rows"),
        ("table.csv", "a,b\n1,2\n", "column is missing"),
    ],
)
def test_files_that_are_no_good(
    watched: SimpleNamespace, tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        drift.run(watched.config, tmp_path / name)


def test_moments_and_gaps_of_a_log(watched: SimpleNamespace, tmp_path: Path) -> None:
    """What the API logs are values as JSON has them, not texts."""
    columns = watched.model.preprocessor.columns
    row = dict.fromkeys(columns) | {"count": 3, "size": 0.5, "paid": True, "kind": "fine"}
    row |= {
        "place": "north",
        "due": datetime(2024, 1, 1).isoformat(),
        "when": "2024-01-01T00:00:00",
    }
    lines = [{"input": {name: row[name] for name in columns}}] * 3
    write_json(tmp_path / "one.json", lines)
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    tally = drift.Tally(watched.model, watched.reference)
    for frame in drift._logged(path, list(columns), 2):
        tally.add(frame)
    assert (tally.rows, tally.left_out) == (3, 0)
    gap = next(i for i, one in enumerate(tally.watched) if one.name == "gap")
    assert np.array_equal(tally.counts[gap], [0] * (len(tally.counts[gap]) - 1) + [3])
