"""Training runs as files: what is written when a run begins, ends, fails, or is killed."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from {{ cookiecutter.package_name }} import config as configuration
from {{ cookiecutter.package_name }}.cli import app
from {{ cookiecutter.package_name }}.config import Config, load_config
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models.model_io import METADATA
from {{ cookiecutter.package_name }}.tracking import runs
from {{ cookiecutter.package_name }}.tracking.commands import differences, table
from {{ cookiecutter.package_name }}.tracking.runs import Run
from {{ cookiecutter.package_name }}.utils.files import host
from {{ cookiecutter.package_name }}.workflows import training

NOW = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def config(folder: Path) -> Config:
    return load_config(environ={})


def done(name: str, **changes: Any) -> Run:
    made = Run(id=name, state="finished", started=NOW, ended=NOW, where=(host(), os.getpid()))
    return made.model_copy(update=changes)


def test_a_run_ends_with_its_version(config: Config, trained: SimpleNamespace) -> None:
    artifacts, metadata = config.paths.artifacts, trained.model.metadata
    with runs.recorded(config) as this:
        (begun,) = runs.read_runs(artifacts)
        assert (begun.state, begun.ended, begun.version) == ("running", None, None)
        runs.finish(artifacts, this, trained.model.folder / METADATA, metadata)
    runs.add_metrics(artifacts, "v0.1", {"roc_auc": 0.7})
    runs.add_metrics(artifacts, "v9.9", {"roc_auc": 0.1})  # trained elsewhere: nothing to add to
    (run,) = runs.read_runs(artifacts)
    assert (run.state, run.version, run.error) == ("finished", "v0.1", None)
    validation = {f"val_{name}": value for name, value in metadata.metrics.items()}
    assert run.metrics == validation | {"test_roc_auc": 0.7}
    assert run.params["model"] == metadata.model


def test_a_training_that_fails_is_a_failed_run(config: Config) -> None:
    with pytest.raises(UserError, match="is not there yet"):
        training.run(config)  # nothing was ingested
    (run,) = runs.read_runs(config.paths.artifacts)
    assert run.state == "failed"
    assert run.error is not None
    assert "run `preprocess` first" in run.error


def test_a_killed_training_is_a_failed_run(config: Config) -> None:
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    dead.wait()
    folder = config.paths.artifacts / runs.FOLDER
    folder.mkdir(parents=True)
    places = {"dead": (host(), dead.pid), "alive": (host(), os.getpid()), "other": ("else", 1)}
    for name, where in places.items():
        run = done(name, state="running", ended=None, where=where)
        (folder / f"{name}.json").write_text(run.model_dump_json(), "utf-8")
    for _ in range(2):  # it is noted
        states = {run.id: run.state for run in runs.read_runs(config.paths.artifacts)}
        assert states == {"alive": "running", "dead": "failed", "other": "running"}
    assert json.loads((folder / "dead.json").read_text("utf-8"))["error"].startswith("its process")


def test_a_broken_file_is_named(config: Config) -> None:
    folder = config.paths.artifacts / runs.FOLDER
    folder.mkdir(parents=True)
    (folder / "x.json").write_text("{", "utf-8")
    with pytest.raises(UserError, match=r"x\.json: broken .*delete it"):
        runs.read_runs(config.paths.artifacts)


def test_the_table_and_what_two_runs_differ_in() -> None:
    one = done("a", version="v0.1", params={"model": "linear"}, metrics={"val_mae": 2.0})
    other = done("b", params={"model": "linear", "seed": 1}, metrics={"val_mae": 1.5})
    rows, numbers = table([one, other])
    assert rows[0][-numbers:] == ["val_mae"]
    assert [row[-1] for row in rows[1:]] == ["2.0000", "1.5000"]
    assert differences(one, other) == {"seed": (None, 1), "val_mae": (2.0, 1.5)}


def test_the_commands(config: Config) -> None:
    call = CliRunner().invoke
    assert "Next: train" in call(app, ["runs", "list"]).output
    with pytest.raises(UserError):
        training.run(config)
    (run,) = runs.read_runs(config.paths.artifacts)
    assert f"{run.id}: {run.error}" in call(app, ["runs", "list"]).output
    assert json.loads(call(app, ["runs", "list", "--json"]).output)[0]["id"] == run.id
    assert call(app, ["runs", "compare", run.id, run.id, "--json"]).output == "{}\n"
    with pytest.raises(UserError, match=r"no run 'v0\.9'"):
        call(app, ["runs", "compare", "v0.9", run.id], catch_exceptions=False)


class Listener:
    """A sink that fails when it is told to."""

    heard: tuple[Mapping[str, Any], ...] = ()

    def sync(self, config: Config, settings: Mapping[str, Any]) -> list[str]:
        self.heard = (*self.heard, settings)
        if settings["fails"]:
            raise UserError("it is away")
        return ["heard"]


def test_sinks_are_told_and_stop_nothing(
    config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener()
    monkeypatch.setattr(runs, "load_part", lambda name, setting: listener)
    monkeypatch.setattr(runs, "told", set())
    caplog.set_level("INFO")
    for fails in (False, False, True):
        told = configuration.Tracking(sinks={"workflows.listener": {"fails": fails}})
        runs.tell_sinks(config.model_copy(update={"tracking": told}))
    assert [settings["fails"] for settings in listener.heard] == [False, False, True]
    assert caplog.text.count("heard") == 1
    assert "it is away" in caplog.text
