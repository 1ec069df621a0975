"""One table in many files: the same as in one, whatever the cut; in several processes too."""

import json
import operator
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.config import Config, load_config
from {{ cookiecutter.package_name }}.data import ingest, parts, scaffold
from {{ cookiecutter.package_name }}.data.download import members
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.predict import batch
from {{ cookiecutter.package_name }}.preprocess import pipeline, processed
from {{ cookiecutter.package_name }}.scale.engine import (
    LOCAL,
    Engine,
    Scale,
    fold,
    open_engine,
)
from {{ cookiecutter.package_name }}.scale.processes import Processes

Make = Callable[..., Config]
Sets = Callable[[Config], dict[str, pl.DataFrame]]


def cut(frame: pl.DataFrame, folder: str, ends: list[int], kinds: str = "cp") -> None:
    """Write a table as CSV and parquet files in turn; a file's columns may be in another order."""
    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).mkdir()
    edges = [0, *sorted(min(end, frame.height) for end in ends), frame.height]
    for i, (first, end) in enumerate(pairwise(edges)):
        piece = frame[first:end]
        if kinds[i % len(kinds)] == "c":
            piece.write_csv(f"{folder}/{i:03}.csv")
        else:
            piece.select(reversed(piece.columns)).write_parquet(f"{folder}/{i:03}.parquet")


def result(sets: Sets, config: Config) -> tuple[Any, str]:
    """Return the sets and the preprocessor that a configuration gives."""
    written = {name: part.rows() for name, part in sets(config).items()}
    return written, (config.paths.processed / processed.PREPROCESSOR).read_text(encoding="utf-8")


@pytest.mark.slow
@settings(max_examples=10)
@given(
    ends=st.lists(st.integers(0, 200), max_size=6),
    batch_rows=st.integers(1, 250),
    part_rows=st.integers(20, 250),
)
def test_any_cut_gives_the_same(
    project: Make,
    frame: pl.DataFrame,
    sets: Sets,
    monkeypatch: pytest.MonkeyPatch,
    ends: list[int],
    batch_rows: int,
    part_rows: int,
) -> None:
    table = frame.head(200)
    whole = project(table, "y")
    shutil.rmtree("data", ignore_errors=True)
    expected = result(sets, whole)
    cut(table, "cut", ends)
    monkeypatch.setattr(parts, "PART_ROWS", part_rows)
    config = project(
        table, "y", **{"data.source": "cut", "data.sha256": None, "data.batch_rows": batch_rows}
    )
    assert result(sets, config) == expected
    summary = json.loads((config.paths.processed / processed.SUMMARY).read_text(encoding="utf-8"))
    assert summary["raw_rows"] == table.height


@pytest.mark.slow
def test_processes_give_what_one_gives(
    project: Make, frame: pl.DataFrame, sets: Sets, trained: SimpleNamespace, tmp_path: Path
) -> None:
    cut(frame, "cut", [100, 250, 400])
    values = {"data.source": "cut/*", "data.sha256": None}
    expected = result(sets, project(frame, "y", **values))
    shutil.rmtree("data")
    scaled = values | {"scale.engine": "processes", "scale.processes": 2}
    assert result(sets, project(frame, "y", **scaled)) == expected

    known = pl.read_csv(trained.config.paths.raw / trained.config.data.file_name).head(90)
    cut(known, "rows", [30, 60])
    batch.run(trained.model, Path("rows"), Path("one"))
    done = batch.run(trained.model, Path("rows"), Path("two"), engine=Processes(2))
    assert done.rows == known.height
    names = sorted(path.name for path in Path("two").iterdir())
    assert names == ["000.csv", "001.parquet", "002.csv"]
    assert [Path("one", name).read_bytes() for name in names] == [
        Path("two", name).read_bytes() for name in names
    ]


def test_what_is_wrong_is_named_with_its_file(project: Make, frame: pl.DataFrame) -> None:
    cut(frame, "cut", [100, 300], "c")
    bad = pl.read_csv("cut/001.csv").with_columns(x=pl.lit("rubbish"))
    bad.write_csv("cut/001.csv")
    config = project(frame, "y", **{"data.source": "cut", "data.sha256": None})
    with pytest.raises(UserError, match=r"x: not of type float: 200 rows \(001.csv row 1: 'rubb"):
        ingest.run(config)
    assert not (config.paths.raw / "cut").exists()
    bad.drop("team").write_csv("cut/001.csv")
    with pytest.raises(UserError, match=r"cut/001.csv: other columns than 000.csv has: 'team'"):
        ingest.run(config)


def test_a_folder_grows_and_does_not_change(project: Make, frame: pl.DataFrame) -> None:
    cut(frame.head(400), "cut", [200], "c")
    config = project(frame, "y", **{"data.source": "cut", "data.sha256": None})
    before = ingest.run(config)
    assert [(one.name, one.rows) for one in before.files] == [("000.csv", 200), ("001.csv", 200)]
    assert ingest.run(config) == before
    frame[400:].write_csv("cut/002.csv")
    after = ingest.run(config)
    assert (after.rows, after.files[:2]) == (frame.height, before.files)
    assert ingest.raw_table(config)[1] == after

    frame[:100].write_csv("cut/000.csv")
    with pytest.raises(UserError, match=r"raw.cut.000\.csv exists with other content"):
        ingest.run(config)
    Path("cut/000.csv").unlink()
    with pytest.raises(UserError, match=r"000\.csv is not in the source any more"):
        ingest.run(config)
    assert ingest.raw_table(config)[1] == after, "what was there still is"
    raw = config.paths.raw / "cut/001.csv"
    raw.chmod(0o644)
    raw.write_text("x")
    with pytest.raises(UserError, match=r"001\.csv was changed after it was ingested"):
        ingest.raw_table(config)


def test_what_a_folder_holds(folder: Path) -> None:
    for name in ("a/2.csv", "b.parquet", "_SUCCESS", ".hidden/x.csv", "_tmp/y.csv", "read.me"):
        Path("t", name).parent.mkdir(parents=True, exist_ok=True)
        Path("t", name).touch()
    assert list(parts.named_files(Path("t"))) == ["a/2.csv", "b.parquet"]
    assert list(parts.named_files(Path("t/**/*.csv"))) == ["a/2.csv"]
    assert list(members("t") or {}) == ["a/2.csv", "b.parquet"]
    assert list(members(f"file://{folder}/t/*.parquet") or {}) == ["b.parquet"]
    with pytest.raises(UserError, match="no table in it; names must end in one of"):
        members("t/*.me")
    with pytest.raises(UserError, match="web servers do not list their files"):
        members("https://example.org/*.csv")
    Path("t/year=2013").mkdir()
    Path("t/year=2013/1.csv").touch()
    with pytest.raises(UserError, match=r"year=2013/1\.csv lies in a folder that holds a column's"):
        members("t")


def test_from_a_folder_of_an_object_store(project: Make, frame: pl.DataFrame) -> None:
    import fsspec

    cut(frame, "cut", [300], "c")
    for path in Path("cut").iterdir():
        with fsspec.open(f"memory://store/flights/{path.name}", "wb") as file:
            file.write(path.read_bytes())
    for source in ("memory://store/flights", "memory://store/flights/*.csv"):
        config = project(frame, "y", **{"data.source": source, "data.sha256": None})
        entry = ingest.run(config)
        assert (entry.file, entry.rows, len(entry.files)) == ("flights", frame.height, 2)


def test_a_schema_for_a_folder(folder: Path, frame: pl.DataFrame) -> None:
    cut(frame.with_columns(x=pl.int_range(pl.len())), "cut", [200, 400])
    Path("cut/001.parquet").unlink()
    frame[200:400].write_parquet("cut/001.parquet")  # floats where the others have whole numbers
    written = scaffold.run(Path("cut"), "y", Path("configs/default.yml"))
    assert "type: float" in written.schema.read_text(encoding="utf-8")
    data = load_config(environ={}).data
    assert (data.source, data.sha256) == ("cut", None)


@pytest.mark.parametrize(
    ("out", "named"),
    [
        ("out.csv", "name a folder"),
        ("there", "is there already"),
        ("rows/out", "lies in the input"),
    ],
)
def test_where_predictions_of_a_folder_cannot_go(
    trained: SimpleNamespace, tmp_path: Path, out: str, named: str
) -> None:
    for name in ("rows", "there"):
        (tmp_path / name).mkdir()
    (tmp_path / "rows/a.csv").touch()
    with pytest.raises(UserError, match=named) as caught:
        batch.run(trained.model, tmp_path / "rows", tmp_path / out)
    assert caught.value.code == 2


@pytest.fixture(params=[LOCAL, Processes(2)], ids=["local", "processes"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Each of the engines."""
    return request.param  # type: ignore[no-any-return]


def test_results_come_in_order(engine: Engine) -> None:
    """Of functions that a worker can import, which those of a test are not."""
    assert list(engine.map(abs, range(-20, 0))) == list(range(20, 0, -1))
    assert fold(engine, str, operator.add, range(12)) == "01234567891011"


def test_a_killed_worker_is_an_error() -> None:
    with pytest.raises(UserError, match="a worker process was ended from outside"):
        list(Processes(2).map(os._exit, [9] * 8))


DRIVER = """
import time
from {{ cookiecutter.package_name }}.scale.processes import Processes

def work(number):
    print("at work", flush=True)
    time.sleep(300)

if __name__ == "__main__":
    list(Processes(2).map(work, range(4)))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_workers_end_with_the_one_who_started_them(tmp_path: Path) -> None:
    (tmp_path / "driver.py").write_text(DRIVER, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "driver.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        assert [driver.stdout.readline() for _ in range(2)] == ["at work\n"] * 2
        driver.kill()
        driver.communicate(timeout=120)  # until the last one that could write is gone


def test_a_run_that_is_killed_between_the_sets_commits_nothing(
    project: Make, frame: pl.DataFrame, sets: Sets, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project(frame, "y")
    expected = result(sets, config)

    def broken(source: Path, target: Path) -> None:
        if Path(target).name == "val":
            raise KeyboardInterrupt
        os.rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", broken)
        with pytest.raises(KeyboardInterrupt):
            pipeline.run(config)
    with pytest.raises(UserError, match="run `preprocess` first"):
        processed.load(config.paths.processed)
    assert result(sets, config) == expected


def test_engines_of_the_configuration() -> None:
    assert open_engine(Scale()).workers == 1
    assert open_engine(Scale(engine="processes", processes=3)).workers == 3
    assert open_engine(Scale(engine="processes")).workers >= 1
