"""A version that has a reference, of the known table."""

from collections.abc import Iterator
from contextlib import chdir
from types import SimpleNamespace
from typing import Any

import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.models import train
from {{ cookiecutter.package_name }}.models.registry import ModelRegistry, find_version
from {{ cookiecutter.package_name }}.monitoring.reference import open_reference


@pytest.fixture(scope="session")
def watched(
    trained: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SimpleNamespace]:
    """`config`, `model`, `registry`, `reference` and `table`, the raw one; it is the champion."""
    folder = tmp_path_factory.mktemp("watched")
    values: dict[str, Any] = trained.config.model_dump(by_alias=True)
    values["train"]["attachments"] = ["monitoring.reference"]
    values["paths"] |= {"models": str(folder / "models"), "artifacts": str(folder / "artifacts")}
    values["serve"]["store"] = str(folder / "models")
    config = Config.model_validate(values)
    with chdir(folder):
        train.run(config)
        model = find_version(config.paths.models)
        registry = ModelRegistry(config.serve.store, config.serve.cache)
        registry.set_champion(model.folder, "for these tests")
        yield SimpleNamespace(
            config=config,
            model=model,
            registry=registry,
            reference=open_reference(model, registry),
            table=config.paths.raw / config.data.file_name,
        )
