"""What the tests of the demo share: of a known table, of this project's schema, of an odd table."""

from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.data import ingest
from {{ cookiecutter.package_name }}.models import promotion, train
from {{ cookiecutter.package_name }}.preprocess import pipeline
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml

from app.demo import Demo
from app.form import MISSING

DRAW = np.random.default_rng(3)
N = 300
TARGET = "<b>Größe</b> {m²}"
ODD = pl.DataFrame(
    {
        "Länge (cm)": [None if i % 9 == 0 else i / 7 for i in range(N)],
        "a.b $x_1$": DRAW.integers(0, 5, N),
        "<b>Sorte</b> & 'Art' 🚀": DRAW.choice(["früh", "spät, sehr", 'a "b" <i>', MISSING], N),
        "frei": [None if i % 11 == 0 else bool(i % 2) for i in range(N)],
        "bis": [datetime(2024, 3, 1, 8) + timedelta(hours=h) for h in range(N)],
        TARGET: DRAW.choice(["$5$", "10%", "<20>"], N),
    }
)


@pytest.fixture(scope="module")
def demo(promoted: SimpleNamespace) -> Demo:
    """The demo of the known table. Tests change nothing of it."""
    return Demo(promoted.config)


@pytest.fixture(scope="module")
def own_demo(own_promoted: SimpleNamespace) -> Demo:
    """The demo of this project's own schema. Tests change nothing of it."""
    return Demo(own_promoted.config)


@pytest.fixture
def odd(project: Callable[..., Config]) -> Demo:
    """A demo for a table of every type, with names and values that trip what is not escaped."""
    config = project(ODD, TARGET, **{"split.by": "random"})
    update_yaml(config.paths.schema_, {"columns.bis.role": "feature"})
    ingest.run(config)
    pipeline.run(config)
    train.run(config)
    promotion.promote(config, "v0.1", force=True)  # whether it is good does not matter here
    return Demo(config)
