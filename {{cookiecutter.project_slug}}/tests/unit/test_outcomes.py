"""Feedback takes what the version that predicted could have predicted, and nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from {{ cookiecutter.package_name }}.predict.outcomes import Outcomes
from {{ cookiecutter.package_name }}.predict.problems import ProblemError

Serve = Callable[..., Any]  # gives a context manager
Problem = Callable[[httpx.Response, int], dict[str, Any]]
YES_NO = Outcomes("v0.1", ("no", "yes"), (False, True))
NUMBERS = Outcomes("v0.1", ("0", "1"), (0.0, 1.0))


@pytest.mark.parametrize(
    ("outcomes", "label"),
    [(YES_NO, "no"), (YES_NO, True), (NUMBERS, "1"), (NUMBERS, 1), (Outcomes("v0.1"), -2.5)],
)
def test_an_outcome_is_taken(outcomes: Outcomes, label: Any) -> None:
    outcomes.check(label)


@pytest.mark.parametrize(
    ("outcomes", "label"),
    [(YES_NO, "Yes"), (YES_NO, 1), (NUMBERS, True), (NUMBERS, 2), (Outcomes("v0.1"), "2.5")],
)
def test_anything_else_is_refused(outcomes: Outcomes, label: Any) -> None:
    with pytest.raises(ProblemError) as caught:
        outcomes.check(label)
    assert caught.value.status == 422
    assert "v0.1" in caught.value.errors[0].rule


def test_the_version_says_which_labels_fit(serve: Serve, problem: Problem, tmp_path: Path) -> None:
    with serve(prediction_log=str(tmp_path / "predictions.jsonl")) as api:
        row = api.service.served().request_schema.example_row()
        told = {"prediction_id": api.client.post("/predict", json=row).json()["prediction_id"]}
        answer = problem(api.client.post("/feedback", json=told | {"label": "of no class"}), 422)
        assert answer["errors"][0]["field"] == "label"
        path = api.client.get("/openapi.json").json()["paths"]["/feedback"]["post"]
        shape = path["requestBody"]["content"]["application/json"]["schema"]["properties"]["label"]
        label = shape["enum"][-1] if "enum" in shape else 12.5
        assert api.client.post("/feedback", json=told | {"label": label}).status_code == 202
