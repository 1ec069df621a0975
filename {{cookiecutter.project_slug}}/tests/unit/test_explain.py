"""Contributions of a prediction: exact, of the model that is model, and readable."""

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
from hypothesis import given, settings
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.data import ingest
from {{ cookiecutter.package_name }}.data.schema import Column
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import explain, fitting, model_io, train
from {{ cookiecutter.package_name }}.models.explain import Explainer
from {{ cookiecutter.package_name }}.models.interfaces import Estimator
from {{ cookiecutter.package_name }}.models.model_io import ModelVersion
from {{ cookiecutter.package_name }}.models.registry import (
    ModelRegistry,
    find_version,
    versions,
)
from {{ cookiecutter.package_name }}.predict.reload import open_served
from {{ cookiecutter.package_name }}.preprocess import pipeline, processed
from {{ cookiecutter.package_name }}.preprocess.preprocessor import InputSpec
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


def opened(models: Path) -> ModelVersion:
    folder = models / versions(models)[-1]
    return open_served(folder, 10).model


def made(project: Make, target: str, model: str) -> Explainer:
    """Train a model on the small table and explain it."""
    params = SMALL if model == "gradient_boosting" else {}
    others = [name for name in TARGETS if name != target]
    config = project(FRAME.drop(others), target, **{"train.model": model, "train.params": params})
    ingest.run(config)
    pipeline.run(config)
    train.run(config)
    return Explainer(
        opened(config.paths.models), ModelRegistry(str(config.paths.models), Path("cache"))
    )


def golden(model: ModelVersion) -> list[dict[str, Any]]:
    return [model.preprocessor.parse_row(entry.row) for entry in model.metadata.golden]


def linked(explainer: Explainer, row: dict[str, Any]) -> list[float]:
    """What the reasons say that the model predicts: probabilities by class, or the number."""
    classes = explainer.model.preprocessor.classes
    raws = [explainer.contributions(row, i).raw for i in range(len(classes or "1"))]
    if classes is None:
        return raws
    if len(classes) == 2:
        return [1 / (1 + math.exp(-raw)) for raw in raws]
    total = sum(math.exp(raw) for raw in raws)
    return [math.exp(raw) / total for raw in raws]


@pytest.fixture
def explainer(trained: SimpleNamespace) -> Explainer:
    """The reasons of the trained model."""
    models = trained.config.paths.models
    return Explainer(opened(models), ModelRegistry(str(models), trained.folder / "cache"))


@pytest.fixture
def copied(trained: SimpleNamespace, tmp_path: Path) -> Path:
    """A folder of versions with a copy of the trained model."""
    shutil.copytree(trained.model.folder, tmp_path / "models/v0.1")
    return tmp_path / "models"


def test_reasons_add_up_for_golden_rows(trained: SimpleNamespace, explainer: Explainer) -> None:
    for entry in trained.model.metadata.golden:
        row = trained.model.preprocessor.parse_row(entry.row)
        found = explainer.contributions(row)
        assert list(found.contributions) == [
            item.name for item in trained.model.preprocessor.inputs
        ]
        assert found.raw == found.base + sum(found.contributions.values())
        expected = entry.prediction
        np.testing.assert_allclose(linked(explainer, row), expected, rtol=1e-5, atol=1e-6)


@settings(max_examples=60)
@given(data=st.data())
def test_reasons_add_up_for_any_valid_row(
    data: st.DataObject, trained: SimpleNamespace, explainer: Explainer, rows: Rows
) -> None:
    row = data.draw(rows(trained.model.preprocessor.columns))
    expected = trained.model.predictor.predict_row(row)
    np.testing.assert_allclose(linked(explainer, row), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("model", ["dummy", "linear", "gradient_boosting"])
def test_every_model_and_task(project: Make, target: str, model: str) -> None:
    explainer = made(project, target, model)
    predictor = explainer.model.predictor
    for row in golden(explainer.model):
        found = linked(explainer, row)
        np.testing.assert_allclose(found, predictor.predict_row(row), rtol=1e-5, atol=1e-6)
        shares = explainer.contributions(row).contributions.values()
        assert any(shares) == (model != "dummy")
    assert_means(explainer)


def assert_means(explainer: Explainer) -> None:
    """Hold the mean contributions of many rows equal to those of each row and class."""
    model = explainer.model
    transform, rows = model.preprocessor.compile_row(), golden(model)
    x = np.array([transform(row) for row in rows], dtype=np.float32)
    classes = range(len(model.preprocessor.classes or "1"))
    each = [
        list(explainer.contributions(row, i).contributions.values())
        for row in rows
        for i in classes
    ]
    found = explain.mean_contributions(model, x)
    expected = np.array(np.abs(each).mean(axis=0))
    assert found is not None
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_two_classes_are_one_story_told_from_both_sides(project: Make) -> None:
    explainer = made(project, "two", "gradient_boosting")
    for row in golden(explainer.model):
        no, yes = explainer.contributions(row, 0), explainer.contributions(row, 1)
        assert no.contributions == {name: -share for name, share in yes.contributions.items()}
        assert (no.base, no.unit) == (-yes.base, "log-odds")
        chosen = explainer.model.predictor.predict_row(row)[1] >= 0.5
        assert explainer.contributions(row) == (yes if chosen else no)


def test_the_threshold_chooses_the_class(project: Make) -> None:
    explainer = made(project, "two", "dummy")
    model, row = explainer.model, golden(explainer.model)[0]
    share = model.predictor.predict_row(row)[1]
    for threshold, chosen in ((share - 0.01, 1), (share + 0.01, 0)):
        other = replace(model, metadata=model.metadata.model_copy(update={"threshold": threshold}))
        store = explainer.registry
        assert Explainer(other, store).contributions(row) == explainer.contributions(row, chosen)


def test_more_classes_have_scores(project: Make) -> None:
    explainer = made(project, "three", "gradient_boosting")
    row = golden(explainer.model)[0]
    chosen = int(np.argmax(explainer.model.predictor.predict_row(row)))
    assert explainer.contributions(row) == explainer.contributions(row, chosen)
    assert explainer.contributions(row).unit == "score"
    with pytest.raises(UserError, match="classes are 0 to 5"):
        explainer.contributions(row, 6)


def test_a_number_is_explained_in_its_unit(project: Make, trained: SimpleNamespace) -> None:
    explainer = made(project, "number", "gradient_boosting")
    model = explainer.model
    assert explainer.contributions(golden(model)[0]).unit == ""
    mean = np.mean(FRAME["number"].to_numpy())
    assert abs(explainer.contributions(golden(model)[0]).base - mean) < 500
    columns = {"number": Column(type="float", role="target", unit="m")}
    other = replace(model, metadata=model.metadata.model_copy(update={"columns": columns}))
    assert Explainer(other, explainer.registry).contributions(golden(model)[0], 3).unit == "m"


@pytest.mark.parametrize("target", ["two", "number"])
def test_trees_give_shapley_values(project: Make, target: str) -> None:
    explainer = made(project, target, "gradient_boosting")
    model = explainer.model
    path = explainer.registry.fetch(model.version, ["model.txt"]) / "model.txt"
    trees = lgb.Booster(model_str=path.read_text("utf-8")).dump_model()["tree_info"]
    assert model.metadata.explanation is not None
    spread = model.metadata.explanation.spread
    names = [item.name for item in model.preprocessor.inputs]
    for row in [*golden(model)[:6], dict.fromkeys(model.preprocessor.columns)]:
        codes = np.array(model.preprocessor.compile_row()(row), dtype=np.float32)
        found = explainer.contributions(row, 1)
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
    model = explainer.model
    weights = linear_weights(explainer)
    items = {item.name: item for item in model.preprocessor.inputs}
    assert list(items) == ["a", "b", "c", "d"]
    starts = {"a": 0, "b": 1, "c": 2, "d": 5}
    found = explainer.contributions({"a": 0.5, "b": 3, "c": "v", "d": True}, 1)
    for name, value in {"a": 0.5, "b": 3.0, "d": 1.0}.items():
        scaled = (value - items[name].mean) / items[name].std
        assert found.contributions[name] == pytest.approx(weights[starts[name]] * scaled, rel=1e-5)
    level = items["c"].levels.index("v")
    assert found.contributions["c"] == pytest.approx(weights[2 + level])
    none = explainer.contributions({"a": None, "b": None, "c": "unseen", "d": None}, 1)
    assert none.contributions["c"] == 0
    scaled = (items["a"].median - items["a"].mean) / items["a"].std
    assert none.contributions["a"] == pytest.approx(weights[0] * scaled, rel=1e-5)


def linear_weights(explainer: Explainer) -> Any:
    """The weights of the second class against the first, from the pickled model."""
    import pickle

    folder = explainer.registry.fetch(explainer.model.version)
    model = pickle.loads((folder / "model.pkl").read_bytes())
    return model.weights[:, 1] - model.weights[:, 0]


def test_values_are_readable(project: Make) -> None:
    explainer = made(project, "two", "gradient_boosting")
    known = explainer.contributions({"a": 0.1, "b": 3, "c": "v", "d": False}).values
    assert known == {"a": 0.1, "b": 3.0, "c": "v", "d": "false"}
    unknown = explainer.contributions({"a": None, "b": 3, "c": "unseen", "d": None}).values
    assert unknown == {"a": None, "b": 3.0, "c": None, "d": None}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["linear", "gradient_boosting"])
def test_a_number_beyond_float32_is_explained_too(project: Make, model: str) -> None:
    explainer = made(project, "two", model)
    row = {"a": 1e39, "b": 3, "c": "v", "d": True}
    expected = explainer.model.predictor.predict_row(row)
    np.testing.assert_allclose(linked(explainer, row), expected, rtol=1e-5, atol=1e-6)


def test_a_date_is_read_as_a_date() -> None:
    item = InputSpec(name="when", kind="number", source="datetime")
    row = {"when": datetime(2013, 7, 1, 8, 30)}
    assert explain._readable(item, 15887.354, row) == "2013-07-01 08:30:00"
    assert explain._readable(item, math.nan, {"when": None}) is None


def test_a_changed_file_is_refused(trained: SimpleNamespace, copied: Path) -> None:
    explainer = Explainer(opened(copied), ModelRegistry(str(copied), copied))
    path = copied / "v0.1/model.txt"
    path.write_text(path.read_text("utf-8").replace("leaf_value=", "leaf_value=9", 1), "utf-8")
    with pytest.raises(UserError, match="not the file that training wrote"):
        explainer.contributions(golden(explainer.model)[0])


def test_files_of_another_model_are_refused(copied: Path) -> None:
    explainer = Explainer(opened(copied), ModelRegistry(str(copied), copied))
    path = copied / "v0.1/model.txt"
    path.write_text(path.read_text("utf-8") + "\n", "utf-8")
    metadata = json.loads((copied / "v0.1/metadata.json").read_text("utf-8"))
    metadata["files"]["model.txt"] = sha256(path)  # a version whole in itself
    (copied / "v0.1/metadata.json").write_text(json.dumps(metadata), "utf-8")
    with pytest.raises(UserError, match="does not belong to the model that is served"):
        explainer.contributions(golden(explainer.model)[0])


@pytest.mark.parametrize("target", TARGETS)
def test_reasons_must_lead_to_the_served_prediction(project: Make, target: str) -> None:
    explainer = made(project, target, "gradient_boosting")
    model = find_version(Path("models"))
    model.__dict__["predictor"] = model.baseline
    other = model
    with pytest.raises(UserError, match="does not belong to the model that is served"):
        Explainer(other, explainer.registry).contributions(golden(model)[0])


def test_a_version_from_before_is_named(copied: Path) -> None:
    model = opened(copied)
    path = copied / "v0.1/metadata.json"
    metadata = json.loads(path.read_text("utf-8"))
    del metadata["files"]["model.txt"]
    path.write_text(json.dumps(metadata), "utf-8")
    explainer = Explainer(model, ModelRegistry(str(copied), copied))
    with pytest.raises(UserError, match="was saved without it"):
        explainer.contributions(golden(model)[0])


class Own:
    """An estimator with the three methods that it must have, and no more."""

    design_matrix = False

    def __init__(self, inner: Estimator) -> None:
        self.fit, self.predict, self.to_onnx = inner.fit, inner.predict, inner.to_onnx


def test_a_model_without_contributions(trained: SimpleNamespace, tmp_path: Path) -> None:
    preprocessor = trained.model.preprocessor
    x, y = processed.arrays(
        processed.read_set(trained.config.paths.processed, "train"), preprocessor
    )
    own = Own(fitting.fit(fitting.baseline_of(trained.config.train), preprocessor, x, y))
    onnx, predictor = fitting.export(own, preprocessor, [x])
    golden_rows = [train.golden_row(predictor, g.row) for g in trained.model.metadata.golden]
    record = trained.model.metadata.model_dump(exclude={"version", "files"})
    record |= {"design_matrix": False, "golden": golden_rows, "explanation": None}
    files = {model_io.MODEL: onnx, model_io.BASELINE: onnx}
    model_io.save_version(tmp_path / "v0.1", record, preprocessor, files)
    explainer = Explainer(opened(tmp_path), ModelRegistry(str(tmp_path), tmp_path))
    with pytest.raises(UserError, match="this model gives no contributions"):
        explainer.contributions(golden(explainer.model)[0])


def test_a_remote_store_sends_the_file_when_asked(trained: SimpleNamespace, tmp_path: Path) -> None:
    store = ModelRegistry("memory://reasons", tmp_path / "cache")
    store.upload(trained.model.folder)
    folder = store.fetch("v0.1")
    model = open_served(folder, 10).model
    explainer = Explainer(model, store)
    assert sorted(path.name for path in folder.iterdir()) == [
        "metadata.json",
        "model.onnx",
        "preprocessor.json",
    ]
    explainer.contributions(golden(model)[0])
    assert sorted(path.name for path in folder.iterdir()) == [
        "metadata.json",
        "model.onnx",
        "model.txt",
        "preprocessor.json",
    ]


def test_a_damaged_remote_file_never_reaches_the_cache(
    trained: SimpleNamespace, tmp_path: Path
) -> None:
    store = ModelRegistry("memory://damaged", tmp_path / "cache")
    store.upload(trained.model.folder)
    model = open_served(store.fetch("v0.1"), 10).model
    explainer = Explainer(model, store)
    fsspec.filesystem("memory").pipe_file("/damaged/v0.1/model.txt", b"rubbish")
    with pytest.raises(UserError, match=r"memory://damaged/v0\.1/model\.txt is not the file"):
        explainer.contributions(golden(model)[0])
    assert not list((tmp_path / "cache/v0.1").glob("*model.txt*"))
    store.upload(trained.model.folder)
    assert explainer.contributions(
        golden(model)[0]
    ).contributions  # mended in the store is mended here
