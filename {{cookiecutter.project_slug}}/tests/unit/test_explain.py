"""Reasons of a prediction: exact, of the model that is served, and readable."""

import itertools
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import lightgbm as lgb
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.data import ingest
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import estimators, explain, model_io, train
from {{ cookiecutter.package_name }}.models.explain import Explainer
from {{ cookiecutter.package_name }}.models.registry import Store
from {{ cookiecutter.package_name }}.predict.reload import (
    Served,
    open_served,
    plain_values,
)
from {{ cookiecutter.package_name }}.preprocess import pipeline
from {{ cookiecutter.package_name }}.preprocess.preprocessor import Input
from {{ cookiecutter.package_name }}.utils.files import sha256

Make = Callable[..., Config]
Rows = Callable[..., st.SearchStrategy[dict[str, Any]]]
DRAW = np.random.default_rng(5)
N = 400
FRAME = pl.DataFrame(
    {
        "a": [None if i % 7 == 0 else v for i, v in enumerate(DRAW.normal(size=N).tolist())],
        "b": DRAW.integers(0, 9, N),
        "c": DRAW.choice(["u", "v", "w"], N),
        "d": DRAW.random(N) > 0.5,
    }
).with_columns(
    two=(pl.col("a").fill_null(0.3) + (pl.col("c") == "u") + 0.1 * pl.col("b")) > 0.9,
    three=pl.col("c") + pl.when(pl.col("b") > 4).then(pl.lit("+")).otherwise(pl.lit("")),
    number=pl.col("b") * 1000.0 + pl.col("a").fill_null(0) * 300 + 50_000,
)
TARGETS = ("two", "three", "number")
SMALL = {"n_estimators": 3, "num_leaves": 5, "learning_rate": 0.3}


def opened(models: Path) -> Served:
    folder = models / model_io.versions(models)[-1]
    return open_served(folder, model_io.load_bundle(models).plan.schema_hash)


def made(project: Make, target: str, model: str) -> Explainer:
    """Train a model on the small table and explain it."""
    params = SMALL if model == "gradient_boosting" else {}
    others = [name for name in TARGETS if name != target]
    config = project(FRAME.drop(others), target, **{"train.model": model, "train.params": params})
    ingest.run(config)
    pipeline.run(config)
    train.run(config)
    return Explainer(opened(config.paths.models), Store(str(config.paths.models), Path("cache")))


def golden(served: Served) -> list[dict[str, Any]]:
    return [plain_values(entry["row"], served.plan) for entry in served.metadata["golden"]]


def linked(explainer: Explainer, row: dict[str, Any]) -> list[float]:
    """What the reasons say that the model predicts: probabilities by class, or the number."""
    classes = explainer.served.plan.classes
    raws = [explainer.reasons(row, i).raw for i in range(len(classes or "1"))]
    if classes is None:
        return raws
    if len(classes) == 2:
        return [1 / (1 + math.exp(-raw)) for raw in raws]
    total = sum(math.exp(raw) for raw in raws)
    return [math.exp(raw) / total for raw in raws]


@pytest.fixture
def explainer(trained: SimpleNamespace) -> Explainer:
    """The reasons of this project's own model."""
    models = trained.config.paths.models
    return Explainer(opened(models), Store(str(models), trained.folder / "cache"))


@pytest.fixture
def copied(trained: SimpleNamespace, tmp_path: Path) -> Path:
    """A folder of versions with a copy of this project's own model."""
    shutil.copytree(trained.bundle.path, tmp_path / "models/v0.1")
    return tmp_path / "models"


def test_reasons_add_up_for_golden_rows(trained: SimpleNamespace, explainer: Explainer) -> None:
    for entry in trained.bundle.metadata["golden"]:
        row = plain_values(entry["row"], trained.bundle.plan)
        found = explainer.reasons(row)
        assert list(found.contributions) == [item.name for item in trained.bundle.plan.inputs]
        assert found.raw == found.base + sum(found.contributions.values())
        expected = entry["prediction"]
        np.testing.assert_allclose(linked(explainer, row), expected, rtol=1e-5, atol=1e-6)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_reasons_add_up_for_any_valid_row(
    data: st.DataObject, trained: SimpleNamespace, explainer: Explainer, rows: Rows
) -> None:
    row = data.draw(rows(trained.bundle.plan.columns))
    expected = trained.bundle.predictor.predict_row(row)
    np.testing.assert_allclose(linked(explainer, row), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("model", ["dummy", "linear", "gradient_boosting"])
def test_every_model_and_task(project: Make, target: str, model: str) -> None:
    explainer = made(project, target, model)
    predictor = explainer.served.predictor
    for row in golden(explainer.served):
        found = linked(explainer, row)
        np.testing.assert_allclose(found, predictor.predict_row(row), rtol=1e-5, atol=1e-6)
        shares = explainer.reasons(row).contributions.values()
        assert any(shares) == (model != "dummy")


def test_two_classes_are_one_story_told_from_both_sides(project: Make) -> None:
    explainer = made(project, "two", "gradient_boosting")
    for row in golden(explainer.served):
        no, yes = explainer.reasons(row, 0), explainer.reasons(row, 1)
        assert no.contributions == {name: -share for name, share in yes.contributions.items()}
        assert (no.base, no.unit) == (-yes.base, "log-odds")
        chosen = explainer.served.predictor.predict_row(row)[1] >= 0.5
        assert explainer.reasons(row) == (yes if chosen else no)


def test_the_threshold_chooses_the_class(project: Make) -> None:
    explainer = made(project, "two", "dummy")
    served, row = explainer.served, golden(explainer.served)[0]
    share = served.predictor.predict_row(row)[1]
    for threshold, chosen in ((share - 0.01, 1), (share + 0.01, 0)):
        other = replace(served, metadata=served.metadata | {"threshold": threshold})
        store = explainer.store
        assert Explainer(other, store).reasons(row) == explainer.reasons(row, chosen)


def test_more_classes_have_scores(project: Make) -> None:
    explainer = made(project, "three", "gradient_boosting")
    row = golden(explainer.served)[0]
    chosen = int(np.argmax(explainer.served.predictor.predict_row(row)))
    assert explainer.reasons(row) == explainer.reasons(row, chosen)
    assert explainer.reasons(row).unit == "score"
    with pytest.raises(UserError, match="classes are 0 to 5"):
        explainer.reasons(row, 6)


def test_a_number_is_explained_in_its_unit(project: Make, trained: SimpleNamespace) -> None:
    explainer = made(project, "number", "gradient_boosting")
    served = explainer.served
    assert explainer.reasons(golden(served)[0]).unit == ""
    mean = np.mean(FRAME["number"].to_numpy())
    assert abs(explainer.reasons(golden(served)[0]).base - mean) < 500
    other = replace(served, metadata=served.metadata | {"unit": "m"})
    assert Explainer(other, explainer.store).reasons(golden(served)[0], 3).unit == "m"


@pytest.mark.parametrize("target", ["two", "number"])
def test_trees_give_shapley_values(project: Make, target: str) -> None:
    explainer = made(project, target, "gradient_boosting")
    served = explainer.served
    path = explainer.store.fetch(served.version, ["model.txt"]) / "model.txt"
    trees = lgb.Booster(model_str=path.read_text("utf-8")).dump_model()["tree_info"]
    spread = served.metadata["reasons"]["spread"]
    names = [item.name for item in served.plan.inputs]
    for row in [*golden(served)[:6], dict.fromkeys(served.plan.columns)]:
        codes = np.array(served.plan.row_encoder()(row), dtype=np.float32)
        found = explainer.reasons(row, 1)
        for i, name in enumerate(names):
            value = spread * shapley(trees, codes, i)
            assert math.isclose(found.contributions[name], value, rel_tol=1e-6, abs_tol=1e-6)


def shapley(trees: list[Any], x: Any, i: int) -> float:
    """The Shapley value of input i, by its definition: over all sets of the other inputs."""
    others = [j for j in range(len(x)) if j != i]
    total = 0.0
    for size in range(len(x)):
        weight = math.factorial(size) * math.factorial(len(others) - size) / math.factorial(len(x))
        for known in itertools.combinations(others, size):
            gain = sum(
                expected(tree["tree_structure"], x, {*known, i})
                - expected(tree["tree_structure"], x, set(known))
                for tree in trees
            )
            total += weight * gain
    return total


def expected(node: dict[str, Any], x: Any, known: set[int]) -> float:
    """A tree's mean output if only some inputs are known: the others go by the row counts."""
    if "leaf_value" in node:
        return float(node["leaf_value"])
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        return expected(left if goes_left(node, x[node["split_feature"]]) else right, x, known)
    counts = [child.get("internal_count", child.get("leaf_count")) for child in (left, right)]
    means = [expected(child, x, known) for child in (left, right)]
    return float(np.average(means, weights=counts))


def goes_left(node: dict[str, Any], value: float) -> bool:
    if node["decision_type"] == "==":
        levels = map(int, node["threshold"].split("||"))
        return not math.isnan(value) and int(value) in levels
    return bool(node["default_left"] if math.isnan(value) else value <= node["threshold"])


def test_linear_is_weight_times_value(project: Make) -> None:
    explainer = made(project, "two", "linear")
    served = explainer.served
    weights = linear_weights(explainer)
    items = {item.name: item for item in served.plan.inputs}
    assert list(items) == ["a", "b", "c", "d"]
    starts = {"a": 0, "b": 1, "c": 2, "d": 5}
    found = explainer.reasons({"a": 0.5, "b": 3, "c": "v", "d": True}, 1)
    for name, value in {"a": 0.5, "b": 3.0, "d": 1.0}.items():
        scaled = (value - items[name].mean) / items[name].std
        assert found.contributions[name] == pytest.approx(weights[starts[name]] * scaled, rel=1e-5)
    level = items["c"].levels.index("v")
    assert found.contributions["c"] == pytest.approx(weights[2 + level])
    none = explainer.reasons({"a": None, "b": None, "c": "unseen", "d": None}, 1)
    assert none.contributions["c"] == 0
    scaled = (items["a"].median - items["a"].mean) / items["a"].std
    assert none.contributions["a"] == pytest.approx(weights[0] * scaled, rel=1e-5)


def linear_weights(explainer: Explainer) -> Any:
    """The weights of the second class against the first, from the pickled model."""
    import pickle

    folder = explainer.store.fetch(explainer.served.version)
    model = pickle.loads((folder / "model.pkl").read_bytes())
    return model.weights[:, 1] - model.weights[:, 0]


def test_values_are_readable(project: Make) -> None:
    explainer = made(project, "two", "gradient_boosting")
    known = explainer.reasons({"a": 0.1, "b": 3, "c": "v", "d": False}).values
    assert known == {"a": 0.1, "b": 3.0, "c": "v", "d": "false"}
    unknown = explainer.reasons({"a": None, "b": 3, "c": "unseen", "d": None}).values
    assert unknown == {"a": None, "b": 3.0, "c": None, "d": None}


@pytest.mark.parametrize("model", ["linear", "gradient_boosting"])
def test_a_number_beyond_float32_is_explained_too(project: Make, model: str) -> None:
    explainer = made(project, "two", model)
    row = {"a": 1e39, "b": 3, "c": "v", "d": True}
    expected = explainer.served.predictor.predict_row(row)
    np.testing.assert_allclose(linked(explainer, row), expected, rtol=1e-5, atol=1e-6)


def test_a_date_is_read_as_a_date() -> None:
    item = Input(name="when", kind="number", source="datetime")
    row = {"when": datetime(2013, 7, 1, 8, 30)}
    assert explain._readable(item, 15887.354, row) == "2013-07-01 08:30:00"
    assert explain._readable(item, math.nan, {"when": None}) is None


def test_a_changed_file_is_refused(trained: SimpleNamespace, copied: Path) -> None:
    explainer = Explainer(opened(copied), Store(str(copied), copied))
    path = copied / "v0.1/model.txt"
    path.write_text(path.read_text("utf-8").replace("leaf_value=", "leaf_value=9", 1), "utf-8")
    with pytest.raises(UserError, match="not the file that training wrote"):
        explainer.reasons(golden(explainer.served)[0])


def test_files_of_another_model_are_refused(copied: Path) -> None:
    explainer = Explainer(opened(copied), Store(str(copied), copied))
    path = copied / "v0.1/model.txt"
    path.write_text(path.read_text("utf-8") + "\n", "utf-8")
    metadata = json.loads((copied / "v0.1/metadata.json").read_text("utf-8"))
    metadata["files"]["model.txt"] = sha256(path)  # a version whole in itself
    (copied / "v0.1/metadata.json").write_text(json.dumps(metadata), "utf-8")
    with pytest.raises(UserError, match="does not belong to the model that is served"):
        explainer.reasons(golden(explainer.served)[0])


@pytest.mark.parametrize("target", TARGETS)
def test_reasons_must_lead_to_the_served_prediction(project: Make, target: str) -> None:
    explainer = made(project, target, "gradient_boosting")
    served = explainer.served
    bundle = model_io.load_bundle(Path("models"))
    other = replace(served, predictor=bundle.baseline)
    with pytest.raises(UserError, match="does not belong to the model that is served"):
        Explainer(other, explainer.store).reasons(golden(served)[0])


def test_a_version_from_before_is_named(copied: Path) -> None:
    served = opened(copied)
    before = {key: value for key, value in served.metadata.items() if key != "reasons"}
    files = {name: sha for name, sha in before["files"].items() if name != "model.txt"}
    for metadata in (before, served.metadata | {"files": files}):
        explainer = Explainer(replace(served, metadata=metadata), Store(str(copied), copied))
        with pytest.raises(UserError, match="train a new version"):
            explainer.reasons(golden(served)[0])


class Own:
    """An estimator with the three methods that it must have, and no more."""

    dense = True

    def __init__(self, inner: estimators.Estimator) -> None:
        self.fit, self.predict, self.to_onnx = inner.fit, inner.predict, inner.to_onnx


def test_a_model_without_reasons(trained: SimpleNamespace, tmp_path: Path) -> None:
    plan = trained.bundle.plan
    x, y = train.arrays(pipeline.read_split(trained.config, "train"), plan)
    own = Own(train.fit(trained.config, plan, x, y, "dummy", {}))
    onnx, predictor = train.export(own, plan, x)
    rows = [entry["row"] for entry in trained.bundle.metadata["golden"]]
    noted = {"dense": True, "golden": train.golden(predictor, plan, rows)}
    metadata = trained.bundle.metadata | noted
    model_io.save_bundle(tmp_path, None, plan, own, onnx, onnx, metadata)
    explainer = Explainer(opened(tmp_path), Store(str(tmp_path), tmp_path))
    with pytest.raises(UserError, match="this model gives no reasons"):
        explainer.reasons(golden(explainer.served)[0])


def test_a_remote_store_sends_the_file_when_asked(trained: SimpleNamespace, tmp_path: Path) -> None:
    store = Store("memory://reasons", tmp_path / "cache")
    store.upload(trained.bundle.path)
    folder = store.fetch("v0.1")
    served = open_served(folder, trained.bundle.plan.schema_hash)
    explainer = Explainer(served, store)
    assert sorted(path.name for path in folder.iterdir()) == [
        "metadata.json",
        "model.onnx",
        "plan.json",
    ]
    explainer.reasons(golden(served)[0])
    assert sorted(path.name for path in folder.iterdir()) == [
        "metadata.json",
        "model.onnx",
        "model.txt",
        "plan.json",
    ]


def test_a_damaged_remote_file_never_reaches_the_cache(
    trained: SimpleNamespace, tmp_path: Path
) -> None:
    store = Store("memory://damaged", tmp_path / "cache")
    store.upload(trained.bundle.path)
    served = open_served(store.fetch("v0.1"), trained.bundle.plan.schema_hash)
    explainer = Explainer(served, store)
    fsspec.filesystem("memory").pipe_file("/damaged/v0.1/model.txt", b"rubbish")
    with pytest.raises(UserError, match=r"memory://damaged/v0\.1/model\.txt is not the file"):
        explainer.reasons(golden(served)[0])
    assert not list((tmp_path / "cache/v0.1").glob("*model.txt*"))
    store.upload(trained.bundle.path)
    assert explainer.reasons(golden(served)[0]).contributions  # mended in the store is mended here
