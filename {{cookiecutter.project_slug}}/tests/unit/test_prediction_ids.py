"""Prediction ids say what was predicted, and none but ours are believed."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from {{ cookiecutter.package_name }}.predict.prediction_ids import (
    MOST_LENGTH,
    PredictionIds,
)

Serve = Callable[..., Any]  # gives a context manager
Problem = Callable[[httpx.Response, int], dict[str, Any]]


def test_an_id_says_what_was_predicted() -> None:
    ids = PredictionIds(b"a key of this test")
    before = int(time.time())
    made = ids.new("v0.12", 0.123456789)
    read = PredictionIds(b"a key of this test").read(made)
    assert read is not None
    assert read.version == "v0.12"
    assert read.score == pytest.approx(0.123457)
    assert before <= read.time <= time.time()
    of_three = ids.read(ids.new("v0.1", 0.75, 2))
    assert of_three is not None
    assert (of_three.score, of_three.predicted_class) == (0.75, 2)
    assert len({ids.new("v0.1", 1.0) for _ in range(1000)}) == 1000
    assert len(ids.new("v123456.123456", -1.23456e-300)) <= MOST_LENGTH


@pytest.mark.parametrize("other", ["", "_", "v0.1_1_1_0.5_00", "\ud800", "x" * 128])
def test_what_is_not_signed_is_not_believed(other: str) -> None:
    ids = PredictionIds(b"a key of this test")
    assert ids.read(other) is None
    made = ids.new("v0.1", 0.5)
    assert ids.read(made.replace("0.5", "0.9")) is None
    assert PredictionIds(b"another key of this test").read(made) is None


def test_feedback(serve: Serve, problem: Problem, tmp_path: Path) -> None:
    log = tmp_path / "logs/predictions.jsonl"
    with serve(prediction_log=str(log)) as api:
        row = api.service.served().request_schema.example_row()
        answer = api.client.post("/predict", json=row).json()
        classes = api.service.served().model.metadata.classes
        label = classes[-1] if classes else 12.5
        outcome = {"prediction_id": answer["prediction_id"], "label": label}
        assert api.client.post("/feedback", json=outcome).status_code == 202
        problem(api.client.post("/feedback", json=outcome), 409)
        problem(api.client.post("/feedback", json=outcome | {"prediction_id": "made-up"}), 404)
        problem(api.client.post("/feedback", json={"label": 1}), 422)
        problem(api.client.post("/feedback", content=b"{"), 400)
    (prediction,) = lines(log)
    (told,) = lines(log.with_name("predictions-feedback.jsonl"))
    assert prediction["prediction_id"] == told["prediction_id"] == answer["prediction_id"]
    assert prediction["input"].keys() == row.keys()
    assert told["label"] == label
    assert told["model_version"] == answer["model_version"]
    score = list(answer.get("probabilities", {"": answer["prediction"]}).values())[-1]
    assert told["score"] == pytest.approx(score, rel=1e-5)


def test_no_log_no_feedback(serve: Serve, problem: Problem) -> None:
    with serve() as api:
        body = {"prediction_id": "x", "label": 1}
        assert (
            "prediction log is off"
            in problem(api.client.post("/feedback", json=body), 404)["detail"]
        )


def lines(path: Path) -> list[dict[str, Any]]:
    import json

    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
