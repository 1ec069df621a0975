"""What stands in data/processed: of one run, and of this schema."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from {{ cookiecutter.package_name }}.config import Config, load_config
from {{ cookiecutter.package_name }}.data.schema import load_schema
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.features.known import FEATURES, Feature
from {{ cookiecutter.package_name }}.models import train
from {{ cookiecutter.package_name }}.models.model_io import verify_golden_rows
from {{ cookiecutter.package_name }}.models.registry import find_version
from {{ cookiecutter.package_name }}.preprocess import current, pipeline, processed
from {{ cookiecutter.package_name }}.preprocess.preprocessor import Preprocessor
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml

Make = Callable[..., Config]
Sets = Callable[[Config], dict[str, pl.DataFrame]]


def opened(config: Config) -> tuple[Preprocessor, processed.Summary]:
    return current.load(config)


def test_mixed_and_outdated_files_are_noticed(
    project: Make, frame: pl.DataFrame, sets: Sets
) -> None:
    with pytest.raises(UserError, match="run `preprocess` first"):
        opened(project(frame, "y"))
    config = project(frame, "y")
    sets(config)
    opened(config)
    processed.part_path(config.paths.processed, "val", 0).unlink()
    with pytest.raises(UserError, match="different runs"):
        opened(config)
    pipeline.run(config)
    path = Path("configs/schema.yml")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("nullable: false", "nullable: true", 1), encoding="utf-8")
    with pytest.raises(
        UserError, match=r"is stale: configs/schema.yml changed since; run `preprocess`"
    ):
        opened(config)


def test_processed_files_say_what_they_were_made_with(trained: SimpleNamespace) -> None:
    path = processed.part_path(trained.config.paths.processed, "train", 0)
    metadata = pl.read_parquet_metadata(path)
    assert metadata["schema_hash"] == load_schema(trained.config.paths.schema_).hash
    assert metadata["preprocessor_hash"] == trained.model.preprocessor.hash


def test_training_refuses_what_other_settings_made(
    project: Make, frame: pl.DataFrame, sets: Sets
) -> None:
    sets(project(frame, "y"))
    path = Path("configs/default.yml")
    before = path.read_text(encoding="utf-8")
    for changes, named in (
        ({"split.val_from": "2024-01-15T00:00:00"}, "split changed since"),
        ({"features.max_categories": 3}, "features.max_categories changed since"),
    ):
        update_yaml(path, changes)
        with pytest.raises(UserError, match=f"is stale: {named}; run `preprocess` again"):
            train.run(load_config(environ={}))
        path.write_text(before, encoding="utf-8")
    update_yaml(path, {"data.batch_rows": 7})  # what makes no difference is no change
    assert train.run(load_config(environ={})).version == "v0.1"


def test_an_edited_feature_is_noticed_and_old_versions_go_on(
    project: Make, frame: pl.DataFrame, sets: Sets, monkeypatch: pytest.MonkeyPatch
) -> None:
    feature = Feature("double", ("x",), "number", lambda x: x * 2)
    monkeypatch.setitem(FEATURES, "double", feature)
    config = project(frame, "y", **{"features.derived": ["double"]})
    sets(config)
    train.run(config)
    row = find_version(config.paths.models).metadata.golden[0]
    monkeypatch.setitem(FEATURES, "double", Feature("double", ("x",), "number", lambda x: x * 9))
    with pytest.raises(UserError, match="is stale: feature 'double' changed since"):
        train.run(config)
    monkeypatch.delitem(FEATURES, "double")
    model = find_version(config.paths.models)
    verify_golden_rows(model)
    parsed = model.preprocessor.parse_row(row.row)
    assert model.predictor.predict_row(parsed) == pytest.approx(row.prediction)


def test_a_random_split_is_not_drawn_anew_when_a_column_is_left_out(
    project: Make, frame: pl.DataFrame, sets: Sets
) -> None:
    config = project(frame.drop("when"), "y")
    before = sets(config)
    rule = processed.load(config.paths.processed)[1].split
    path = Path("configs/schema.yml")
    text = path.read_text(encoding="utf-8")
    head, tail = text.split("  team:\n", 1)
    tail = tail.replace("role: feature", "role: ignore", 1)
    path.write_text(f"{head}  team:\n{tail}", encoding="utf-8")
    pipeline.run(config, rule.columns)
    for name, part in before.items():
        again = processed.read_set(config.paths.processed, name)
        assert again["__row"].to_list() == part["__row"].to_list()


@pytest.mark.parametrize("keep", [10, 900])
def test_a_damaged_set_is_named(project: Make, frame: pl.DataFrame, sets: Sets, keep: int) -> None:
    config = project(frame, "y")
    sets(config)
    path = processed.part_path(config.paths.processed, "val", 0)
    content = path.read_bytes()
    path.write_bytes(content[:keep])
    with pytest.raises(UserError, match=r"val: broken .*run `preprocess` again"):
        opened(config)
    path.write_bytes(b"x" * keep + content[keep:])
    with pytest.raises(UserError, match=r"val: broken .*run `preprocess` again"):
        processed.read_set(config.paths.processed, "val")
