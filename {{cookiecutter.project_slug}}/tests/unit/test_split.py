"""The split: never ahead in time, never one row in two sets."""

from collections.abc import Callable
from types import SimpleNamespace

import polars as pl

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.preprocess import processed

Make = Callable[..., Config]
Sets = Callable[[Config], dict[str, pl.DataFrame]]


def test_time_split_never_looks_ahead(project: Make, frame: pl.DataFrame, sets: Sets) -> None:
    parts = sets(project(frame.sample(fraction=1, shuffle=True, seed=0), "y"))
    assert parts["train"]["when"].max() < parts["val"]["when"].min()  # type: ignore[operator]
    assert parts["val"]["when"].max() < parts["test"]["when"].min()  # type: ignore[operator]
    assert sum(part.height for part in parts.values()) == frame.height


def test_random_split_is_stable_and_keeps_equal_rows_together(
    project: Make, frame: pl.DataFrame, sets: Sets
) -> None:
    once = frame.drop("when")
    twice = pl.concat([once, once.with_columns(("again " + pl.col("id")).alias("id"))])
    parts = sets(project(twice, "y"))
    homes: dict[float, str] = {}
    for name, part in parts.items():
        for x in part["x"].to_list():
            assert homes.setdefault(x, name) == name
    assert 0.1 < parts["test"].height / twice.height < 0.3


def test_group_split_keeps_groups_together(project: Make, frame: pl.DataFrame, sets: Sets) -> None:
    split = {"split.by": "group", "split.group": "team", "split.seed": 3}
    parts = sets(project(frame.drop("when"), "y", **split))
    teams = [set(part["team"].drop_nans().to_list()) for part in parts.values()]
    assert not teams[0] & teams[1]
    assert not teams[0] & teams[2]


def test_train_and_test_share_no_row(trained: SimpleNamespace) -> None:
    preprocessor = trained.model.preprocessor
    names = [item.name for item in preprocessor.inputs] + (
        [preprocessor.time] if preprocessor.time else []
    )
    train, test = (
        processed.read_set(trained.config.paths.processed, name) for name in ("train", "test")
    )
    assert train.select(names).join(test.select(names), on=names, nulls_equal=True).height == 0
