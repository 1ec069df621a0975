"""What unit tests share: the API in a thread, and both forms of a feature held equal."""

import json
import math
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import polars as pl
import pytest
import uvicorn
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.data.schema import Column, value_kinds
from {{ cookiecutter.package_name }}.features.known import Feature
from {{ cookiecutter.package_name }}.predict.api import create_app
from {{ cookiecutter.package_name }}.predict.connection import LimitedProtocol

EXTREMES = [0.0, -0.0, 1.0, -1.0, 5e-324, 1e308, -1e308, 1440.0, 49.0, math.inf, math.nan]
NUMBERS = st.one_of(
    st.sampled_from(EXTREMES),
    st.integers(-(10**6), 10**6).map(float),
    st.floats(width=64),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "float": NUMBERS,
    "integer": st.integers(-(2**62), 2**62),
    "boolean": st.booleans(),
    "category": st.text(st.characters(codec="utf-8"), max_size=8),
    "datetime": st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),
}
DTYPES: dict[str, Any] = {
    "float": pl.Float64,
    "integer": pl.Int64,
    "boolean": pl.Boolean,
    "category": pl.String,
    "datetime": pl.Datetime("us"),
}


@pytest.fixture(scope="session")
def hold_equal() -> Callable[[Feature, dict[str, str], list[dict[str, Any]]], None]:
    """Hold a feature of a table equal to that of its rows: `hold_equal(feature, types, rows)`."""
    return check


@pytest.fixture(scope="session")
def row_of() -> Callable[[dict[str, str]], st.SearchStrategy[dict[str, Any]]]:
    """Rows of columns by their types in the schema, as `row_of(types)`: a strategy."""
    return lambda types: st.fixed_dictionaries(
        {name: st.none() | VALUES[kind] for name, kind in types.items()}
    )


def check(feature: Feature, types: dict[str, str], rows: list[dict[str, Any]]) -> None:
    """Hold the feature of a table equal to the feature of its rows, one by one."""
    kinds = value_kinds({name: Column.model_validate({"type": types[name]}) for name in types})
    schema = {name: DTYPES[types[name]] for name in feature.columns}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    column = frame.select(feature.expression(kinds)).to_series()
    assert column.name == feature.name
    row_function = feature.row_function(kinds)
    for row, batch in zip(rows, column.to_list(), strict=True):
        single = row_function(row)
        assert same(batch, single), f"{feature.name} of {row}: {batch!r} in a table, not {single!r}"


def same(one: float | str | None, other: float | str | None) -> bool:
    """Hold texts equal exactly, numbers to 1e-12 relative (or absolute below 1)."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
    return one == other


@pytest.fixture
def store(trained: SimpleNamespace, tmp_path: Path) -> Path:
    """A store with the trained version as its champion."""
    return stored(trained, tmp_path / "store")


@pytest.fixture
def serve(trained: SimpleNamespace, store: Path) -> Callable[..., Any]:
    """Run the API with other settings: `with serve(api_key="...") as api`."""
    return lambda **changes: running(with_settings(trained.config, store, changes))


@pytest.fixture
def serve_project() -> Callable[[Config], Any]:
    """Run the API of a project and its champion: `with serve_project(config) as api`."""
    return lambda config: running(with_settings(config, config.paths.models, {}))


@pytest.fixture
def api(serve: Callable[..., Any]) -> Iterator[SimpleNamespace]:
    """The API on that store: its client, service and port."""
    with serve() as started:
        yield started


@pytest.fixture
def own_api(own: SimpleNamespace, tmp_path: Path) -> Iterator[SimpleNamespace]:
    """The API for this project's own schema."""
    with running(with_settings(own.config, stored(own, tmp_path / "own"), {})) as started:
        yield started


@pytest.fixture
def row(api: SimpleNamespace) -> dict[str, Any]:
    """A row that is accepted."""
    example: dict[str, Any] = api.service.served().request_schema.example_row()
    return example


@pytest.fixture
def problem() -> Callable[[httpx.Response, int], dict[str, Any]]:
    """Check that a response is a problem document with that status, and return it."""

    def document(response: httpx.Response, status: int) -> dict[str, Any]:
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/problem+json"
        content: dict[str, Any] = response.json()
        assert content["status"] == status
        assert content["instance"] == response.headers["x-request-id"]
        return content

    return document


def stored(project: SimpleNamespace, store: Path) -> Path:
    """Make a store with a project's version as its champion."""
    shutil.copytree(project.model.folder, store / "v0.1")
    pointer = {"version": "v0.1"}
    (store / "champion.json").write_text(json.dumps(pointer), encoding="utf-8")
    return store


def with_settings(config: Config, store: Path, changes: dict[str, Any]) -> Config:
    """Change how a project is served."""
    values = config.model_dump(by_alias=True)
    quick = {"store": str(store), "access_log": False, "poll_seconds": 0.05}
    values["serve"] |= quick | changes
    return Config.model_validate(values)


@contextmanager
def running(config: Config) -> Iterator[SimpleNamespace]:
    """Run the API in a thread."""
    app = create_app(config)
    server = uvicorn.Server(
        uvicorn.Config(
            app, port=0, http=LimitedProtocol, log_level="warning", access_log=False, ws="none"
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server ended before it had started"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield SimpleNamespace(client=client, service=app.state.service, port=port)
    finally:  # else a test that fails would never end
        server.should_exit = True
        thread.join()


@pytest.fixture(
    params=[
        ([0, 1] * 200, "classification"),
        ([True, False] * 200, "classification"),
        (["yes", "no"] * 200, "classification"),
        ([0.0, 1.0, 2.0, 1.0] * 100, "classification"),
        (list(range(400)), "regression"),
        ([i / 7 for i in range(400)], "regression"),
    ]
)
def target_and_task(request: pytest.FixtureRequest) -> tuple[list[object], str]:
    """The 400 values of a target, and the task that they ask for."""
    values, task = request.param
    return values, task
