"""Files that appear whole or not at all; tables in pieces; hashes and samples that stay put."""

import json
import logging
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.data import tables as utils
from {{ cookiecutter.package_name }}.data.statistics import Counter, Sample
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.logging_config import JsonFormatter, setup_logging
from {{ cookiecutter.package_name }}.utils import files
from {{ cookiecutter.package_name }}.utils.random_seed import seed_everything


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(OSError, match="disk full"):
        break_off(files.atomic_file(path))
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def break_off(writing: AbstractContextManager[Path]) -> None:
    """Write half of it, and fail."""
    with writing as temporary:
        path = temporary / "half" if temporary.is_dir() else temporary
        path.write_text("half")
        raise OSError("disk full")


def test_folder_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "v1"
    with pytest.raises(OSError, match="disk full"):
        break_off(files.atomic_folder(target))
    assert not list(tmp_path.iterdir())
    with files.atomic_folder(target) as temporary:
        (temporary / "a").write_text("1")
    with pytest.raises(FileExistsError), files.atomic_folder(target) as temporary:
        (temporary / "a").write_text("2")
    assert (target / "a").read_text() == "1"
    with files.atomic_folder(target, replace=True) as temporary:
        (temporary / "b").write_text("3")
    assert [p.name for p in target.iterdir()] == ["b"]
    assert [p.name for p in tmp_path.iterdir()] == ["v1"]


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    """A process that ended without a word leaves a temporary file and a folder."""
    name = files.__name__
    code = (
        "import os, sys\n"
        f"from {name} import atomic_file, atomic_folder\n"
        "from pathlib import Path\n"
        "one, two = atomic_file(Path('a')), atomic_folder(Path('b'))\n"
        "one.__enter__().write_text('half'), (two.__enter__() / 'x').write_text('half')\n"
        "os._exit(9)\n"
    )
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": paths})
    assert len(list(tmp_path.iterdir())) == 2
    with files.atomic_file(tmp_path / "a") as ours:
        files.sweep(tmp_path / "a")  # as another run would, while this one writes
        ours.write_text("whole")
    with files.atomic_folder(tmp_path / "b") as ours:
        (ours / "x").write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not list(tmp_path.iterdir())


def test_seed_makes_draws_repeat() -> None:
    draws = []
    for _ in range(2):
        generator = seed_everything(3)
        draws.append((random.random(), float(np.random.rand()), float(generator.random())))
    assert draws[0] == draws[1]
    with pytest.raises(ValueError, match="seed must be"):
        seed_everything(-1)


def test_json_log_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("INFO", "json")
    name = JsonFormatter.__module__.rpartition(".")[0]
    logging.getLogger(f"{name}.x").info("hello %s", "you", extra={"rows": 3})
    line = json.loads(capsys.readouterr().err)
    assert line["message"] == "hello you"
    assert line["rows"] == 3
    assert line["level"] == "INFO"


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "grouped.parquet"])
@pytest.mark.parametrize("batch_rows", [1, 7, 100])
def test_batches_hold_every_row_in_order(tmp_path: Path, ending: str, batch_rows: int) -> None:
    frame = pl.DataFrame({"a": range(23), "b": [f"t{i}" for i in range(23)]})
    path = tmp_path / f"t.{ending}"
    if ending == "csv":
        frame.write_csv(path)
    elif ending == "csv.gz":
        import gzip

        path.write_bytes(gzip.compress(frame.write_csv().encode()))
    else:
        frame.write_parquet(path, row_group_size=5 if "grouped" in ending else None)
    batches = list(utils.iter_batches(path, batch_rows))
    assert all(batch.height <= batch_rows for batch in batches)
    assert all(batch.height == batch_rows for batch in batches[:-1])
    joined = pl.concat(batches).with_columns(pl.col("a").cast(pl.Int64))
    assert joined.equals(frame)


def test_reading_ahead_passes_errors_on() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise UserError("broken")

    items = utils.ahead(broken())
    assert next(items) == 1
    with pytest.raises(UserError, match="broken"):
        next(items)


def test_hash_is_the_same_everywhere() -> None:
    frame = pl.DataFrame({"a": [1, 2, None], "b": ["x", None, "é"], "c": [0.0, -0.0, 1.5]})
    # These numbers must never change: splits made years ago depend on them.
    assert stable(frame).tolist() == HASHES
    assert stable(frame.with_columns(pl.col("a").cast(pl.Float64))).tolist() == HASHES
    assert stable(frame, 1).tolist() != HASHES


def stable(frame: pl.DataFrame, seed: int = 0) -> np.ndarray:
    return utils.stable_hash(frame, seed)


HASHES = [18395723807624764443, 281321436084851863, 918870247363752743]


def test_hash_is_uniform() -> None:
    share = stable(pl.DataFrame({"i": range(20_000)})) / 2**64
    counts = np.histogram(share, bins=10, range=(0, 1))[0]
    assert np.max(np.abs(counts - 2000)) < 200  # 4.7 standard deviations


@given(cuts=st.lists(st.integers(1, 999), max_size=4, unique=True))
def test_sample_does_not_depend_on_batches(cuts: list[int]) -> None:
    frame = pl.DataFrame({"v": range(1000)})
    whole = Sample(size=50)
    whole.add(frame, frame["v"])
    parts = []
    edges = [0, *sorted(cuts), 1000]
    pieces = Sample(size=50)
    for start, end in pairwise(edges):
        piece = frame.slice(start, end - start)
        pieces.add(piece, piece["v"])
        part = Sample(size=50)
        part.add(piece, piece["v"])
        parts.append(part)
    merged = parts[0]
    for part in parts[1:]:
        merged.merge(part)
    assert whole.frame().equals(pieces.frame())
    assert whole.frame().equals(merged.frame())


def test_counter_is_bounded_and_keeps_the_frequent(monkeypatch: pytest.MonkeyPatch) -> None:
    from {{ cookiecutter.package_name }}.data import statistics

    monkeypatch.setattr(statistics, "COUNTER_LIMIT", 100)
    counter = Counter()
    for start in range(0, 1000, 50):
        rare = [f"rare{i}" for i in range(start, start + 50)]
        counter.add(pl.Series("c", rare + ["often"] * 5 + [None]))
    assert len(counter.counts) <= 100
    assert counter.most_common(1) == ("often",)
