"""What the tests share: projects in temporary folders, trained once where that will do."""

import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from {{ cookiecutter.package_name }} import config as configuration
from {{ cookiecutter.package_name }}.data import ingest, scaffold
from {{ cookiecutter.package_name }}.data.schema import Column
from {{ cookiecutter.package_name }}.models import promotion, train
from {{ cookiecutter.package_name }}.models.registry import find_version
from {{ cookiecutter.package_name }}.preprocess import pipeline, processed
from {{ cookiecutter.package_name }}.preprocess.split import SPLITS
from {{ cookiecutter.package_name }}.reports.results import Evaluation, Slice
from {{ cookiecutter.package_name }}.utils.bootstrap import Comparison, Estimate
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml
from {{ cookiecutter.package_name }}.workflows import evaluation as evaluating

ROOT = Path(__file__).parents[1]
HOSTILE = "</td><script>alert(1)</script> $x^2$ | 100% \N{CJK UNIFIED IDEOGRAPH-6F22}"
FAST = {"evaluate.bootstrap": 20, "train.params": {"n_estimators": 40}, "train.threads": 1}

# Nothing is drawn at random and nothing is timed, so that the tests of unchanged code fail neither
# by chance nor on a busy machine. HYPOTHESIS_PROFILE=thorough or `--hypothesis-profile=thorough`
# draws far more, and other examples each time: some 10,000 rows for each helper of features.
settings.register_profile(
    "project",
    max_examples=25,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
THOROUGH = settings(settings.get_profile("project"), max_examples=1_400, derandomize=False)
settings.register_profile("thorough", THOROUGH)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "project"))


def pytest_configure() -> None:
    """Refuse a project that its template's hooks have not finished."""
    if (unfinished := ROOT / "HOOKS_DID_NOT_RUN.md").exists():
        raise pytest.UsageError(unfinished.read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder, the working directory, with this project's configs."""
    copy_configs(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def project(folder: Path) -> Callable[..., configuration.Config]:
    """Make the folder a project of any table: `project(frame, "target")`."""

    def make(frame: pl.DataFrame, target: str, **settings: Any) -> configuration.Config:
        frame.write_csv(folder / "table.csv")
        scaffold.run(Path("table.csv"), target, configuration.DEFAULT)
        update_yaml(configuration.DEFAULT, FAST | settings)
        return configuration.load_config(environ={})

    return make


@pytest.fixture
def frame() -> pl.DataFrame:
    """A table of 600 rows: id, time, a number, a category, two classes."""
    draw, n = np.random.default_rng(1), 600
    return pl.DataFrame(
        {
            "id": [f"r{i}" for i in range(n)],
            "when": [datetime(2024, 1, 1) + timedelta(hours=i) for i in range(n)],
            "x": draw.normal(size=n),
            "team": [f"team {i % 20}" for i in range(n)],
            "y": draw.random(n) < 0.4,
        }
    )


@pytest.fixture
def odd_table() -> pl.DataFrame:
    """Ids, dates, text, gaps, a constant, a leak, odd names."""
    draw, n = np.random.default_rng(0), 400
    x = draw.normal(size=n)
    kind = draw.choice(["a", "b", "c"], n)
    start = datetime(2023, 1, 1)
    return pl.DataFrame(
        {
            "Kunden-Nr.": [f"K{i:05d}" for i in range(n)],
            "Datum": [
                (start + timedelta(hours=13 * i)).strftime("%d.%m.%Y %H:%M") for i in range(n)
            ],
            "Größe (cm)": [None if i % 9 == 0 else round(v, 3) for i, v in enumerate(x)],
            "a.b": kind,
            "n?": ["?" if i % 7 == 0 else str(i % 50) for i in range(n)],
            "Notiz": [f"Text {i} von {v:.3f} mit vielen Worten" for i, v in enumerate(x)],
            "fest": [1] * n,
            "danach": [3 * v + 2 for v in x + (kind == "a") + 0.0],
            "Umsatz €": [None if i % 11 == 0 else v for i, v in enumerate(x + (kind == "a") + 0.0)],
        }
    )


@pytest.fixture
def sets() -> Callable[[configuration.Config], dict[str, pl.DataFrame]]:
    """Ingest and preprocess a project, as `sets(config)`: its train, val and test set."""

    def make(config: configuration.Config) -> dict[str, pl.DataFrame]:
        ingest.run(config)
        pipeline.run(config)
        return {name: processed.read_set(config.paths.processed, name) for name in SPLITS}

    return make


@pytest.fixture
def untrained(folder: Path) -> configuration.Config:
    """The empty project folder with this project's own data and configuration."""
    return own_data({})


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """This project's own data and configuration, from ingest to evaluate.

    Has `folder`, `config`, `model` and `evaluation`. Tests read it and change nothing.
    """
    folder = tmp_path_factory.mktemp("trained")
    copy_configs(folder)
    before = Path.cwd()
    os.chdir(folder)
    try:
        names = ("raw", "processed", "models", "artifacts")
        paths = {f"paths.{name}": str(folder / name) for name in names}
        schema = {"paths.schema": str(folder / "configs/schema.yml")}
        store = {"serve.store": str(folder / "models")}
        config = own_data(paths | schema | store)
        evaluation = all_steps(config)
        model = find_version(config.paths.models)
        yield SimpleNamespace(folder=folder, config=config, model=model, evaluation=evaluation)
    finally:
        os.chdir(before)


@pytest.fixture(scope="session")
def promoted(trained: SimpleNamespace) -> SimpleNamespace:
    """The same, with its version as the champion."""
    if not (trained.config.paths.models / "champion.json").exists():
        promotion.promote(trained.config, "v0.1")
    return trained


@pytest.fixture
def run_all() -> Callable[[configuration.Config], Evaluation]:
    """Go from the raw table of a project to the report, as `run_all(config)`."""
    return all_steps


@pytest.fixture
def with_primary(trained: SimpleNamespace) -> Callable[[Comparison], Evaluation]:
    """The real evaluation with another result in its primary metric, and no other metric."""
    evaluation: Evaluation = trained.evaluation
    return lambda comparison: replace(evaluation, metrics={evaluation.primary: comparison})


@pytest.fixture
def odd_slices(trained: SimpleNamespace) -> Evaluation:
    """The real evaluation with two odd slices: one lacks the metric, one has a far baseline."""
    evaluation: Evaluation = trained.evaluation
    far = {evaluation.primary: Comparison(Estimate(1, 0.9, 1.1), Estimate(90), Estimate(-89))}
    parts = [
        Slice("carrier", HOSTILE, 40, math.nan, math.nan, {}, False),
        Slice("carrier", "other", 50, 0.1, 0.2, far, True),
    ]
    return replace(evaluation, slices=parts)


@pytest.fixture
def parse() -> Callable[[str], "Page"]:
    """The tags and links of an HTML page, as `parse(text)`."""
    return Page


@pytest.fixture
def three_kinds() -> pl.DataFrame:
    """A table with three classes, odd names, and a column with missing values."""
    rows = 240
    random = np.random.default_rng(0)
    kind = random.integers(0, 3, rows)
    size = kind + random.normal(0, 0.4, rows)
    place = random.choice(["here", "there", HOSTILE], rows)
    return pl.DataFrame(
        {
            "Größe $ <i>": size,
            "place": place,
            "maybe": pl.Series(np.where(random.random(rows) < 0.3, np.nan, size)).fill_nan(None),
            "kind": [f"kind {HOSTILE} {number}" for number in kind],
        }
    )


@pytest.fixture
def two_classes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """400 targets and probabilities with ties that know something about them."""
    random = np.random.default_rng(0)
    y_true = (random.random(400) < 0.3).astype(float)
    positive = np.clip(random.normal(0.3 + 0.2 * y_true, 0.2), 0.01, 0.99).round(2)
    return y_true, np.column_stack([1 - positive, positive])


@pytest.fixture
def three_classes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """400 targets and probabilities of three classes."""
    random = np.random.default_rng(1)
    y_true = random.integers(0, 3, 400).astype(float)
    raw = random.random((400, 3)) + np.eye(3)[y_true.astype(int)]
    return y_true, raw / raw.sum(axis=1, keepdims=True)


@pytest.fixture(scope="session")
def started() -> Callable[..., Any]:
    """Run a server as a person would: `with started(arguments, folder, path) as server`."""
    return start


@pytest.fixture(scope="session")
def rows() -> Callable[[dict[str, Column]], st.SearchStrategy[dict[str, Any]]]:
    """Any valid row of a schema's columns, as `rows(columns)`: a strategy of dictionaries."""

    def strategy(columns: dict[str, Column]) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries({name: values(column) for name, column in columns.items()})

    return strategy


class Page(HTMLParser):
    """Collects what a page would load from elsewhere, and checks that its tags are balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@contextmanager
def start(
    arguments: Sequence[str], folder: Path, path: str, **environment: str
) -> Iterator[SimpleNamespace]:
    """Run `python ARGUMENTS` until the block ends, then stop it with SIGTERM if it still runs.

    Args:
        arguments: What follows `python`; PORT in it becomes a free one.
        folder: The working directory.
        path: The path that answers 200 once the server is ready.
        environment: Changes of the environment; PORT as above.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    changes = {name: value.replace("PORT", port) for name, value in environment.items()}
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
    handle, name = tempfile.mkstemp()  # a pipe that nobody reads would fill up and stop the server
    process = subprocess.Popen(
        [sys.executable, *(argument.replace("PORT", port) for argument in arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths} | changes,
        stdout=handle,
        stderr=subprocess.STDOUT,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            try:
                if httpx.get(url + path).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        yield SimpleNamespace(process=process, url=url, log=Path(name))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=40)
        os.close(handle)
        output = Path(name).read_text(encoding="utf-8")
        os.unlink(name)
        assert "Traceback" not in output, output


def all_steps(config: configuration.Config) -> Evaluation:
    """Go from the raw table to the report."""
    ingest.run(config)
    pipeline.run(config)
    train.run(config)
    return evaluating.run(config)


def own_data(settings: dict[str, Any]) -> configuration.Config:
    """Configure the working directory for this project's own data, wherever the tests run."""
    source = configuration.load_config(environ={}).data.source
    here = ROOT / source
    changes = {"data.source": str(here) if here.exists() else source}
    update_yaml(configuration.DEFAULT, FAST | changes | settings)
    return configuration.load_config(environ={})


def copy_configs(folder: Path) -> None:
    """Copy the project's configs into another folder."""
    shutil.copytree(ROOT / "configs", folder / "configs", dirs_exist_ok=True)


def values(column: Column) -> st.SearchStrategy[Any]:
    """Valid values of one column; unseen categories are valid where none is listed."""
    known: st.SearchStrategy[Any]
    if column.type == "boolean":
        known = st.booleans()
    elif column.values is not None:
        known = st.sampled_from(column.values)
    elif column.type == "integer":
        low, high = bounds(column, 2.0**40)
        known = st.integers(int(low), int(high))
    elif column.type == "float":
        low, high = bounds(column, 1e30)
        known = st.floats(low, high)
    elif column.type == "datetime":
        known = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1))
    else:
        known = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
    return st.none() | known if column.nullable else known


def bounds(column: Column, limit: float) -> tuple[float, float]:
    """The range that a column declares, or one up to `limit`."""
    low = column.min if isinstance(column.min, int | float) else -limit
    high = column.max if isinstance(column.max, int | float) else limit
    return low, high
