"""Promotion: against the champion, else the baseline; on rows neither learned from; and back."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.data import ingest
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import promotion
from {{ cookiecutter.package_name }}.models.model_io import Metadata
from {{ cookiecutter.package_name }}.models.registry import (
    ModelRegistry,
    Pointer,
    find_version,
)
from {{ cookiecutter.package_name }}.models.unseen_rows import read_unseen_rows
from {{ cookiecutter.package_name }}.utils.files import sha256

Changes = dict[str, Any]


@pytest.fixture
def two(trained: SimpleNamespace, tmp_path: Path) -> Config:
    """A folder of models with the trained version and a copy of it."""
    for name in ("v0.1", "v0.2"):
        shutil.copytree(trained.model.folder, tmp_path / "models" / name)
    values = trained.config.model_dump(by_alias=True)
    values["paths"] |= {"models": str(tmp_path / "models"), "artifacts": str(tmp_path)}
    values["serve"]["store"] = str(tmp_path / "models")
    return Config.model_validate(values)


def pointer(config: Config) -> Pointer | None:
    return ModelRegistry(config.serve.store, config.serve.cache).champion()


def rewrite(config: Config, version: str, **changes: Any) -> None:
    """Change what a version's metadata say."""
    path = config.paths.models / version / "metadata.json"
    metadata = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(metadata | changes), encoding="utf-8")


def without_skill(config: Config, version: str) -> None:
    """Put the baseline in the model's place."""
    model = find_version(config.paths.models, version)
    for name in ("model.onnx", "recipe.onnx"):
        shutil.copy(model.folder / "baseline.onnx", model.folder / name)
    golden = [
        {"row": one.row, "prediction": model.baseline.predict_row(row)}
        for one in model.metadata.golden
        for row in [model.preprocessor.parse_row(one.row)]
    ]
    files = model.metadata.files | {
        name: sha256(model.folder / name) for name in ("model.onnx", "recipe.onnx")
    }
    design_matrix = model.metadata.baseline.design_matrix
    rewrite(config, version, golden=golden, files=files, design_matrix=design_matrix)


def test_first_then_equal_then_back(two: Config) -> None:
    first = promotion.promote(two, "v0.1")
    assert first.decision == "promote"
    assert "better than its baseline" in first.reasons[0]
    with pytest.raises(UserError, match="not compared with itself"):
        promotion.promote(two, "v0.1")
    decision = promotion.promote(two, "v0.2")
    assert (decision.decision, decision.candidate, decision.champion) == (
        "inconclusive",
        "v0.2",
        "v0.1",
    )
    assert decision.rows > 0
    now = pointer(two)
    assert now is not None
    assert (now.version, now.previous) == ("v0.1", ())
    written = json.loads((two.paths.artifacts / "v0.2/decision.json").read_text(encoding="utf-8"))
    assert written["decision"] == "inconclusive"
    with pytest.raises(UserError, match="to go back to"):
        promotion.rollback(two)


def test_each_rollback_goes_one_further(two: Config) -> None:
    shutil.copytree(two.paths.models / "v0.2", two.paths.models / "v0.3")
    for version in ("v0.1", "v0.2", "v0.3"):
        assert promotion.promote(two, version, force=True).forced
    assert promotion.rollback(two) == "v0.2 is the champion"
    assert promotion.rollback(two) == "v0.1 is the champion"
    with pytest.raises(UserError, match="to go back to"):
        promotion.rollback(two)
    now = pointer(two)
    assert now is not None
    assert [(one.version, one.reason) for one in now.history] == [
        ("v0.1", "forced"),
        ("v0.2", "forced"),
        ("v0.3", "forced"),
        ("v0.2", "rolled back from v0.3"),
        ("v0.1", "rolled back from v0.2"),
    ]
    assert all(one.who and one.when for one in now.history)


def test_a_first_version_without_skill_does_not_serve(two: Config) -> None:
    without_skill(two, "v0.1")
    decision = promotion.promote(two, "v0.1")
    assert decision.decision == "inconclusive"
    assert "not shown to be better than its baseline" in decision.reasons[0]
    assert "--force" in decision.reasons[-1]
    assert pointer(two) is None
    assert promotion.promote(two, "v0.1", force=True).decision == "promote"
    now = pointer(two)
    assert now is not None
    assert now.history[0].reason == "forced"


def test_a_version_that_cannot_be_served_is_not_promoted(two: Config) -> None:
    path = two.paths.models / "v0.1/metadata.json"
    metadata = json.loads(path.read_text(encoding="utf-8"))
    metadata["golden"][0]["prediction"][0] += 0.01
    path.write_text(json.dumps(metadata), encoding="utf-8")
    for force in (False, True):
        with pytest.raises(UserError, match="golden rows"):
            promotion.promote(two, "v0.1", force)
    assert pointer(two) is None


def test_test_rows_are_rows_neither_has_learned_from(trained: SimpleNamespace, two: Config) -> None:
    model = trained.model
    path = trained.config.paths.raw / trained.config.data.file_name
    rows = read_unseen_rows(path, 1000, model, model, [])
    assert len(rows.y_true) == model.metadata.data.rows.test
    # A champion that was split otherwise: only what is a test row for both is left.
    random = model.metadata.split.model_dump(mode="json") | {
        "by": "random",
        "columns": list(model.preprocessor.columns),
    }
    rewrite(two, "v0.1", split=random)
    other = find_version(two.paths.models, "v0.1")
    both = read_unseen_rows(path, 1000, model, other, [])
    assert 0 < len(both.y_true) < len(rows.y_true) / 3


def test_another_schema_is_compared_all_the_same(two: Config) -> None:
    promotion.promote(two, "v0.1")
    path = two.paths.models / "v0.2/preprocessor.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | {"schema_hash": "0" * 64}), encoding="utf-8")
    metadata = json.loads((path.parent / "metadata.json").read_text(encoding="utf-8"))
    rewrite(two, "v0.2", files=metadata["files"] | {"preprocessor.json": sha256(path)})
    assert promotion.promote(two, "v0.2").decision == "inconclusive"


def test_a_column_that_the_table_lacks_is_named(two: Config, tmp_path: Path) -> None:
    promotion.promote(two, "v0.1")
    columns = Metadata.read(two.paths.models / "v0.1").model_dump(mode="json")["columns"]
    split = Metadata.read(two.paths.models / "v0.1").split.model_dump(mode="json")
    rewrite(two, "v0.1", columns=columns, split=split | {"columns": ["gone"]})
    decision = promotion.promote(two, "v0.2")
    assert decision.decision == "inconclusive"
    assert "lacks what v0.1 needs: gone" in decision.reasons[0]


def test_another_target_must_beat_its_baseline(two: Config) -> None:
    promotion.promote(two, "v0.1")
    target = Metadata.read(two.paths.models / "v0.1").target
    columns = Metadata.read(two.paths.models / "v0.1").model_dump(mode="json")["columns"]
    columns["something else"] = columns.pop(target)
    rewrite(two, "v0.1", target="something else", columns=columns)
    decision = promotion.promote(two, "v0.2")
    assert decision.decision == "promote"
    assert "predicts another target: something else" in decision.reasons[0]
    assert "better than its baseline" in decision.reasons[1]


def test_few_rows_tell_nothing(
    two: Config, trained: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = trained.config.paths.raw / trained.config.data.file_name
    lines = raw.read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "few.csv").write_text("".join(lines[:40]), encoding="utf-8")
    few = tmp_path / "few.csv", None
    monkeypatch.setattr(ingest, "raw_table", lambda config: few)
    decision = promotion.promote(two, "v0.1")
    assert decision.decision == "inconclusive"
    assert "are needed to compare" in decision.reasons[0]


def test_a_champion_that_is_gone_is_named(two: Config) -> None:
    promotion.promote(two, "v0.1", force=True)
    shutil.rmtree(two.paths.models / "v0.1")
    with pytest.raises(UserError, match=r"champion, v0\.1, cannot be compared .*promote v0\.2"):
        promotion.promote(two, "v0.2")


def test_a_rollback_says_where_the_target_is_another(two: Config) -> None:
    promotion.promote(two, "v0.1", force=True)
    rewrite(two, "v0.2", target="another")
    promotion.promote(two, "v0.2", force=True)
    said = promotion.rollback(two)
    assert said.startswith("v0.1 is the champion; v0.1 predicts another target: y")
