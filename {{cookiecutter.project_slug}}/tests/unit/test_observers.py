from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.predict import observers
from {{ cookiecutter.package_name }}.predict.prediction_ids import Predicted, PredictionIds


class Kept:
    """Keeps what it is told."""

    def __init__(self, metrics: CollectorRegistry) -> None:
        self.versions: list[str] = []
        self.rows: list[Any] = []
        self.outcomes: list[Any] = []
        self.flushed = 0

    def serves(self, model: Any, registry: Any) -> None:
        self.versions.append(model.version)

    def predicted(self, version: str, x: Any, y_pred: Any) -> None:
        self.rows.append((version, x, y_pred))

    def told(self, predicted: Predicted, label: Any) -> None:
        self.outcomes.append((predicted.version, predicted.score, label))

    def flush(self) -> None:
        self.flushed += 1


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(observer=Kept)
    monkeypatch.setattr(observers, "load_part", lambda name, setting: module)


def test_observers_are_told(
    kept: None, serve: Callable[..., Any], tmp_path: Any, trained: SimpleNamespace
) -> None:
    with serve(observers=["some.module"], prediction_log=tmp_path / "log.jsonl") as api:
        (observer,) = api.service.observers
        assert observer.versions == ["v0.1"]
        row = api.service.served().request_schema.example_row()
        answer = api.client.post("/predict", json=row).json()
        many = api.client.post("/predict", json=[row] * 20).json()
        label = trained.model.metadata.classes[0] if trained.model.metadata.classes else 1.5
        told = {"prediction_id": answer["prediction_id"], "label": label}
        assert api.client.post("/feedback", json=told).status_code == 202
        score = api.service.ids.read(answer["prediction_id"]).score
        assert isinstance(api.service.ids, PredictionIds)
    assert [(version, len(x), len(y)) for version, x, y in observer.rows] == [
        ("v0.1", 1, 1),
        ("v0.1", 20, 20),
    ]
    (y_pred,) = observer.rows[0][2]
    given = list(answer["probabilities"].values()) if "probabilities" in answer else y_pred
    assert y_pred == given
    assert len(many["predictions"]) == 20
    assert observer.outcomes == [("v0.1", score, label)]
    assert observer.flushed > 0


def test_one_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match=r"serve\.observers"):
        observers.load_observers(["nothing"], CollectorRegistry())
