"""Second tables as of a row's time: nothing from the future, and the same for a table and a row."""

import hashlib
import os
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.data import ingest
from {{ cookiecutter.package_name }}.data.lookups import Lookup, UnavailableError
from {{ cookiecutter.package_name }}.data.schema import Column, Schema, load_schema
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import promotion, train
from {{ cookiecutter.package_name }}.models.registry import find_version
from {{ cookiecutter.package_name }}.predict import batch
from {{ cookiecutter.package_name }}.preprocess import current, pipeline, processed
from {{ cookiecutter.package_name }}.preprocess.feature_settings import PATH, Settings
from {{ cookiecutter.package_name }}.preprocess.feature_store import FeatureStore, store
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml

Project = Callable[..., Config]
START = datetime(2024, 1, 1)
HOUR = timedelta(hours=1)
SCHEMA = Schema(
    columns={
        "when": Column(type="datetime", role="time", nullable=False),
        "team": Column(type="category"),
        "shift": Column(type="integer"),
        "load": Column(type="float", lookup="reports"),
        "busy": Column(type="boolean", lookup="reports"),
        "since": Column(type="datetime", lookup="reports"),
        "y": Column(type="boolean", role="target"),
    }
)
HEAD = ("team", "shift", "at", "load", "busy", "since")
DECLARED = """tables:
  reports: {source: reports.csv, keys: [team], time: at, delay: 2h, max_age: 1h}
"""
Report = tuple[str, int, datetime, float | None, bool | None, datetime | None]
moments = st.integers(0, 48).map(lambda half: START + half * HOUR / 2)
reports = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.integers(0, 1),
        moments,
        st.none() | st.floats(-9, 9),
        st.none() | st.booleans(),
        st.none() | moments,
    ),
    unique_by=lambda report: report[:3],
    min_size=1,
    max_size=30,
)


def made(
    folder: Path, rows: list[Report], delay: timedelta = HOUR, max_age: timedelta | None = 3 * HOUR
) -> tuple[FeatureStore, Lookup]:
    """A store of these reports, in a folder of its own, and how it is asked."""
    source = folder / "reports.parquet"
    pl.DataFrame(rows, schema=HEAD, orient="row").write_parquet(source)
    table: dict[str, Any] = {"source": str(source), "keys": ["team", "shift"], "time": "at"}
    table |= {"delay": delay, "max_age": max_age}
    settings = {"folder": folder / "features", "tables": {"reports": table}}
    found = FeatureStore(Settings.model_validate(settings))
    found.materialize(SCHEMA)
    return found, found.lookups(SCHEMA)["reports"]


def known(rows: list[Report], row: Any, lookup: Lookup) -> list[Any] | None:
    """What the definition says: of the reports of an entity the latest that was known by then."""
    team, shift, when = row
    if team is None or shift is None:
        return None
    as_of = when - lookup.delay
    old = datetime.min if lookup.max_age is None else as_of - lookup.max_age
    there = [one for one in rows if one[:2] == (team, shift) and old <= one[2] <= as_of]
    return list(max(there, key=lambda one: one[2])[3:]) if there else None


@given(
    rows=reports,
    asked=st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", None]), st.integers(0, 1) | st.none(), moments),
        min_size=1,
        max_size=20,
    ),
    delay=st.sampled_from([timedelta(0), HOUR]),
    max_age=st.sampled_from([None, HOUR, 5 * HOUR]),
)
def test_table_and_row_get_what_was_known_by_then(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[Report],
    asked: list[Any],
    delay: timedelta,
    max_age: timedelta | None,
) -> None:
    found, lookup = made(tmp_path_factory.mktemp("store"), rows, delay, max_age)
    columns = ("team", "shift", "when")
    asked_of = pl.DataFrame(asked, schema=columns, orient="row").cast(
        {"team": pl.String, "shift": pl.Int64}
    )
    joined = found.join("reports", lookup, asked_of)
    for row, got in zip(asked, joined.rows(), strict=True):
        expected = known(rows, row, lookup)
        assert list(got) == (expected or [None] * 3)
        if None not in row:
            assert found.read("reports", lookup, row[:2], row[2]) == expected


def test_a_value_counts_from_the_moment_it_is_known(tmp_path: Path) -> None:
    found, lookup = made(tmp_path, [("a", 0, START, 1.0, True, None)])
    just = START + HOUR
    assert found.read("reports", lookup, ("a", 0), just) == [1.0, True, None]
    assert found.read("reports", lookup, ("a", 0), just - timedelta(microseconds=1)) is None
    assert found.read("reports", lookup, ("a", 0), just + 3 * HOUR) is not None
    assert found.read("reports", lookup, ("a", 0), just + 3.1 * HOUR) is None, "too old"
    assert found.read("reports", lookup, ("a", 0), datetime.min) is None


def test_a_late_report_is_seen_once_it_is_there(tmp_path: Path) -> None:
    first: Report = ("a", 0, START, 1.0, True, START)
    found, lookup = made(tmp_path, [first])
    asked = ("reports", lookup, ("a", 0), START + 2 * HOUR)
    assert found.read(*asked) == [1.0, True, START]
    later: Report = ("a", 0, START + HOUR, None, False, None)
    pl.DataFrame([later, first], schema=HEAD, orient="row").write_parquet(
        tmp_path / "reports.parquet"
    )
    assert "2 rows up to 2024-01-01 01:00, 1 of them new" in found.materialize(SCHEMA)[0]
    assert found.read(*asked) == [None, False, None], "what is not known now hides what was"
    assert found.materialize(SCHEMA) == ["reports is already there, unchanged"]


def test_a_bad_source_leaves_both_stores_as_they_were(tmp_path: Path) -> None:
    found, lookup = made(tmp_path, [("a", 0, START, 1.0, True, None)])
    files = {path: path.read_bytes() for path in (found.online.path, found.path("reports"))}
    source = tmp_path / "reports.parquet"
    twice = [("a", 0, START, value, True, None) for value in (1.0, 2.0)]
    for rows, said in (
        (twice, "2 rows share keys and time, such as a, 0, 2024-01-01"),
        ([("a", None, START, 1.0, True, None)], "shift: missing, and must not be: 1 row"),
        ([("a", 0, START, "much", True, None)], "load: not of type float: 1 row (row 1: 'much')"),
    ):
        pl.DataFrame(rows, schema=HEAD, orient="row", strict=False).write_parquet(source)
        with pytest.raises(UserError, match=r"reports") as error:
            found.materialize(SCHEMA)
        assert said in str(error.value)
    pl.DataFrame({"team": ["a"]}).write_parquet(source)
    with pytest.raises(UserError, match="load: column is missing"):
        found.materialize(SCHEMA)
    assert {path: path.read_bytes() for path in files} == files
    assert found.read("reports", lookup, ("a", 0), START + HOUR) == [1.0, True, None]


def test_another_checksum_is_refused(tmp_path: Path) -> None:
    found, _ = made(tmp_path, [("a", 0, START, 1.0, True, None)])
    table = found.settings.tables["reports"].model_copy(update={"sha256": "0" * 64})
    other = FeatureStore(found.settings.model_copy(update={"tables": {"reports": table}}))
    with pytest.raises(UserError, match=r"SHA-256 is [0-9a-f]{64}, but .* says 0000"):
        other.materialize(SCHEMA)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"keys": ["nobody"]}, "tables.reports.keys: the schema has no column 'nobody'"),
        ({"keys": ["y"]}, "'y' has role: target, and is not known"),
        ({"keys": ["load"]}, "'load' must be a text or a whole number"),
        ({"time": "Load"}, "names that differ in nothing but case: Load, load"),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    found, _ = made(tmp_path, [("a", 0, START, 1.0, True, None)])
    table = found.settings.tables["reports"].model_copy(update=changes)
    other = FeatureStore(found.settings.model_copy(update={"tables": {"reports": table}}))
    with pytest.raises(UserError) as error:
        other.materialize(SCHEMA)
    assert said in str(error.value)
    assert error.value.code == 2


def test_an_unknown_table_is_named(tmp_path: Path) -> None:
    found, _ = made(tmp_path, [("a", 0, START, 1.0, True, None)])
    columns = SCHEMA.columns | {"load": Column(type="float", lookup="repotrs")}
    with pytest.raises(UserError, match=r"no table 'repotrs' \(it has: reports\)"):
        found.lookups(SCHEMA.model_copy(update={"columns": columns}))


def test_a_damaged_or_missing_file_is_unavailable(tmp_path: Path) -> None:
    found, lookup = made(tmp_path, [("a", 0, START, 1.0, True, None)])
    asked = ("reports", lookup, ("a", 0), START + HOUR)
    no_column = lookup.model_copy(update={"columns": ("nobody",)})
    with pytest.raises(UnavailableError, match="nobody"):
        found.read("reports", no_column, ("a", 0), START + HOUR)
    found.online.path.unlink()
    with pytest.raises(UnavailableError):
        found.read(*asked)
    found.online.path.write_bytes(b"no database" * 1000)
    with pytest.raises(UnavailableError):
        found.read(*asked)
    found.online.path.unlink()
    found.materialize(SCHEMA)
    assert found.read(*asked) == [1.0, True, None], "taken again without a restart"


def test_read_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that mounts the folder read-only."""
    made(tmp_path, [("a", 0, START, 1.0, True, None)])
    monkeypatch.setattr(os, "access", lambda *_: False)
    found, lookup = made(tmp_path, [("a", 0, START, 1.0, True, None)])
    assert found.read("reports", lookup, ("a", 0), START + HOUR) == [1.0, True, None]
    assert sorted(path.name for path in found.settings.folder.iterdir()) == [
        "online.db",
        "reports.parquet",
    ]


@pytest.fixture
def table() -> pl.DataFrame:
    """Rows whose outcome hangs on the latest report of their team, which they have."""
    draw, n = np.random.default_rng(3), 900
    teams = [f"team {i % 5}" for i in range(n)]
    load = draw.normal(size=(n // 5, 5)).round(3)
    return pl.DataFrame(
        {
            "id": [f"r{i}" for i in range(n)],
            "when": [START + (i // 5 + 2) * HOUR for i in range(n)],
            "team": teams,
            "size": draw.normal(size=n).round(3),
            "load": [load[i // 5, i % 5] for i in range(n)],
            "y": load.reshape(-1) + draw.normal(0, 0.3, n) > 0,
        }
    )


@pytest.fixture
def with_store(project: Project, table: pl.DataFrame) -> Config:
    """A project of rows that come without `load`, which stands in the second table."""
    settings = {"split.by": "random", "features.lookups": "preprocess.feature_store"}
    config = project(table, "y", **settings, **{"data.sha256": None})
    update_yaml(config.paths.schema_, {"columns.load.lookup": "reports"})
    update_yaml(config.paths.schema_, {"columns.load.nullable": True})
    at = pl.col("when") - 2 * HOUR
    reports = table.select("team", at.alias("at"), "load").sort("at", "team")
    reports.write_csv("reports.csv")
    PATH.write_text(DECLARED, encoding="utf-8")
    table.drop("load").write_csv("table.csv")
    return config


def test_a_table_may_come_without_the_columns(with_store: Config, table: pl.DataFrame) -> None:
    """Preprocessor and sets are those of the table that has them."""
    ingest.run(with_store)
    pipeline.run(with_store)
    folder = with_store.paths.processed
    without = hashes(folder)
    table.write_csv("whole.csv")
    data = with_store.data.model_copy(update={"source": "whole.csv"})
    whole = with_store.model_copy(update={"data": data})
    ingest.run(whole)
    pipeline.run(whole)
    assert hashes(folder) == without


def hashes(folder: Path) -> dict[Path, bytes]:
    """Return those of all files but the summary, which names the raw table's checksum."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    files.remove(folder / processed.SUMMARY)
    return {path: hashlib.sha256(path.read_bytes()).digest() for path in files}


def test_a_request_may_leave_out_what_is_looked_up(
    with_store: Config, table: pl.DataFrame, serve_project: Callable[[Config], Any]
) -> None:
    ingest.run(with_store)
    pipeline.run(with_store)
    train.run(with_store)
    promotion.promote(with_store)
    row = table.drop("y", "id").row(7, named=True) | {"when": table["when"][7].isoformat()}
    without = {name: value for name, value in row.items() if name != "load"}
    with serve_project(with_store) as api:

        def ask(body: Any) -> Any:
            return api.client.post("/predict", json=body).json()

        given, found, missing = ask(row), ask(without), ask(row | {"load": None})
        assert found["probabilities"] == given["probabilities"] != missing["probabilities"]
        assert "warnings" not in found
        assert "warnings" not in missing
        several = ask([without] * 40)["predictions"]
        assert all(one["probabilities"] == given["probabilities"] for one in several)

        unknown = ask(without | {"when": "2030-01-01T00:00:00"})
        assert [one["field"] for one in unknown["warnings"]] == ["reports"]
        store().online.path.rename("away.db")
        away = ask(without)
        assert away["probabilities"] == missing["probabilities"]
        assert "cannot be read now" in away["warnings"][0]["rule"]
        text = api.client.get("/metrics").text
        for outcome, count in (("found", 41), ("missing", 1), ("unavailable", 1)):
            labels = f'outcome="{outcome}",table="reports"'
            assert "model_lookups_total{" + labels + f"}} {count}.0" in text
        row_schema = api.client.get("/openapi.json").json()["components"]["schemas"]["Row"]
        assert "load" not in row_schema["required"]
        assert "looked up in reports" in row_schema["properties"]["load"]["description"]


def test_a_file_may_come_without_the_columns(with_store: Config, table: pl.DataFrame) -> None:
    ingest.run(with_store)
    pipeline.run(with_store)
    train.run(with_store)
    model = find_version(with_store.paths.models)
    table.write_csv("whole.csv")
    batch.run(model, Path("whole.csv"), Path("a.csv"))
    batch.run(model, Path("table.csv"), Path("b.csv"), 100, with_store.features.lookups)
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    with pytest.raises(UserError, match="load: column is missing"):
        batch.run(model, Path("table.csv"), Path("c.csv"))


def test_train_refuses_sets_of_a_former_second_table(with_store: Config) -> None:
    ingest.run(with_store)
    pipeline.run(with_store)
    current.load(with_store)
    lines = Path("reports.csv").read_text("utf-8").splitlines(keepends=True)
    Path("reports.csv").write_text("".join(lines[:-5]), encoding="utf-8")
    ingest.run(with_store)
    with pytest.raises(UserError, match="the second tables changed since"):
        current.load(with_store)


def test_the_declared_tables_fit_the_schema() -> None:
    """Of this project itself; the files need not be here."""
    root = Path(__file__).parents[2]
    schema = load_schema(root / "configs/schema.yml")
    assert set(store_at(root).lookups(schema)) <= set(store_at(root).settings.tables)


def store_at(root: Path) -> FeatureStore:
    """This project's store."""
    from {{ cookiecutter.package_name }}.preprocess.feature_settings import load_settings

    return FeatureStore(load_settings(root / PATH))


def test_one_writes_while_others_read(tmp_path: Path) -> None:
    """A reader with a connection of its own sees the former rows until all new ones are there."""
    found, lookup = made(tmp_path, [("a", 0, START, 1.0, True, None)])
    with sqlite3.connect(found.online.path, isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM reports")
        assert found.read("reports", lookup, ("a", 0), START + HOUR) == [1.0, True, None]
        writer.execute("ROLLBACK")
