from types import SimpleNamespace
from typing import Any

import pytest

from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import attachments, train
from {{ cookiecutter.package_name }}.models.attachments import Fitted
from {{ cookiecutter.package_name }}.models.registry import find_version


def test_files_are_added_and_checksummed(
    trained: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    seen: list[Fitted] = []

    def attach(fitted: Fitted) -> dict[str, bytes]:
        seen.append(fitted)
        return {"more.txt": b"more"}

    module = SimpleNamespace(attach=attach)
    monkeypatch.setattr(attachments, "load_part", lambda name, setting: module)
    config = trained.config
    changes = {
        "train": config.train.model_copy(update={"attachments": ("some.module",)}),
        "paths": config.paths.model_copy(update={"models": tmp_path}),
    }
    train.run(config.model_copy(update=changes))
    model = find_version(tmp_path)  # all checksums are right
    assert (model.folder / "more.txt").read_bytes() == b"more"
    assert "more.txt" in model.metadata.files
    x, y = seen[0].sets["test"]
    assert len(x) == len(y) == len(seen[0].recipe(x)) == model.metadata.data.rows.test


def test_a_module_that_is_not_there(trained: SimpleNamespace) -> None:
    with pytest.raises(UserError, match=r"train\.attachments"):
        attachments.attach(["nothing"], None)  # type: ignore[arg-type]  # it is not reached
