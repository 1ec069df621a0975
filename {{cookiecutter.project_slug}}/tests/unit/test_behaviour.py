"""What the schema declares of the model: the fit obeys it, and evaluation looks at it."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.data import ingest
from {{ cookiecutter.package_name }}.data.schema import Column, load_schema
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import behaviour, promotion, train
from {{ cookiecutter.package_name }}.models.model_io import ModelVersion
from {{ cookiecutter.package_name }}.models.registry import find_version
from {{ cookiecutter.package_name }}.preprocess import pipeline
from {{ cookiecutter.package_name }}.reports.behaviour import Behaviour
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml
from {{ cookiecutter.package_name }}.workflows import evaluation

Make = Callable[..., Config]
N = 600
DRAW = np.random.default_rng(3)
X = DRAW.normal(size=N)
TABLE = pl.DataFrame(
    {
        "x": X,
        "odd": [None if i % 30 == 0 else value for i, value in enumerate(DRAW.normal(size=N))],
        "kind": DRAW.choice(["a", "b"], N),
        "noise": DRAW.normal(size=N),
        "y": X + 0.5 * DRAW.normal(size=N) > 0,
        "size": 10 * X + DRAW.normal(size=N),
        "three": np.digitize(X + DRAW.normal(size=N), [-0.5, 0.5]).astype(str),
    }
)
TARGETS = ("y", "size", "three")
MODEL = {"train.model": "gradient_boosting", "train.params": {"n_estimators": 30}}


def declare(make: Make, target: str, columns: dict[str, dict[str, Any]], **settings: Any) -> Config:
    """Make a project of the table whose schema declares something, and preprocess it."""
    frame = TABLE.drop(name for name in TARGETS if name != target)
    config = make(frame, target, **{"split.by": "random", **MODEL, **settings})
    asked = {f"columns.{name}.{key}": v for name, of in columns.items() for key, v in of.items()}
    update_yaml(config.paths.schema_, asked)
    ingest.run(config)
    pipeline.run(config)
    return config


def claimed(model: ModelVersion, config: Config, **columns: dict[str, Any]) -> list[Behaviour]:
    """Look at what another schema would declare of a model that knows nothing of it."""
    there = dict(model.metadata.columns)
    there |= {name: there[name].model_copy(update=update) for name, update in columns.items()}
    other = replace(model, metadata=model.metadata.model_copy(update={"columns": there}))
    path, _ = ingest.raw_table(config)
    return behaviour.measure(other, behaviour.read_rows(path, other, 100, None))


@pytest.mark.parametrize("target", ["y", "size"])
def test_the_fit_obeys_and_free_ones_are_found_out(project: Make, target: str) -> None:
    config = declare(project, target, {"noise": {"monotone": "down"}, "x": {"monotone": "up"}})
    train.run(config)
    bound = find_version(config.paths.models)
    path, _ = ingest.raw_table(config)
    rows = behaviour.read_rows(path, bound, 100, None)
    kept = behaviour.measure(bound, rows)
    assert [(one.column, one.declared) for one in kept] == [
        ("x", "monotone: up"),
        ("noise", "monotone: down"),
    ]
    assert all(one.holds and one.failed == 0 and one.rows > 50 for one in kept)

    free = declare(project, target, {})
    train.run(free)
    model = find_version(free.paths.models)
    asked = {"monotone": "down", "invariant": True}
    down, matters, noise = claimed(model, free, x=asked, noise={"monotone": "down"})
    for one in (down, matters, noise):
        assert not one.holds
        assert 0 < one.failed <= one.rows
        assert f"broken in {one.failed:,} of {one.rows:,} rows, such as " in str(one)
    assert down.failed == down.rows


def test_expectations_are_looked_at_and_not_enforced(project: Make) -> None:
    columns: dict[str, dict[str, Any]] = {
        "x": {"expect": "up"},
        "odd": {"expect": "down"},
        "kind": {"invariant": True, "role": "ignore"},
    }
    config = declare(project, "size", columns, **{"evaluate.slices": []})
    train.run(config)
    measured = evaluation.run(config)
    up, nothing, ignored = measured.behaviour
    assert up.change is not None
    assert up.holds
    assert up.change.low > 5
    assert nothing.rows < up.rows, "rows without a value are no test of it"
    assert ignored.holds
    assert ignored.failed == 0
    assert measured.failures == []
    page = measured.report.read_text(encoding="utf-8")
    assert "x (expect: up): from low to high values the prediction changes by" in page
    model = find_version(config.paths.models)
    (down,) = claimed(
        model, config, x={"expect": "down"}, odd={"expect": None}, kind={"invariant": False}
    )
    assert not down.holds
    assert "the other way round" in str(down)


def test_what_is_broken_is_not_promoted(project: Make) -> None:
    config = declare(project, "y", {"x": {"invariant": True}})
    train.run(config)
    measured = evaluation.run(config)
    with pytest.raises(UserError, match=r"x \(invariant: true\): broken in \d+ of \d+ rows"):
        evaluation.check_demands(measured)
    stored = json.loads((measured.folder / "evaluation.json").read_text(encoding="utf-8"))
    assert stored["failures"] == measured.failures
    decision = promotion.promote(config, "v0.1")
    assert (decision.decision, list(decision.reasons)) == ("reject", measured.failures)
    assert promotion.promote(config, "v0.1", force=True).forced
    (measured.folder / "evaluation.json").write_text("{", encoding="utf-8")
    train.run(config)
    (config.paths.artifacts / "v0.2").mkdir()
    (config.paths.artifacts / "v0.2/evaluation.json").write_text("[", encoding="utf-8")
    with pytest.raises(
        UserError, match=r"evaluation\.json: broken; run `evaluate --version v0\.2`"
    ):
        promotion.promote(config, "v0.2")


def test_models_that_do_not_obey_are_refused_or_passed_over(project: Make) -> None:
    asked = {"x": {"monotone": "up"}}
    config = declare(project, "size", asked, **{"train.model": "linear", "train.params": {}})
    with pytest.raises(UserError, match="linear cannot be held to `monotone`") as caught:
        train.run(config)
    assert "take gradient_boosting, or say `expect`" in str(caught.value)
    config = declare(project, "size", asked, **{"train.model": "auto", "train.params": {}})
    train.run(config)
    record = find_version(config.paths.models).metadata
    assert record.model == "gradient_boosting"
    assert record.choice is not None
    assert list(record.choice.scores) == ["gradient_boosting"]
    params = {"mc": [1, 0, 0, 0]}
    config = declare(project, "size", asked, **{"train.params": params})
    with pytest.raises(UserError, match="stand in the schema already"):
        train.run(config)


def test_more_than_two_classes_have_no_up(project: Make) -> None:
    with pytest.raises(UserError, match="for two classes, or for a number to predict"):
        train.run(declare(project, "three", {"x": {"monotone": "up"}}))
    config = declare(project, "three", {"x": {"invariant": True}})
    train.run(config)
    (found,) = evaluation.run(config).behaviour
    assert not found.holds


@pytest.mark.parametrize(
    ("column", "named"),
    [
        (
            {"type": "category", "monotone": "up"},
            "`monotone` is for type integer, float or boolean",
        ),
        ({"type": "datetime", "expect": "up"}, "`expect` is for type integer, float or boolean"),
        ({"type": "float", "role": "ignore", "monotone": "up"}, "are for role: feature"),
        ({"type": "float", "monotone": "rising"}, "'up' or 'down'"),
    ],
)
def test_declarations_that_make_no_sense(column: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Column.model_validate(column)


def test_a_new_setting_leaves_the_hash_of_a_schema_as_it_is(project: Make) -> None:
    path = project(TABLE.drop("size", "three"), "y").paths.schema_
    before = load_schema(path).hash
    update_yaml(path, {"columns.x.invariant": False})
    assert load_schema(path).hash == before
    update_yaml(path, {"columns.x.invariant": True})
    assert load_schema(path).hash != before
