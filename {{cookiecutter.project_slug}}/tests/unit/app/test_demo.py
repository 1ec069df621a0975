"""The demo: its form is the schema's, and it says what the API says."""

import json
import re
import shutil
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.data import ingest
from {{ cookiecutter.package_name }}.data.schema import Column
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import promotion, train
from {{ cookiecutter.package_name }}.predict.request_schema import InvalidError
from {{ cookiecutter.package_name }}.predict.response import build_response
from {{ cookiecutter.package_name }}.preprocess import pipeline
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml

from app import plots
from app.demo import (
    MISSING,
    POINTS,
    Change,
    Demo,
    grid,
    json_value,
    make_field,
    missing_text,
    shown,
)

Make = Callable[..., Config]
Rows = Callable[[dict[str, Column]], st.SearchStrategy[dict[str, Any]]]
DRAW = np.random.default_rng(3)
N = 300
TARGET = "Größe {m²}"
ODD = pl.DataFrame(
    {
        "Länge (cm)": [None if i % 9 == 0 else i / 7 for i in range(N)],
        "a.b $x_1$": DRAW.integers(0, 5, N),
        "<b>Sorte</b> & 'Art' 🚀": DRAW.choice(["früh", "spät, sehr", 'a "b" <i>', MISSING], N),
        "frei": [None if i % 11 == 0 else bool(i % 2) for i in range(N)],
        "bis": [datetime(2024, 3, 1, 8) + timedelta(hours=h) for h in range(N)],
        TARGET: DRAW.choice(["$5$", "10%", "<20>"], N),
    }
)


@pytest.fixture(scope="module")
def demo(promoted: SimpleNamespace) -> Demo:
    return Demo(promoted.config)


@pytest.fixture
def odd(project: Make) -> Demo:
    """A demo for a table of every type, with names and values that trip what is not escaped."""
    config = project(ODD, TARGET, **{"split.by": "random"})
    update_yaml(config.paths.schema_, {"columns.bis.role": "feature"})
    ingest.run(config)
    pipeline.run(config)
    train.run(config)
    promotion.promote(config, "v0.1")
    return Demo(config)


def with_store(config: Config, store: Path) -> Config:
    values = config.model_dump(by_alias=True)
    values["serve"] |= {"store": str(store), "poll_seconds": 0.05}
    return Config.model_validate(values)


def texts(row: dict[str, Any]) -> dict[str, str]:
    return {name: shown(value) for name, value in row.items()}


def test_form_has_the_columns_of_a_request(demo: Demo) -> None:
    fields = {field.name: field for field in demo.fields()}
    assert list(fields) == list(demo.request_schema.columns)
    for name, column in demo.request_schema.columns.items():
        field = fields[name]
        assert (field.missing is not None) == column.nullable
        assert column.description in field.help
        assert (column.unit or "") in field.help
        if column.values is not None:
            assert field.closed
            assert field.choices == tuple(map(str, column.values))
        if column.type in ("integer", "float"):
            edges = [edge for edge in (column.min, column.max) if edge is not None]
            assert all(shown(edge) in field.help for edge in edges)


def test_categories_without_a_list_are_those_of_training(odd: Demo) -> None:
    preprocessor = odd.model().preprocessor
    levels = {
        item.name: set(item.levels) for item in preprocessor.inputs if item.kind == "category"
    }
    fields = {field.name: field for field in odd.fields()}
    assert levels
    for name, known in levels.items():
        assert set(fields[name].choices) == known
        assert fields[name].missing not in known


def test_examples_predict_what_training_recorded(demo: Demo) -> None:
    model = demo.model()
    recorded = {
        json.dumps(entry.row, sort_keys=True): entry.prediction for entry in model.metadata.golden
    }
    rows = demo.examples()
    assert len({json.dumps(row, default=str) for row in rows}) == len(rows) > 1
    for row in rows:
        key = json.dumps(row, sort_keys=True, default=datetime.isoformat)
        result = demo.predict(texts(row)).result
        found = list(result.get("probabilities", {"": result["prediction"]}).values())
        assert found == pytest.approx(recorded[key], abs=1e-4)


def test_a_form_gives_the_row_and_the_answer_of_the_api(demo: Demo, rows: Rows) -> None:
    model = demo.model()

    @settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
    @given(rows(demo.request_schema.columns))
    def check(row: dict[str, Any]) -> None:
        for value in row.values():
            assume(not isinstance(value, str) or value.strip() not in ("", MISSING))
        answer = demo.predict(texts(row))
        (expected,) = build_response(model, [row], str)
        assert answer.row == row
        assert answer.result == {k: v for k, v in expected.items() if k != "prediction_id"}

    check()


def test_every_mistake_is_named_at_its_field(odd: Demo) -> None:
    bad = {"integer": "1.5", "number": "much", "datetime": "soon", "yes-no": "perhaps"}
    fields = odd.fields()
    typed = {field.name: bad.get(field.kind, field.start) for field in fields}
    with pytest.raises(InvalidError) as refused:
        odd.predict(typed)
    expected = [field.name for field in fields if field.kind in bad]
    assert len(expected) == len(bad)
    assert [mistake.field for mistake in refused.value.mistakes] == expected


def test_an_empty_field_is_missing(demo: Demo) -> None:
    needed = [name for name, column in demo.request_schema.columns.items() if not column.nullable]
    empty = [name for name, column in demo.request_schema.columns.items() if column.nullable]
    start = {field.name: field.start for field in demo.fields()}
    answer = demo.predict(start | dict.fromkeys(empty, ""))
    assert [answer.row[name] for name in empty] == [None] * len(empty)
    if needed:
        with pytest.raises(InvalidError, match="is missing"):
            demo.predict(start | {needed[0]: " "})


@pytest.mark.parametrize(
    ("kind", "typed", "sent"),
    [
        ("float", " 2.50 ", 2.5),
        ("float", "2,5", "2,5"),
        ("float", "NaN", "NaN"),
        ("float", "1e999", "1e999"),
        ("integer", "3.0", 3.0),
        ("integer", "true", "true"),
        ("boolean", "yes", True),
        ("boolean", "Yes!", "Yes!"),
        ("datetime", "2024-02-29 08:30", "2024-02-29 08:30:00"),
        ("datetime", "2024-02-29T08:30:59", "2024-02-29T08:30:59"),
        ("datetime", "2024-02-29", "2024-02-29T00:00:00"),
        ("string", " as typed ", " as typed "),
        ("string", MISSING, None),
        ("string", "", None),
    ],
)
def test_typed_text_becomes_what_a_caller_would_send(kind: Any, typed: str, sent: Any) -> None:
    found = json_value(Column(type=kind), typed)
    assert found == sent
    assert type(found) is type(sent)


def test_the_text_for_missing_is_no_value() -> None:
    assert missing_text(("a", MISSING)) not in ("a", MISSING)


def test_what_ifs_predict_valid_rows_with_one_value_changed(odd: Demo) -> None:
    row = odd.examples()[0]
    start = odd.predict(texts(row))
    changes = odd.changes()
    assert {change.column for change in changes} == set(odd.request_schema.columns)
    fields = {field.name: field for field in odd.fields()}
    for change in changes:
        found = odd.what_if(start, change)
        assert found is not None
        assert 1 < len(found.values) <= POINTS
        for value, predicted in zip(found.values, found.predicted, strict=True):
            missing = fields[change.column].missing or ""
            typed = shown(value, missing) if value is None else shown(value)
            if fields[change.column].missing is None and typed == MISSING:
                continue  # means an empty field there
            again = odd.predict(texts(row) | {change.column: typed})
            assert again.row == start.row | {change.column: value}
            assert again.result["probabilities"][found.label] == pytest.approx(predicted, abs=1e-6)


@pytest.mark.parametrize(
    ("step", "column", "now"),
    [
        ("value", Column(type="integer", min=1, max=3), 2),
        ("value", Column(type="float", min=0, max=1), None),
        ("hour", Column(type="datetime", min=datetime(2024, 1, 1, 9)), datetime(2024, 1, 1, 12)),
        ("day", Column(type="datetime", max=datetime(2024, 1, 9)), datetime(2024, 1, 1, 12)),
        ("day", Column(type="datetime"), datetime(1, 1, 2)),
    ],
)
def test_what_ifs_stay_in_range(step: Any, column: Any, now: Any, demo: Demo) -> None:
    values = grid(Change("x", step), {"x": now}, column, demo.model().preprocessor)
    assert values == sorted(set(values))
    assert 1 < len(values) <= POINTS
    assert all(column.min is None or value >= column.min for value in values)
    assert all(column.max is None or value <= column.max for value in values)


def test_a_missing_date_has_no_other_hours(demo: Demo) -> None:
    column = Column(type="datetime")
    assert grid(Change("x", "hour"), {"x": None}, column, demo.model().preprocessor) == []


def test_listed_numbers_are_typed_and_compared(demo: Demo) -> None:
    column = Column(type="integer", values=(3, 1, 2))
    preprocessor = demo.model().preprocessor
    assert not make_field("x", column, preprocessor, 1).closed
    assert sorted(grid(Change("x", "value"), {"x": 2}, column, preprocessor), key=str) == [
        1,
        2,
        3,
        None,
    ]


def test_reasons_add_up_to_the_answer(demo: Demo) -> None:
    answer = demo.predict({field.name: field.start for field in demo.fields()})
    reasons = demo.reasons(answer)
    assert list(reasons.contributions) == [item.name for item in answer.model.preprocessor.inputs]
    assert reasons.base + sum(reasons.contributions.values()) == pytest.approx(reasons.raw)
    if "probabilities" not in answer.result:
        assert reasons.raw == pytest.approx(answer.result["prediction"], rel=1e-4)
    elif len(answer.result["probabilities"]) == 2:
        second = list(answer.result["probabilities"].values())[1]
        assert 1 / (1 + np.exp(-reasons.raw)) == pytest.approx(second, abs=1e-4)


def test_a_model_that_gives_no_reasons_still_answers(
    promoted: SimpleNamespace, tmp_path: Path
) -> None:
    shutil.copytree(promoted.model.folder, tmp_path / "v0.1")
    (tmp_path / "v0.1/model.txt").unlink(missing_ok=True)
    metadata = json.loads((tmp_path / "v0.1/metadata.json").read_text("utf-8"))
    (tmp_path / "v0.1/metadata.json").write_text(
        json.dumps(metadata | {"explanation": None}), "utf-8"
    )
    pointer = {"version": "v0.1", "previous": None}
    (tmp_path / "champion.json").write_text(json.dumps(pointer), "utf-8")
    demo = Demo(with_store(promoted.config, tmp_path))
    answer = demo.predict({field.name: field.start for field in demo.fields()})
    assert answer.result
    with pytest.raises(UserError, match="no contributions"):
        demo.reasons(answer)


def test_plots_show_any_name_as_it_is(odd: Demo) -> None:
    answer = odd.predict(texts(odd.examples()[0]))
    drawn = [plots.reasons(odd.reasons(answer), odd.about(answer))]
    found = [odd.what_if(answer, change) for change in odd.changes()]
    drawn += [plots.what_if(one, "p <&> $x$") for one in found if one is not None]
    assert len(drawn) == 1 + len(found)
    said = ["".join(ET.fromstring(picture).itertext()) for picture in drawn]
    assert "<b>Sorte</b>" in said[0]
    assert all("p <&> $x$" in text for text in said[1:])
    assert 'a "b" <i>' in "".join(said)


def test_visitors_at_once_see_the_same_picture(demo: Demo) -> None:
    import matplotlib as mpl

    answer = demo.predict(texts(demo.examples()[0]))
    found = demo.reasons(answer)
    before = dict(mpl.rcParams)
    with ThreadPoolExecutor(6) as pool:
        drawn = list(pool.map(lambda _: plots.reasons(found, "x"), range(24)))
    # Parts of a picture that refer to each other are named at random.
    assert len({re.sub(r"[a-z]\w{10,}", "", one) for one in drawn}) == 1
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("edge", ["0001-01-01 00:00", "9999-12-31 23:59"])
def test_dates_at_the_ends_of_the_calendar_are_drawn(demo: Demo, edge: str) -> None:
    moments = [name for name, c in demo.request_schema.columns.items() if c.type == "datetime"]
    if not moments:
        pytest.skip(
            "this project has no column of dates: what-ifs at the calendar's ends not drawn"
        )
    answer = demo.predict({**texts(demo.examples()[0]), moments[0]: edge})
    for step in ("hour", "day"):
        found = demo.what_if(answer, Change(moments[0], step))
        if found is not None:
            assert plots.what_if(found, "x").startswith("<svg")


def test_a_new_champion_answers(promoted: SimpleNamespace, tmp_path: Path) -> None:
    def point(version: str) -> None:
        text = json.dumps({"version": version, "previous": None})
        (tmp_path / "champion.json").write_text(text, encoding="utf-8")

    for version in ("v0.1", "v0.2"):
        shutil.copytree(promoted.model.folder, tmp_path / version)
    point("v0.1")
    demo = Demo(with_store(promoted.config, tmp_path))
    assert demo.model().version == "v0.1"
    point("v0.2")
    time.sleep(0.1)
    answer = demo.predict({field.name: field.start for field in demo.fields()})
    assert answer.model.version == "v0.2"
    assert demo.reasons(answer)


def test_without_a_champion_it_says_what_to_do(promoted: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="make all") as refused:
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
