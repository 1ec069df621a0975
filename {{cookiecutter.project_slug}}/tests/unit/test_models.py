"""Models: repeatable, exported exactly, saved whole, never overwritten, checked before use."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightgbm as lgb
import numpy as np
import onnx
import onnxruntime
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.config import Config, load_config
from {{ cookiecutter.package_name }}.data import ingest
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import fitting, onnx_export, train
from {{ cookiecutter.package_name }}.models.estimators import ESTIMATORS, Linear
from {{ cookiecutter.package_name }}.models.gradient_boosting import GradientBoosting
from {{ cookiecutter.package_name }}.models.interfaces import Doubles, Floats, Settings
from {{ cookiecutter.package_name }}.models.model_io import training_commit
from {{ cookiecutter.package_name }}.models.registry import find_version, versions
from {{ cookiecutter.package_name }}.preprocess import pipeline, processed
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml

Make = Callable[..., Config]
DRAW = np.random.default_rng(2)
N = 500
FRAME = pl.DataFrame(
    {
        "a": [None if i % 8 == 0 else v for i, v in enumerate(DRAW.normal(size=N))],
        "b": DRAW.integers(0, 9, N),
        "c": DRAW.choice(["u", "v", "w"], N),
        "noise": DRAW.normal(size=N),
    }
).with_columns(
    two=(pl.col("a").fill_null(0) + (pl.col("c") == "u") + 0.5 * pl.col("noise")) > 0.4,
    three=pl.col("c") + pl.when(pl.col("b") > 4).then(pl.lit("+")).otherwise(pl.lit("")),
    number=(pl.col("b") * 1000.0 + pl.col("noise") * 300 + 50_000),
)
TARGETS = {"two": ["three", "number"], "three": ["two", "number", "c"], "number": ["two", "three"]}
MODELS = ("dummy", "linear", "gradient_boosting")


def trained_on(project: Make, target: str, **changes: Any) -> tuple[Config, train.Trained]:
    config = project(FRAME.drop(TARGETS[target]), target, **changes)
    ingest.run(config)
    pipeline.run(config)
    return config, train.run(config)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", MODELS)
def test_every_model_and_task(project: Make, target: str, name: str) -> None:
    changes: dict[str, Any] = {"train.model": name}
    if name != "gradient_boosting":
        changes["train.params"] = {}
    config, result = trained_on(project, target, **changes)
    model = find_version(config.paths.models)
    test, _ = processed.arrays(
        processed.read_set(config.paths.processed, "test"), model.preprocessor
    )
    predicted = model.predictor.predict(test)
    if target == "number":
        assert predicted.shape == (len(test),)
        assert model.interval is not None
        assert min(model.interval.half_widths) > 0
        score = "mae", -1
    else:
        assert predicted.shape == (len(test), 2 if target == "two" else 6)
        np.testing.assert_allclose(predicted.sum(axis=1), 1, rtol=1e-5)
        assert model.metadata.interval is None
        score = "log_loss", -1
    if name != "dummy":
        assert result.metrics[score[0]] < result.baseline[score[0]]
    rows = [golden.row for golden in model.metadata.golden]
    assert len(rows) == pipeline.GOLDEN_ROWS


def arrays(config: Config, split: str) -> fitting.Set:
    preprocessor, _ = processed.load(config.paths.processed)
    return processed.arrays(processed.read_set(config.paths.processed, split), preprocessor)


@pytest.mark.parametrize("target", ["two", "number"])
def test_the_recipe_is_measured_and_the_refit_is_served(project: Make, target: str) -> None:
    config, result = trained_on(project, target)
    model = find_version(config.paths.models)
    metadata, refit = model.metadata, model.metadata.refit
    counts = metadata.data.rows
    assert refit is not None
    assert refit.rows == counts.train + counts.val + counts.test
    sets = [arrays(config, split) for split in ("train", "val", "test")]
    alone = fitting.fit(config.train, model.preprocessor, *sets[0])
    together = [np.concatenate(part) for part in zip(*sets, strict=True)]
    again = fitting.fit(config.train, model.preprocessor, *together)
    x, y = sets[1]
    scale = max(1.0, float(np.abs(y).max())) * 1e-5
    for expected, predictor in ((alone, model.recipe), (again, model.predictor)):
        np.testing.assert_allclose(
            predictor.predict(x), fitting.predict(expected, model.preprocessor, x), atol=scale
        )
    assert np.abs(model.recipe.predict(x) - model.predictor.predict(x)).max() > scale
    if target == "number":
        assert result.metrics["mae"] == pytest.approx(np.abs(model.recipe.predict(x) - y).mean())
        assert metadata.interval is not None
        assert refit.interval is not None
        predicted = [model.recipe.predict(a).astype(np.float64) for a, _ in sets[1:]]
        for interval, y_true, y_pred in (
            (metadata.interval, y, predicted[0]),
            (refit.interval, np.concatenate([y, sets[2][1]]), np.concatenate(predicted)),
        ):
            same = fitting.conformal(y_true, y_pred, 0.9)
            assert interval.half_widths == pytest.approx(same.half_widths, rel=1e-4)
            assert interval.edges == pytest.approx(same.edges, rel=1e-4)
        assert model.interval == refit.interval


def test_without_refit_the_recipe_is_served(project: Make) -> None:
    config, _ = trained_on(project, "number", **{"train.refit": False})
    model = find_version(config.paths.models)
    assert model.metadata.refit is None
    assert model.recipe is model.predictor
    assert "recipe.onnx" not in model.metadata.files
    assert model.metadata.interval is not None
    assert model.interval == model.metadata.interval


class Spoilt(Linear):
    """Learns the opposite from more rows than the training set has."""

    most_rows = 400

    def fit(self, x: Floats, y: Doubles, categorical: Sequence[int]) -> None:
        super().fit(x, y, categorical)
        if len(x) > self.most_rows:
            self.weights = -self.weights


def test_a_refit_that_is_worse_is_left(
    project: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(ESTIMATORS, "spoilt", Spoilt)
    config, _ = trained_on(project, "two", **{"train.model": "spoilt", "train.params": {}})
    assert find_version(config.paths.models).metadata.refit is None
    assert "fitted again on all rows the model is worse" in caplog.text


def test_two_trainings_agree(project: Make) -> None:
    config, _ = trained_on(project, "two")
    train.run(config)
    first, second = (find_version(config.paths.models, v) for v in ("v0.1", "v0.2"))
    x, _ = processed.arrays(processed.read_set(config.paths.processed, "test"), first.preprocessor)
    np.testing.assert_array_equal(first.predictor.predict(x), second.predictor.predict(x))
    assert first.metadata.golden == second.metadata.golden


def test_shuffled_target_scores_like_the_baseline(project: Make) -> None:
    shuffled = pl.Series("two", DRAW.permutation(FRAME["two"].to_numpy()))
    many = pl.concat([FRAME.drop("three", "number").with_columns(shuffled)])
    config = project(many, "two")
    ingest.run(config)
    pipeline.run(config)
    result = train.run(config)
    rows = processed.read_set(config.paths.processed, "val").height
    assert abs(result.metrics["roc_auc"] - 0.5) < 2.5 * 0.5 / np.sqrt(rows / 3)


def test_conformal_interval_covers_predictions_of_any_size() -> None:
    draw = np.random.default_rng(6)
    y_pred = draw.uniform(0, 10, 8000)
    y_true = y_pred + draw.normal(size=8000) * y_pred  # the larger, the less sure
    interval = fitting.conformal(y_true[:4000], y_pred[:4000], 0.9)
    assert len(interval.edges) == 4
    assert list(interval.half_widths) == sorted(interval.half_widths)
    new_true, new_pred = y_true[4000:], y_pred[4000:]
    half = interval.half_widths_of(new_pred)
    assert half.tolist() == [interval.half_width(value) for value in new_pred.tolist()]
    fifth = np.digitize(new_pred, [2, 4, 6, 8])
    for number in range(5):
        covered = np.mean((np.abs(new_true - new_pred) <= half)[fifth == number])
        assert 0.85 < covered < 0.95


@pytest.mark.parametrize("y_pred", [[0.0, 0.0], [1.0] * 300, [0.0] * 295 + [1.0] * 5])
def test_groups_of_few_rows_get_no_width_of_their_own(y_pred: list[float]) -> None:
    errors = np.arange(1.0, len(y_pred) + 1)
    interval = fitting.conformal(np.array(y_pred) + errors, np.array(y_pred), 0.9)
    assert interval.edges == ()
    assert interval.half_widths == (errors[min(len(errors), -(-9 * (len(errors) + 1) // 10)) - 1],)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), gaps=st.booleans(), categorical=st.booleans())
def test_float32_trees_take_every_branch_the_same(seed: int, gaps: bool, categorical: bool) -> None:
    draw = np.random.default_rng(seed)
    x = np.column_stack([draw.normal(size=300), draw.integers(0, 12, 300), draw.random(300)])
    y = x[:, 0] + (x[:, 1] % 3) + draw.normal(size=300) / 5
    x = x.astype(np.float32)
    if gaps:
        x[draw.random(x.shape) < 0.1] = np.nan
    params = {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}
    data = lgb.Dataset(x, y, categorical_feature=[1] if categorical else [], params=params)
    booster = lgb.train(params, data, num_boost_round=10)
    exact = lgb.Booster(model_str=onnx_export.exact_in_float32(booster.model_to_string()))
    # Values on the thresholds themselves and next to them, missing and unseen ones.
    numbers = re.findall(r"^threshold=(.*)$", booster.model_to_string(), re.MULTILINE)
    thresholds = np.array(" ".join(numbers).split(), dtype=np.float64).astype(np.float32)
    around = np.concatenate([thresholds, np.nextafter(thresholds, np.float32(9e9)), [np.nan]])
    rows = np.column_stack([around, draw.integers(0, 20, len(around)), around]).astype(np.float32)
    np.testing.assert_allclose(exact.predict(rows), booster.predict(rows), rtol=1e-12)
    tested = np.concatenate([x, rows])
    model = GradientBoosting(Settings("regression", 0, {}, 0, 1))
    model.model = onnx_export.exact_in_float32(booster.model_to_string())
    session = onnxruntime.InferenceSession(model.to_onnx())
    onnx = session.run(["prediction"], {"features": tested})[0][:, 0]
    np.testing.assert_allclose(onnx, exact.predict(tested), rtol=1e-4, atol=1e-5)


def test_a_wrong_export_is_refused(trained: SimpleNamespace) -> None:
    preprocessor = trained.model.preprocessor
    x, y = processed.arrays(
        processed.read_set(trained.config.paths.processed, "train"), preprocessor
    )
    settings = fitting.baseline_of(trained.config.train)
    model = fitting.fit(settings, preprocessor, x, y)
    changed = y + 1 if preprocessor.classes is None else 1 - y
    other = fitting.fit(settings, preprocessor, x, changed)
    model.to_onnx = other.to_onnx  # type: ignore[method-assign]
    with pytest.raises(UserError, match="predicts something else"):
        fitting.export(model, preprocessor, [x])


@pytest.mark.parametrize(
    ("model", "wrong", "meant"),
    [
        ("gradient_boosting", "learning_rat", "learning_rate"),
        ("gradient_boosting", "n_estimator", "n_estimators"),
        ("linear", "max_itr", "max_iter"),
    ],
)
def test_unknown_parameters_are_refused(project: Make, model: str, wrong: str, meant: str) -> None:
    named = rf"train\.params: .* has no parameter '{wrong}'; did you mean '{meant}'"
    with pytest.raises(UserError, match=named):
        trained_on(project, "two", **{"train.model": model, "train.params": {wrong: 1}})


@pytest.mark.parametrize(
    ("model", "params", "named"),
    [
        ("linear", {"C": -1}, "LogisticRegression refused to train: .*'C' parameter"),
        ("gradient_boosting", {"n_estimators": -5}, "LightGBM refused to train"),
        ("gradient_boosting", {"n_estimators": 0}, "LightGBM refused to train"),
        ("gradient_boosting", {"num_trees": 3, "nrounds": 4}, "are one parameter of LightGBM"),
        ("dummy", {"strategy": "prior"}, "the dummy has no parameter 'strategy'"),
        ("gradient_boosting", {"zzzqq": 1}, "LightGBM has no parameter 'zzzqq'$"),
    ],
)
def test_parameters_that_cannot_be_are_refused(
    project: Make, model: str, params: dict[str, Any], named: str
) -> None:
    with pytest.raises(UserError, match=rf"{named}") as caught:
        trained_on(project, "two", **{"train.model": model, "train.params": params})
    assert caught.value.code == 2


def test_slices_that_evaluate_would_refuse_are_refused_at_once(project: Make) -> None:
    with pytest.raises(UserError, match=r"evaluate\.slices: 'nowhere' is not an input"):
        trained_on(project, "two", **{"evaluate.slices": ["nowhere"]})


def test_an_unknown_model_is_refused_by_name(project: Make) -> None:
    with pytest.raises(UserError, match=r"train\.model: there is no model 'forest' \(there: dummy"):
        trained_on(project, "two", **{"train.model": "forest"})


def test_rounds_may_have_any_of_their_names(project: Make) -> None:
    config, _ = trained_on(project, "two", **{"train.params": {"num_boost_round": 7}})
    import pickle

    model = pickle.loads((config.paths.models / "v0.1/model.pkl").read_bytes())
    assert model.booster().num_trees() == 7


def test_the_same_training_gives_the_same_bytes(project: Make) -> None:
    config, _ = trained_on(project, "two")
    first = {p.name: p.read_bytes() for p in (config.paths.models / "v0.1").iterdir()}
    shutil.rmtree(config.paths.models / "v0.1")
    train.run(config)
    second = {p.name: p.read_bytes() for p in (config.paths.models / "v0.1").iterdir()}
    assert first.keys() == second.keys()
    for name in first.keys() - {"metadata.json"}:  # which has the time
        assert first[name] == second[name], name
    props = {p.key: p.value for p in onnx.load_from_string(first["model.onnx"]).metadata_props}
    assert props["version"] == "v0.1"
    assert json.loads(props["classes"]) == ["false", "true"]


def test_versions(project: Make) -> None:
    config, first = trained_on(project, "two")
    assert first.version == "v0.1"
    assert train.run(config, "v1.9").version == "v1.9"
    assert train.run(config).version == "v1.10"
    assert versions(config.paths.models) == ["v0.1", "v1.9", "v1.10"]
    assert find_version(config.paths.models).version == "v1.10"
    before = (config.paths.models / "v1.9/metadata.json").read_bytes()
    with pytest.raises(UserError, match="never overwritten"):
        train.run(config, "v1.9")
    assert (config.paths.models / "v1.9/metadata.json").read_bytes() == before
    with pytest.raises(UserError, match="write it like"):
        train.run(config, "new")
    with pytest.raises(UserError, match="no such version"):
        find_version(config.paths.models, "v7.0")


def test_metadata_says_where_the_model_comes_from(trained: SimpleNamespace) -> None:
    metadata = trained.model.metadata
    raw = json.loads((trained.config.paths.raw / "manifest.json").read_text(encoding="utf-8"))
    assert metadata.data.sha256 == raw[0]["sha256"]
    assert metadata.config_hash == train.config_hash(trained.config)
    assert metadata.packages.keys() >= {"lightgbm", "numpy", "onnxruntime"}
    estimators = {"model.pkl", "model.onnx", "model.txt", "recipe.onnx", "baseline.onnx"}
    assert set(metadata.files) == estimators | {"preprocessor.json"}
    assert metadata.model_dump().keys() >= {"commit", "dirty", "created", "seed", "metrics"}


def test_the_commit_is_clean_whatever_the_card_says(folder: Path) -> None:
    git = "git", "-c", "user.name=n", "-c", "user.email=n@example.com"
    for command in (("init",), ("add", "--all"), ("commit", "--message", "Start")):
        subprocess.run([*git, *command], check=True, capture_output=True)
    (folder / "model_card.md").write_text("filled in", "utf-8")
    assert training_commit()["dirty"] is False
    (folder / "another.txt").write_text("", "utf-8")
    assert training_commit()["dirty"] is True


@pytest.mark.parametrize(
    "name", ["model.onnx", "preprocessor.json", "model.pkl", "model.txt", "metadata.json"]
)
@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_damaged_version_is_never_opened(
    trained: SimpleNamespace, tmp_path: Path, name: str, damage: str
) -> None:
    shutil.copytree(trained.model.folder, tmp_path / "v0.1")
    path = tmp_path / "v0.1" / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UserError, match=re.escape(str(path))):
        find_version(tmp_path)


def test_no_model_yet(folder: Path) -> None:
    with pytest.raises(UserError, match="run `train` first"):
        find_version(load_config(environ={}).paths.models)


def test_repeated_train_params_reach_the_model(project: Make) -> None:
    config, _ = trained_on(project, "two", **{"train.params": {"n_estimators": 3}})
    import pickle

    model = pickle.loads((config.paths.models / "v0.1/model.pkl").read_bytes())
    assert model.booster().num_trees() == 3
    update_yaml(Path("configs/default.yml"), {"train.params": {"n_estimators": 4}})
    train.run(load_config(environ={}))
    model = pickle.loads((config.paths.models / "v0.2/model.pkl").read_bytes())
    assert model.booster().num_trees() == 4
