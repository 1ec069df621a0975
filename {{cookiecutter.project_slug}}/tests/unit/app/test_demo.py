"""The demo predicts what the API predicts, with the champion of the moment."""

import json
import shutil
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.data.schema import Column
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.predict.response import build_response

from app.demo import Demo
from app.form import MISSING, form_values

Rows = Callable[[dict[str, Column]], st.SearchStrategy[dict[str, Any]]]


def with_store(config: Config, store: Path) -> Config:
    values = config.model_dump(by_alias=True)
    values["serve"] |= {"store": str(store), "poll_seconds": 0.05}
    return Config.model_validate(values)


def test_examples_predict_what_training_recorded(demo: Demo) -> None:
    model = demo.model()
    recorded = {
        json.dumps(entry.row, sort_keys=True): entry.prediction for entry in model.metadata.golden
    }
    rows = demo.examples()
    assert len({json.dumps(row, default=str) for row in rows}) == len(rows) > 1
    for row in rows:
        key = json.dumps(row, sort_keys=True, default=datetime.isoformat)
        result = demo.predict(form_values(row)).result
        y_pred = list(result.get("probabilities", {"": result["prediction"]}).values())
        assert y_pred == pytest.approx(recorded[key], abs=1e-4)


def test_a_form_gives_the_row_and_the_prediction_of_the_api(own_demo: Demo, rows: Rows) -> None:
    model = own_demo.model()

    @settings(max_examples=40)
    @given(rows(own_demo.request_schema.columns))
    def check(row: dict[str, Any]) -> None:
        for value in row.values():
            assume(not isinstance(value, str) or value.strip() not in ("", MISSING))
        prediction = own_demo.predict(form_values(row))
        (expected,) = build_response(model, [row], lambda *_: "")
        assert prediction.row == row
        assert prediction.result == {k: v for k, v in expected.items() if k != "prediction_id"}

    check()


def test_contributions_add_up_to_the_prediction(demo: Demo) -> None:
    prediction = demo.predict({field.name: field.start for field in demo.fields()})
    contributions = demo.contributions(prediction)
    assert list(contributions.contributions) == [
        item.name for item in prediction.model.preprocessor.inputs
    ]
    assert contributions.base + sum(contributions.contributions.values()) == pytest.approx(
        contributions.raw
    )
    if "probabilities" not in prediction.result:
        assert contributions.raw == pytest.approx(prediction.result["prediction"], rel=1e-4)
    elif len(prediction.result["probabilities"]) == 2:
        second = list(prediction.result["probabilities"].values())[1]
        assert 1 / (1 + np.exp(-contributions.raw)) == pytest.approx(second, abs=1e-4)


def test_a_model_that_gives_no_contributions_still_predicts(
    promoted: SimpleNamespace, tmp_path: Path
) -> None:
    shutil.copytree(promoted.model.folder, tmp_path / "v0.1")
    (tmp_path / "v0.1/model.txt").unlink(missing_ok=True)
    metadata = json.loads((tmp_path / "v0.1/metadata.json").read_text("utf-8"))
    (tmp_path / "v0.1/metadata.json").write_text(
        json.dumps(metadata | {"explanation": None}), "utf-8"
    )
    pointer = {"version": "v0.1"}
    (tmp_path / "champion.json").write_text(json.dumps(pointer), "utf-8")
    demo = Demo(with_store(promoted.config, tmp_path))
    prediction = demo.predict({field.name: field.start for field in demo.fields()})
    assert prediction.result
    with pytest.raises(UserError, match="no contributions"):
        demo.contributions(prediction)


def test_a_new_champion_predicts(promoted: SimpleNamespace, tmp_path: Path) -> None:
    def point(version: str) -> None:
        text = json.dumps({"version": version})
        (tmp_path / "champion.json").write_text(text, encoding="utf-8")

    for version in ("v0.1", "v0.2"):
        shutil.copytree(promoted.model.folder, tmp_path / version)
    point("v0.1")
    demo = Demo(with_store(promoted.config, tmp_path))
    assert demo.model().version == "v0.1"
    point("v0.2")
    time.sleep(0.1)
    prediction = demo.predict({field.name: field.start for field in demo.fields()})
    assert prediction.model.version == "v0.2"
    assert demo.contributions(prediction)


def test_without_a_champion_it_says_what_to_do(promoted: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="models promote") as refused:
        Demo(with_store(promoted.config, tmp_path))
    assert refused.value.code == 1


def test_card_is_for_people(demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "make evaluate" in demo.card()
    card = Path("model_card.md")
    card.write_text("---\nlicense: mit\n---\n\n# Card\n\n<!-- run:details -->\nv0.1\n", "utf-8")
    assert demo.card() == "# Card\n\nv0.1\n"
    card.write_text("# Card\n\nv0.11\n", "utf-8")
    assert "another version" in demo.card()
