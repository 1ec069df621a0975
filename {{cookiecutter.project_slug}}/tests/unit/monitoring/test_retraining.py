"""Training anew: only where enough looks found drift, once in a while, and by the gate."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models.registry import ModelRegistry
from {{ cookiecutter.package_name }}.monitoring.settings import Monitoring, Retraining
from {{ cookiecutter.package_name }}.workflows import retraining, training

MONDAY = datetime(2030, 1, 7, tzinfo=UTC)
Make = Callable[[pl.DataFrame, str], Config]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of three looks, a hundred rows, a week."""
    asked = Retraining(looks=3, drifted=2, new_rows=100, pause_days=7)
    monkeypatch.setattr(retraining, "load_settings", lambda: Monitoring(retraining=asked))


@pytest.fixture
def rows(watched: SimpleNamespace) -> pl.DataFrame:
    """The raw table, as text."""
    return pl.read_csv(watched.table, infer_schema=False)


@pytest.fixture
def with_table(watched: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """The watched project in a folder of its own, with another table: `with_table(rows, "a")`."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(watched.config.paths.models, "models")
    values: dict[str, Any] = watched.config.model_dump(by_alias=True)
    places = ("raw", "processed", "models", "artifacts")
    values["paths"] |= {name: str(tmp_path / name) for name in places}
    values["serve"]["store"] = str(tmp_path / "models")

    def make(frame: pl.DataFrame, name: str) -> Config:
        frame.write_csv(f"{name}.csv")
        values["data"] = {"source": f"{name}.csv"}
        return Config.model_validate(values)

    return make


def shifted(rows: pl.DataFrame, copies: int) -> pl.DataFrame:
    """All rows, and some of them again with another id, later, where one number is high."""
    later = rows.head(200 * copies).with_columns(
        id=pl.concat_str([pl.lit(f"later {copies} "), pl.col("id")]), count=pl.lit("49")
    )
    return pl.concat([rows, later])


@pytest.mark.usefixtures("settings")
def test_looks_are_counted_and_training_waits_for_its_pause(
    with_table: Make, rows: pl.DataFrame
) -> None:
    first = with_table(shifted(rows, 2), "first")
    (why,) = retraining.run(first, MONDAY).against
    assert "1 of the latest 1 looks found drift" in why
    (why,) = retraining.run(first, MONDAY).against  # the same rows again count once
    assert "1 of the latest 1 looks" in why
    outcome = retraining.run(with_table(shifted(rows, 3), "second"), MONDAY)
    assert outcome.against == ()
    assert outcome.promotion is not None
    assert outcome.promotion.candidate == "v0.2"
    assert outcome.promotion.decision in ("promote", "inconclusive", "reject")
    again = with_table(shifted(rows, 4), "third")
    assert any("next may on 2030-01-14" in why for why in retraining.run(again, MONDAY).against)
    later = retraining.run(again, MONDAY + timedelta(days=8))
    assert not any("next may" in why for why in later.against)


@pytest.mark.usefixtures("settings")
def test_the_same_rows_are_no_reason(with_table: Make, rows: pl.DataFrame) -> None:
    config = with_table(rows, "same")
    drifted, more = retraining.run(config, MONDAY).against
    assert "0 of the latest 1 looks" in drifted
    assert "0 rows with a target more" in more
    registry = ModelRegistry(config.serve.store, config.serve.cache)
    assert registry.needed_champion().version == "v0.1"


@pytest.mark.usefixtures("settings")
def test_one_that_fails_is_not_begun_again(
    with_table: Make, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    retraining.run(with_table(shifted(rows, 2), "first"), MONDAY)

    def fail(*_: object) -> None:
        raise UserError("the disk is full")

    monkeypatch.setattr(training, "run", fail)
    config = with_table(shifted(rows, 3), "second")
    with pytest.raises(UserError, match="the disk is full"):
        retraining.run(config, MONDAY)
    assert any("next may" in why for why in retraining.run(config, MONDAY).against)
    state = json.loads((config.paths.artifacts / retraining.STATE).read_text(encoding="utf-8"))
    assert state["last"].startswith("2030-01-07")


@pytest.mark.usefixtures("settings")
def test_a_broken_state_is_named(with_table: Make, rows: pl.DataFrame) -> None:
    config = with_table(rows, "same")
    retraining.run(config, MONDAY)
    (config.paths.artifacts / retraining.STATE).write_text("{}}", encoding="utf-8")
    with pytest.raises(UserError, match="broken"):
        retraining.run(config, MONDAY)
