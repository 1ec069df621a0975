"""The search for parameters: on the training rows alone, and on where it was stopped."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from {{ cookiecutter.package_name }} import config as configuration
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import tune
from {{ cookiecutter.package_name }}.preprocess import processed
from {{ cookiecutter.package_name }}.utils.yaml import read_yaml
from {{ cookiecutter.package_name }}.workflows import tuning

pytest.importorskip("optuna", reason="`make tune` installs Optuna")
pytestmark = pytest.mark.slow
Make = Callable[..., configuration.Config]


@pytest.fixture
def searched(trained: SimpleNamespace, tmp_path: Path) -> Callable[..., configuration.Config]:
    """The known table's project with artifacts of its own, as `searched(trials=3)`."""
    config: configuration.Config = trained.config

    def make(**changes: Any) -> configuration.Config:
        paths = config.paths.model_copy(update={"artifacts": tmp_path / "artifacts"})
        settings = configuration.Tune.model_validate({"trials": 3, "folds": 2, **changes})
        return config.model_copy(update={"paths": paths, "tune": settings})

    return make


def test_it_writes_what_was_best(searched: Make, tmp_path: Path) -> None:
    tuned = tuning.run(searched(trials=8), tmp_path / "mine.yml")
    best, search = tuned.search.best, tuned.search
    assert len(search.trials) == 8
    assert best is not None
    assert {path.name for path in tuned.folder.iterdir()} == {
        "parameters.png",
        "search.json",
        "search.png",
        "trials.db",
    }
    assert (tuned.config is not None) == search.beats(best.score, search.start)
    if tuned.config is not None:
        train = {"model": best.model, "params": best.params}
        assert read_yaml(tuned.config) == {"extends": "mine.yml", "train": train}


def test_it_goes_on_and_does_not_repeat_itself(searched: Make, tmp_path: Path) -> None:
    storage = tmp_path / "trials.db"
    first = tune.run(searched(), storage).trials
    both = tune.run(searched(trials=6), storage).trials
    assert both[:3] == first
    tried = [str(sorted(trial.params.items())) for trial in both]
    assert len(set(tried)) == len(both) == 6
    assert tune.run(searched(trials=6), storage).trials == both
    other = tune.run(searched(trials=1, ranges={"num_leaves": [3, 5]}), storage).trials
    assert [3 <= trial.params["num_leaves"] <= 5 for trial in other] == [True]


def test_it_reads_no_row_of_validation_or_test(searched: Make, tmp_path: Path) -> None:
    config = searched()
    before = tune.run(config, tmp_path / "before.db")
    folder = tmp_path / "processed"
    shutil.copytree(config.paths.processed, folder)
    paths = config.paths.model_copy(update={"processed": folder})
    config = config.model_copy(update={"paths": paths})
    shuffle_target(folder, "val")
    shuffle_target(folder, "test")
    after = tune.run(config, tmp_path / "after.db")
    assert [one.score for one in after.trials] == [one.score for one in before.trials]
    shuffle_target(folder, "train")
    assert tune.run(config, tmp_path / "other.db").start != after.start


def shuffle_target(folder: Path, name: str) -> None:
    """Write a set anew in which inputs and target belong to different rows."""
    path = processed.part_path(folder, name, 0)
    stamps = {k: v for k, v in pl.read_parquet_metadata(path).items() if k.endswith("_hash")}
    frame = pl.read_parquet(path, memory_map=False)
    shuffled = frame.with_columns(pl.col(processed.TARGET).shuffle(seed=1))
    shuffled.write_parquet(path, metadata=stamps)


def test_a_killed_search_goes_on(
    project: Make, frame: pl.DataFrame, sets: Callable[..., Any], tmp_path: Path
) -> None:
    config = project(frame, "y", **{"tune.trials": 1000, "tune.folds": 2})
    sets(config)
    command = [sys.executable, "-m", "{{ cookiecutter.package_name }}", "tune"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said: list[str] = []
        while not said or "trial 3 of 1000" not in said[-1]:
            said.append(process.stderr.readline())
            assert said[-1], said
        process.kill()
    storage = config.paths.artifacts / tuning.FOLDER / tuning.STORAGE
    one_more = config.tune.model_copy(update={"trials": 1})
    left = tune.run(config.model_copy(update={"tune": one_more}), storage).trials
    assert len(left) >= 3
    wanted = config.tune.model_copy(update={"trials": len(left) + 2})
    gone_on = tune.run(config.model_copy(update={"tune": wanted}), storage).trials
    assert len(gone_on) == len(left) + 2
    assert gone_on[: len(left)] == left


def test_a_wrong_range_is_said(searched: Make, tmp_path: Path) -> None:
    config = searched(ranges={"num_leavs": [3, 5]})
    with pytest.raises(UserError, match=r"tune\.ranges: .*did you mean 'num_leaves'"):
        tune.run(config, tmp_path / "trials.db")
    auto = config.model_copy(update={"train": config.train.model_copy(update={"model": "auto"})})
    with pytest.raises(UserError, match="name it in train"):
        tune.run(auto, tmp_path / "trials.db")


def test_of_auto_the_model_is_searched_too(searched: Make, tmp_path: Path) -> None:
    config = searched(trials=10)
    settings = config.train.model_copy(update={"model": "auto", "params": {}})
    found = tune.run(config.model_copy(update={"train": settings}), tmp_path / "trials.db")
    assert {trial.model for trial in found.trials} == {"linear", "gradient_boosting"}
    for trial in found.trials:
        few = {"C", "alpha"} & trial.params.keys()
        assert bool(few) == (trial.model == "linear")
        assert np.isfinite(trial.score)
