"""Ingest: checked, atomic, immutable, and honest about where the bytes came from."""

import hashlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
import pytest

from {{ cookiecutter.package_name }}.config import Config, load_config
from {{ cookiecutter.package_name }}.data import ingest, scaffold
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml

FRAME = pl.DataFrame({"a": range(60), "b": [i * 0.5 for i in range(60)], "y": [True, False] * 30})
Make = Callable[..., Config]


def change(**settings: object) -> Config:
    update_yaml(Path("configs/default.yml"), {k.replace("__", "."): v for k, v in settings.items()})
    return load_config(environ={})


def leftovers() -> list[str]:
    return sorted(path.name for path in Path("data/raw").iterdir())


def test_manifest_says_it_all(project: Make) -> None:
    config = project(FRAME, "y")
    entry = ingest.run(config)
    content = Path("table.csv").read_bytes()
    assert (entry.bytes, entry.rows) == (len(content), 60)
    assert entry.sha256 == hashlib.sha256(content).hexdigest()
    assert json.loads(Path("data/raw/manifest.json").read_text()) == [vars(entry) | {"files": []}]
    assert Path("data/raw/table.csv").read_bytes() == content


def test_again_changes_nothing(project: Make) -> None:
    config = project(FRAME, "y")
    assert ingest.run(config) == ingest.run(config)
    assert leftovers() == ["manifest.json", "table.csv"]


def test_another_schema_checks_the_table_again(project: Make) -> None:
    config = project(FRAME, "y")
    before = ingest.run(config)
    schema = config.paths.schema_
    text = schema.read_text("utf-8")
    column = next(name for name in FRAME.columns if name != "y")
    update_yaml(schema, {f"columns.{column}.description": "said anew"})
    assert ingest.run(config) == before  # nothing that matters
    update_yaml(schema, {f"columns.{column}": {"type": "datetime"}})
    with pytest.raises(UserError, match="not of type datetime"):
        ingest.run(config)
    schema.write_text(text, "utf-8")
    assert ingest.run(config) == before
    assert leftovers() == ["manifest.json", "table.csv"]


def test_other_bytes_are_refused(project: Make) -> None:
    config = project(FRAME, "y")
    ingest.run(config)
    before = Path("data/raw/table.csv").read_bytes()
    FRAME.head(50).write_csv("table.csv")
    with pytest.raises(UserError, match="raw data is never replaced"):
        ingest.run(change(data__sha256=None))
    assert Path("data/raw/table.csv").read_bytes() == before
    assert leftovers() == ["manifest.json", "table.csv"]


def test_wrong_checksum(project: Make) -> None:
    project(FRAME, "y")
    with pytest.raises(UserError, match=r"SHA-256 is .* but data\.sha256"):
        ingest.run(change(data__sha256="0" * 64))
    assert leftovers() == []


def test_violations_leave_nothing(project: Make) -> None:
    config = project(FRAME, "y")
    bad = FRAME.with_columns(pl.lit(10**6).alias("b"))
    bad.write_csv("table.csv")
    with pytest.raises(UserError, match=r"b: above the maximum .*: 60 rows"):
        ingest.run(change(data__sha256=None))
    assert leftovers() == []
    assert config.paths.raw.is_dir()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"a,b,y\n\xc3\xbf\xff,1,true\n", "UTF-8 with a fault"),
        (b"a,b,b,y\n1,1,1,true\n", "same name"),
        (b"a,b,y\n1,1\n", "broken table"),
        (b"a,b,y\n", "no rows"),
    ],
)
def test_messages_name_the_source(project: Make, content: bytes, named: str) -> None:
    project(FRAME, "y")
    Path("t.csv").write_bytes(content)
    with pytest.raises(UserError, match=named) as caught:
        ingest.run(change(data__source="t.csv", data__sha256=None))
    assert str(caught.value).startswith("t.csv")
    assert ".part-" not in str(caught.value)


def test_changed_raw_table_is_noticed(project: Make) -> None:
    config = project(FRAME, "y")
    ingest.run(config)
    path = Path("data/raw/table.csv")
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"true", b"TRUE", 1))
    with pytest.raises(UserError, match="was changed after it was ingested"):
        ingest.raw_table(config)


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("nowhere.csv", "no such file"),
        ("table.xyz", "unknown kind of table"),
        ("http://127.0.0.1:9/table.csv", "the server cannot be reached"),
    ],
)
def test_unreadable_sources(project: Make, source: str, named: str) -> None:
    project(FRAME, "y")
    with pytest.raises(UserError, match=named):
        ingest.run(change(data__source=source))
    assert not list(Path("data/raw").glob("*")) if Path("data/raw").exists() else True


@pytest.fixture
def web(folder: Path) -> Iterator[str]:
    """An HTTP server on the project folder."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_from_a_url_without_storing_secrets(project: Make, web: str) -> None:
    project(FRAME, "y")
    entry = ingest.run(change(data__source=f"http://{web}/table.csv?token=secret"))
    assert entry.source == f"http://{web}/table.csv"
    assert entry.file == "table.csv"


def test_from_an_object_store(project: Make) -> None:
    project(FRAME, "y")
    with fsspec.open("memory://bucket/table.csv", "wb") as file:
        file.write(Path("table.csv").read_bytes())
    assert ingest.run(change(data__source="memory://bucket/table.csv")).rows == 60


def test_parquet(project: Make) -> None:
    project(FRAME, "y")
    FRAME.write_parquet("table.parquet")
    assert ingest.run(change(data__source="table.parquet", data__sha256=None)).rows == 60


def odd_columns() -> dict[str, Any]:
    """Values that parquet can hold and no type of a schema fits."""
    import pyarrow as pa

    return {
        "list": pa.array([[1, 2], None] * 30),
        "struct": pa.array([{"x": 1}] * 60),
        "map": pa.array([[("k", 1)]] * 60, pa.map_(pa.string(), pa.int64())),
        "bytes": pa.array([b"\xff\xfe", b"fine"] * 30),
        "duration": pa.array([1, None] * 30, pa.duration("us")),
    }


@pytest.mark.parametrize("kind", ["list", "struct", "map", "bytes", "duration"])
@pytest.mark.parametrize("declared", ["a", "b", "y"])
def test_parquet_columns_of_other_kinds_are_named(project: Make, kind: str, declared: str) -> None:
    """Where the schema declares an integer, a float or a boolean."""
    import pyarrow.parquet as pq

    project(FRAME, "y")
    table = FRAME.to_arrow()
    place = table.column_names.index(declared)
    pq.write_table(table.set_column(place, declared, odd_columns()[kind]), "odd.parquet")
    with pytest.raises(UserError, match=rf"  {declared}: not of type .* \(row 1: ") as caught:
        ingest.run(change(data__source="odd.parquet", data__sha256=None))
    lines = str(caught.value).splitlines()
    assert len(lines) <= 3
    assert max(map(len, lines)) < 700


def test_such_columns_of_a_table_of_ones_own_are_ignored(folder: Path) -> None:
    import pyarrow.parquet as pq

    table = FRAME.to_arrow()
    for name, values in odd_columns().items():
        table = table.append_column(name, values)
    pq.write_table(table, "odd.parquet")
    written = scaffold.run(Path("odd.parquet"), "y", Path("configs/default.yml"))
    for name in odd_columns():
        assert any(note.startswith(f"{name}: role ignore: ") for note in written.notes)
    assert ingest.run(load_config(environ={})).rows == 60
    with pytest.raises(UserError, match="the target 'list' cannot be predicted"):
        scaffold.run(Path("odd.parquet"), "list", Path("configs/default.yml"))


class Stalling(http.server.BaseHTTPRequestHandler):
    """Sends the beginning of a file, and then nothing more for a long time."""

    released = threading.Event()

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(b"a,b,y\n1,2,true\n")
        self.wfile.flush()
        self.released.wait(30)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.mark.slow
def test_killed_half_way(project: Make) -> None:
    project(FRAME, "y")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stalling)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    change(data__source=f"http://127.0.0.1:{server.server_port}/slow.csv", data__sha256=None)
    command = [sys.executable, "-m", ingest.__name__.split(".")[0], "ingest"]
    paths = os.pathsep.join(path for path in sys.path if path)
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths})
    try:
        waited = time.monotonic() + 20
        while not list(Path("data/raw").glob(".ingest.*.part")) and time.monotonic() < waited:
            time.sleep(0.05)
        assert process.poll() is None, "it ended before it could be killed"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        Stalling.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
    assert list(Path("data/raw").glob(".ingest.*.part")), "the kill came too early to show anything"
    assert not Path("data/raw/slow.csv").exists()
    assert ingest.run(change(data__source="table.csv")).rows == 60
    assert not list(Path("data/raw").glob(".*")), "what the killed run left is gone"
