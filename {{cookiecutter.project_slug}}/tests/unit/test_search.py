"""What a search found: which trial is the best, and its pictures; what it refuses to begin."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from {{ cookiecutter.package_name }} import config as configuration
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import tune
from {{ cookiecutter.package_name }}.reports.search import Search, Trial, draw
from {{ cookiecutter.package_name }}.workflows import tuning

SCORES = (0.61, 0.7, 0.7, 0.9, 0.65)
TRIALS = tuple(
    Trial(i, "pruned" if score == 0.9 else "finished", "linear", {"C": 10.0**i}, score, 0.1)
    for i, score in enumerate(SCORES, start=1)
)
FOUND = Search("roc_auc", 500, 3, "linear", 0.62, TRIALS)


def test_the_best_is_the_first_best_that_was_finished() -> None:
    best, worst = FOUND.best, replace(FOUND, metric="mae").best
    assert best is not None
    assert worst is not None
    assert (best.number, worst.number) == (2, 1)
    assert replace(FOUND, trials=()).best is None


def test_the_search_is_drawn() -> None:
    pictures = draw(FOUND)
    assert set(pictures) == {"search", "parameters"}
    assert all(picture.startswith(b"\x89PNG") for picture in pictures.values())
    assert set(draw(replace(FOUND, trials=TRIALS[3:4]))) == {"search"}


def test_it_says_what_is_missing(
    trained: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match="run `make tune` once"):
        tune.run(trained.config, tmp_path / "trials.db")
    with pytest.raises(UserError, match="search from the file that it extends"):
        tuning.run(trained.config, tmp_path / "tuned.yml")


def test_a_range_ascends() -> None:
    with pytest.raises(ValueError, match="the least value comes first"):
        configuration.Tune(ranges={"num_leaves": (64, 4)})
