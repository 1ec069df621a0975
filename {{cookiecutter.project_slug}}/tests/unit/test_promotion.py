"""Promotion: better, worse, equal, none yet; never against itself, never on learned rows."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import promotion
from {{ cookiecutter.package_name }}.models.promotion import Rows, compare_versions
from {{ cookiecutter.package_name }}.utils.files import sha256

DRAW = np.random.default_rng(5)
N = 2000
TRUTH = (DRAW.random(N) < 0.4).astype(np.float64)


def shares(quality: float, wrong: np.ndarray | None = None) -> np.ndarray:
    """Probabilities that know the truth to some degree; where `wrong`, they say the opposite."""
    yes = 0.5 + quality * (TRUTH - 0.5) + DRAW.normal(0, 0.05, N)
    if wrong is not None:
        yes = np.where(wrong, 1 - yes, yes)
    yes = np.clip(yes, 0.01, 0.99)
    return np.column_stack([1 - yes, yes]).astype(np.float32)


def predicted_classes(
    rows: Rows, task: Literal["classification", "regression"] = "classification"
) -> Any:
    return compare_versions(rows, task, slice_rows=50, slice_floor=0.05, resamples=200)


def test_better_is_promoted_and_worse_rejected() -> None:
    good, poor = shares(0.15), shares(0.03)
    assert predicted_classes(Rows(TRUTH, good, poor)).decision == "promote"
    assert predicted_classes(Rows(TRUTH, poor, good)).decision == "reject"


def test_equal_is_held() -> None:
    same = shares(0.1)
    decision = predicted_classes(Rows(TRUTH, same, same))
    assert decision.decision == "inconclusive"
    assert decision.difference == (0.0, 0.0, 0.0)


def test_a_fallen_slice_rejects() -> None:
    small = DRAW.random(N) < 0.08
    names = ["small" if is_small else "rest" for is_small in small]
    better_but = shares(0.6, wrong=small)
    decision = predicted_classes(Rows(TRUTH, better_but, shares(0.02), {"size": names}))
    assert decision.difference is not None
    assert decision.difference[1] > 0
    assert decision.decision == "reject"
    assert "slice size=small" in decision.reasons[1]


def test_regression_lower_error_is_better() -> None:
    truth = DRAW.normal(size=N)
    near = (truth + DRAW.normal(0, 0.1, N)).astype(np.float32)
    far = (truth + DRAW.normal(0, 0.5, N)).astype(np.float32)
    assert predicted_classes(Rows(truth, near, far), "regression").decision == "promote"
    assert predicted_classes(Rows(truth, far, near), "regression").decision == "reject"


@pytest.fixture
def two(trained: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A folder of models with the trained version and a copy of it."""
    for name in ("v0.1", "v0.2"):
        shutil.copytree(trained.model.folder, tmp_path / "models" / name)
    values = trained.config.model_dump(by_alias=True)
    values["paths"] |= {"models": str(tmp_path / "models"), "artifacts": str(tmp_path)}
    values["serve"]["store"] = str(tmp_path / "models")
    return Config.model_validate(values)


def pointer(config: Config) -> Any:
    path = config.paths.models / "champion.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def test_first_then_equal_then_back(two: Config) -> None:
    assert promotion.promote(two, "v0.1").reasons == ("no champion yet",)
    assert pointer(two) == {"version": "v0.1", "previous": None}
    with pytest.raises(UserError, match="not compared with itself"):
        promotion.promote(two, "v0.1")
    decision = promotion.promote(two, "v0.2")
    assert (decision.decision, decision.candidate, decision.champion) == (
        "inconclusive",
        "v0.2",
        "v0.1",
    )
    assert decision.rows > 0
    assert pointer(two)["version"] == "v0.1"
    written = json.loads((two.paths.artifacts / "v0.2/decision.json").read_text(encoding="utf-8"))
    assert written["decision"] == "inconclusive"
    with pytest.raises(UserError, match="to go back to"):
        promotion.rollback(two)
    assert promotion.promote(two, "v0.2", force=True).decision == "promote"
    assert promotion.rollback(two) == "v0.1"
    assert pointer(two) == {"version": "v0.1", "previous": "v0.2"}


def test_test_rows_are_rows_neither_has_learned_from(trained: SimpleNamespace, two: Config) -> None:
    rows = promotion.test_rows(two, trained.model, trained.model)
    assert len(rows.target) == trained.model.metadata.data.rows.test
    changed = two.model_dump(by_alias=True)
    changed["split"]["seed"] = 99
    with pytest.raises(UserError, match="another split"):
        promotion.test_rows(Config.model_validate(changed), trained.model, trained.model)


def test_another_target_is_a_change_over(two: Config) -> None:
    promotion.promote(two, "v0.1")
    path = two.paths.models / "v0.1/preprocessor.json"
    preprocessor = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(preprocessor | {"target": "something else"}), encoding="utf-8")
    metadata = json.loads((path.parent / "metadata.json").read_text(encoding="utf-8"))
    metadata["files"]["preprocessor.json"] = sha256(path)
    (path.parent / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    decision = promotion.promote(two, "v0.2")
    assert decision.decision == "promote"
    assert "predicts something else" in decision.reasons[0]
