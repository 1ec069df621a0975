"""What stands in data/processed: of one run, and of this schema."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.data.schema import load_schema
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.preprocess import pipeline, processed
from {{ cookiecutter.package_name }}.preprocess.preprocessor import Preprocessor

Make = Callable[..., Config]
Sets = Callable[[Config], dict[str, pl.DataFrame]]


def opened(config: Config) -> tuple[Preprocessor, processed.Summary]:
    schema = load_schema(config.paths.schema_)
    return processed.load(config.paths.processed, schema.hash, config.task)


def test_mixed_and_outdated_files_are_noticed(
    project: Make, frame: pl.DataFrame, sets: Sets
) -> None:
    with pytest.raises(UserError, match="run `preprocess` first"):
        opened(project(frame, "y"))
    config = project(frame, "y")
    sets(config)
    opened(config)
    Path("data/processed/val.parquet").unlink()
    with pytest.raises(UserError, match="different runs"):
        opened(config)
    pipeline.run(config)
    path = Path("configs/schema.yml")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("nullable: false", "nullable: true", 1), encoding="utf-8")
    with pytest.raises(UserError, match="the schema has changed since"):
        opened(config)


def test_processed_files_say_what_they_were_made_with(trained: SimpleNamespace) -> None:
    path = trained.config.paths.processed / "train.parquet"
    metadata = pl.read_parquet_metadata(path)
    assert metadata["schema_hash"] == load_schema(trained.config.paths.schema_).hash
    assert metadata["preprocessor_hash"] == trained.model.preprocessor.hash
