"""What the tests share: projects in temporary folders, trained once where that will do.

`trained` and its kin are of a known table, small and with a signal, whatever this project's data
are: they are for tests of how things work. `own` and its kin are of this project's own schema and
configuration, for what must hold of these; the rows are drawn from the schema, so that the tests
need no data and find the same everywhere.
"""

import logging
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
from contextlib import chdir, contextmanager
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
from {{ cookiecutter.package_name }}.data.schema import (
    Column,
    Schema,
    class_labels,
    load_schema,
)
from {{ cookiecutter.package_name }}.data.written import label
from {{ cookiecutter.package_name }}.features import helpers
from {{ cookiecutter.package_name }}.features.known import FEATURES, Feature
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
QUICK = {"evaluate.bootstrap": 20, "train.threads": 1}
FAST = QUICK | {"train.model": "gradient_boosting", "train.params": {"n_estimators": 40}}
PLAIN = "task: classification\ndata: {source: table.csv}\nsplit: {by: random}\n"
DERIVED = (
    Feature("known_hour", ("when",), "number", helpers.hour),
    Feature("known_pair", ("kind", "place"), "category", lambda a, b: helpers.join("-", a, b)),
)

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


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Take back how a command has set up the logs: its stream is closed after its test."""
    logger = logging.getLogger(configuration.__package__)
    handlers, level, propagate = list(logger.handlers), logger.level, logger.propagate
    yield
    logger.handlers, logger.propagate = handlers, propagate
    logger.setLevel(level)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder, the working directory, with this project's configs."""
    copy_configs(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def project(folder: Path) -> Callable[..., configuration.Config]:
    """Make the folder a project of any table: `project(frame, "target")`."""

    return lambda frame, target, **settings: project_of(frame, target, settings)


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


@pytest.fixture(scope="session")
def derived() -> Iterator[list[str]]:
    """The names of the features that the known table's columns give, besides this project's own."""
    with pytest.MonkeyPatch.context() as patch:
        for feature in DERIVED:
            patch.setitem(FEATURES, feature.name, feature)
        yield [feature.name for feature in DERIVED]


@pytest.fixture
def untrained(folder: Path, derived: list[str]) -> configuration.Config:
    """A project of the known table, not ingested yet."""
    return known_project({"features.derived": derived})


@pytest.fixture
def own_untrained(folder: Path) -> configuration.Config:
    """A project of this project's schema and configuration, not ingested yet."""
    return own_project({})


@pytest.fixture(scope="session")
def trained(
    tmp_path_factory: pytest.TempPathFactory, derived: list[str]
) -> Iterator[SimpleNamespace]:
    """The known table's project, from ingest to evaluate.

    Has `folder`, `config`, `model` and `evaluation`. Tests read it and change nothing.
    """
    folder = tmp_path_factory.mktemp("trained")
    copy_configs(folder)
    with chdir(folder):
        yield whole_way(folder, known_project({"features.derived": derived} | places(folder)))


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The same of this project's own schema and configuration, whose model need have no skill."""
    folder = tmp_path_factory.mktemp("own")
    copy_configs(folder)
    with chdir(folder):
        yield whole_way(folder, own_project(places(folder)))


@pytest.fixture(scope="session")
def promoted(trained: SimpleNamespace) -> SimpleNamespace:
    """The same, with its version as the champion."""
    if not (trained.config.paths.models / "champion.json").exists():
        promotion.promote(trained.config, "v0.1")
    return trained


@pytest.fixture(scope="session")
def own_promoted(own: SimpleNamespace) -> SimpleNamespace:
    """The same of this project's own schema, whether it is good or not."""
    if not (own.config.paths.models / "champion.json").exists():
        promotion.promote(own.config, "v0.1", force=True)
    return own


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


def whole_way(folder: Path, config: configuration.Config) -> SimpleNamespace:
    """Go all the way, and return what tests ask for."""
    evaluation = all_steps(config)
    model = find_version(config.paths.models)
    return SimpleNamespace(folder=folder, config=config, model=model, evaluation=evaluation)


def places(folder: Path) -> dict[str, Any]:
    """Name the places in a folder so that they are found from anywhere."""
    names = ("raw", "processed", "models", "artifacts")
    schema = configuration.load_config(environ={}).paths.schema_
    return {f"paths.{name}": str(folder / name) for name in names} | {
        "paths.schema": str(folder / schema),
        "serve.store": str(folder / "models"),
    }


def project_of(frame: pl.DataFrame, target: str, settings: dict[str, Any]) -> configuration.Config:
    """Make the working directory a project of a table, with the settings of none but the test."""
    frame.write_csv("table.csv")
    configuration.DEFAULT.write_text(PLAIN, encoding="utf-8")
    written = scaffold.run(Path("table.csv"), target, configuration.DEFAULT)
    update_yaml(written.schema, {"on_unseen": "refuse"})
    update_yaml(configuration.DEFAULT, FAST | settings)
    return configuration.load_config(environ={})


def known_project(settings: dict[str, Any]) -> configuration.Config:
    """Make the working directory a project of the known table, of the task of this project."""
    task = configuration.load_config(environ={}).task
    return project_of(known_table(task), "y", settings)


def known_table(task: str) -> pl.DataFrame:
    """1500 rows of all types with gaps; the target follows from them but for some noise."""
    draw, n = np.random.default_rng(7), 1500
    count, size = draw.integers(0, 50, n), draw.normal(size=n)
    kind = draw.choice(["fine", "plain", "rough"], n)
    y = 5 + size + count / 25 + (kind == "fine") + draw.normal(0, 0.7, n)
    start = datetime(2024, 1, 1)
    return pl.DataFrame(
        {
            "id": [f"r{i}" for i in range(n)],
            "when": [start + timedelta(hours=i) for i in range(n)],
            "count": count,
            "size": size,
            "gap": [None if i % 7 == 0 else v for i, v in enumerate(draw.normal(size=n))],
            "kind": kind,
            "place": draw.choice(["north", "east", "south", "west"], n),
            "paid": draw.random(n) < 0.5,
            "due": [start + timedelta(days=int(i)) for i in draw.integers(0, 90, n)],
            "y": y if task == "regression" else y > 6.4,
        }
    )


def own_project(settings: dict[str, Any]) -> configuration.Config:
    """Make the working directory a project of rows that this project's own schema allows."""
    config = configuration.load_config(environ={})
    schema = load_schema(config.paths.schema_)
    null = next(iter(schema.null_values), "")
    own_table(schema, config.split).write_csv("own.csv", null_value=null)
    # The rows have all columns, so that nothing needs to be looked up, nor to be here for that.
    changes = {"data.source": "own.csv", "data.sha256": None, "features.lookups": None}
    update_yaml(configuration.DEFAULT, QUICK | changes | settings)
    return configuration.load_config(environ={})


def own_table(schema: Schema, split: configuration.Split) -> pl.DataFrame:
    """Draw rows of a schema, so many that each set of the split has some of each class."""
    draw = np.random.default_rng(0)
    rows = 400 + 40 * len(class_labels(schema.columns[schema.target]) or ())
    return pl.DataFrame(
        {name: cells(column, rows, split, draw) for name, column in schema.columns.items()}
    )


def cells(
    column: Column, rows: int, split: configuration.Split, draw: np.random.Generator
) -> list[str | None]:
    """Draw the values of a column, as a table writes them."""
    if labels := class_labels(column):
        texts = draw.choice(labels, rows).tolist()
    elif column.is_text:
        levels = 3 if column.role == "target" else 50
        texts = [f"level {number}" for number in draw.integers(0, levels, rows)]
    elif column.is_datetime:
        texts = moments(column, rows, split, draw)
    else:
        low, high = bounds(column, 1000.0)
        numbers = draw.uniform(low, high, rows).tolist()
        texts = [str(int(value) if column.is_integer else value) for value in numbers]
        if column.number_format is not None:
            texts = [text.replace(".", column.number_format.decimal) for text in texts]
    gaps = draw.random(rows) < 0.1 * column.nullable
    return [None if gap else text for gap, text in zip(gaps, texts, strict=True)]


def moments(
    column: Column, rows: int, split: configuration.Split, draw: np.random.Generator
) -> list[str]:
    """Draw moments, three fifths of them before a cut in time and a fifth on each side of it."""
    low, high = datetime(2013, 1, 1), datetime(2014, 1, 1)
    if split.val_from is not None and split.test_from is not None:
        period = split.test_from - split.val_from
        low, high = split.val_from - 3 * period, split.test_from + period
    low = column.min if isinstance(column.min, datetime) else low
    high = column.max if isinstance(column.max, datetime) else high
    drawn = [low + (high - low) * share for share in draw.random(rows).tolist()]
    return [one.strftime(column.format) if column.format else one.isoformat() for one in drawn]


def copy_configs(folder: Path) -> None:
    """Copy the project's configs into another folder; nobody but the tests is told of runs."""
    former = shutil.ignore_patterns("*.bak*")
    shutil.copytree(ROOT / "configs", folder / "configs", ignore=former, dirs_exist_ok=True)
    update_yaml(folder / configuration.DEFAULT, {"tracking": None})


def values(column: Column) -> st.SearchStrategy[Any]:
    """Valid values of one column; unseen categories are valid where none is listed."""
    known: st.SearchStrategy[Any]
    if column.is_boolean:
        known = st.booleans()
    elif column.values is not None:
        known = st.sampled_from([label(v) if column.is_text else v for v in column.values])
    elif column.is_integer:
        low, high = bounds(column, 2.0**40)
        known = st.integers(int(low), min(int(high), 2**63 - 1))
    elif column.is_float:
        known = st.floats(*bounds(column, 1e30))
    elif column.is_datetime:
        known = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1))
    else:
        known = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
    return st.none() | known if column.nullable else known


def bounds(column: Column, limit: float) -> tuple[float, float]:
    """The range that a column declares, or one up to `limit`."""
    low = column.min if isinstance(column.min, int | float) else None
    high = column.max if isinstance(column.max, int | float) else None
    if low is None:
        low = -limit if high is None else min(-limit, high)
    return low, max(limit, low) if high is None else high
