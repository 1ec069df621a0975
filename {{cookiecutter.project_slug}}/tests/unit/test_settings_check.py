"""Settings that cannot work are refused before anything is written."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.data import ingest
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.features.known import FEATURES, Feature
from {{ cookiecutter.package_name }}.preprocess import pipeline

Make = Callable[..., Config]


@pytest.mark.parametrize("role", ["leak", "id", "ignore", "target"])
def test_derived_features_use_only_what_is_known(
    project: Make, frame: pl.DataFrame, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    monkeypatch.setitem(FEATURES, "double", Feature("double", ("x",), "number", lambda x: x * 2))
    frame = frame.drop("y") if role == "target" else frame
    config = project(frame, "x" if role == "target" else "y", **{"features.derived": ["double"]})
    path = Path("configs/schema.yml")
    text = path.read_text(encoding="utf-8")
    if role != "target":
        head, tail = text.split("  x:\n", 1)
        text = head + "  x:\n" + tail.replace("role: feature", f"role: {role}", 1)
    path.write_text(text, encoding="utf-8")
    ingest.run(config)
    with pytest.raises(UserError, match=rf"'double' uses 'x', whose role is {role}"):
        pipeline.run(config)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"features.derived": ["nope"]}, "no feature 'nope'"),
        ({"split.by": "group", "split.group": "nope"}, "no column 'nope'"),
        ({"task": "regression"}, "regression needs a number"),
        ({"split.val_from": "2030-01-01", "split.test_from": "2031-01-01"}, "no rows left for val"),
        ({"split.val_from": "2001-01-01", "split.test_from": "2002-01-01"}, "left for train"),
    ],
)
def test_settings_that_cannot_work(
    project: Make, frame: pl.DataFrame, settings: dict[str, object], named: str
) -> None:
    config = project(frame, "y", **settings)
    ingest.run(config)
    with pytest.raises(UserError, match=named):
        pipeline.run(config)
    folder = Path("data/processed")
    assert not folder.exists() or not list(folder.iterdir())
