"""The proof of the whole way: its windows, its page, and that it says what fails."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from pydantic import SecretStr

from {{ cookiecutter.package_name }} import config as configuration
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.reports.proof import Step, render, verdict
from {{ cookiecutter.package_name }}.workflows import prove, prove_windows

Make = Callable[..., configuration.Config]
HOSTILE = "<script>alert(1)</script>"


def test_the_first_window_lacks_what_shifts(
    untrained: configuration.Config, tmp_path: Path
) -> None:
    windows = prove_windows.cut(untrained, tmp_path)
    before, after = (pl.read_csv(path) for path in (windows.before, windows.after))
    assert windows.column is not None
    assert (before.height, after.height) == windows.rows
    highest, lowest = before[windows.column].max(), after[windows.column].max()
    assert isinstance(highest, float | int)
    assert isinstance(lowest, float | int)
    assert highest <= windows.cut < lowest
    assert before.join(after, on="id", how="anti").is_empty()
    assert all(row[windows.column] > windows.cut for row in windows.shifted)
    assert not any((row[windows.column] or 0) > windows.cut for row in windows.usual)
    assert "y" not in windows.usual[0]
    other = prove_windows.cut(untrained, tmp_path, ignored=[windows.column])
    assert other.column != windows.column


def test_a_table_without_numbers_only_grows(
    project: Make, frame: pl.DataFrame, tmp_path: Path
) -> None:
    windows = prove_windows.cut(project(frame.drop("x"), "y"), tmp_path)
    assert windows.column is None
    assert windows.shifted == []
    assert windows.rows[0] < windows.rows[1] == frame.height


def test_too_few_rows_are_refused(project: Make, frame: pl.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="fewer than 60 rows for train, val or test"):
        prove_windows.cut(project(frame.head(150), "y"), tmp_path)


def test_what_fails_is_said_and_written(untrained: configuration.Config, folder: Path) -> None:
    data = untrained.data.model_copy(update={"source": "nowhere.csv"})
    told: list[Step] = []
    state, page = prove.run(untrained.model_copy(update={"data": data}), told.append)
    assert state == "failed"
    assert [step.name for step in told] == ["data"]
    assert "nowhere.csv" in page.read_text(encoding="utf-8")
    record = json.loads((folder / "artifacts/proof.json").read_text(encoding="utf-8"))
    assert record["verdict"] == "failed"


def test_its_copy_reaches_nothing_of_the_project(
    untrained: configuration.Config, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not its store, its folders, its log or its keys, wherever the configuration is."""

    def stop(*_: object) -> None:
        raise UserError("far enough")

    monkeypatch.setattr(prove, "_train", stop)
    changes = {"store": "s3://real/models", "prediction_log": Path("log.jsonl")}
    key = {"api_key": SecretStr("a key")}
    serve = untrained.serve.model_copy(update=changes | key)
    paths = untrained.paths.model_copy(update={"models": folder / "models"})
    prove.run(untrained.model_copy(update={"serve": serve, "paths": paths}), lambda step: None)
    work = folder / "artifacts" / prove.FOLDER / prove.WORK
    assert "a key" not in (work / configuration.DEFAULT).read_text(encoding="utf-8")
    monkeypatch.chdir(work)
    copy = configuration.load_config(environ={})
    assert copy.serve.store == "models"
    assert copy.serve.prediction_log is None
    assert copy.paths == configuration.Paths()
    assert copy.train == untrained.train
    assert copy.split == untrained.split
    assert copy.data.source == untrained.data.file_name


def test_settings_of_this_shell_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("{{ cookiecutter.package_name | upper }}__SERVE__STORE", "s3://real")
    assert "{{ cookiecutter.package_name | upper }}__SERVE__STORE" not in prove.environment()


def test_the_page_tells_the_worst(tmp_path: Path) -> None:
    fine, open_ = Step("train", "about"), Step("gate", HOSTILE, state="open", said=[HOSTILE])
    assert verdict([fine]) == "proven"
    assert verdict([fine, open_]) == "open"
    assert verdict([replace(fine, state="failed"), open_]) == "failed"
    page = render([fine, open_], {"model": "m"}, tmp_path)
    assert "Not all of it is proven" in page
    assert HOSTILE not in page
