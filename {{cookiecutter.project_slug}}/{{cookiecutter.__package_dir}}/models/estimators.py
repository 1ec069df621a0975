"""The models that can be trained, by the name that `train.model` and `train.baseline` take.

For a model of your own write a class with the methods of `Estimator` and add it to `ESTIMATORS`;
docs/own_model.md shows one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from . import onnx_export
from .model_io import TREES, Explanation

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """What an estimator is made with.

    Attributes:
        task: "classification" or "regression".
        classes: Number of classes; 0 for regression.
        params: The model's own parameters, from `train.params`.
        seed: Seed of all that is random in the fit.
        threads: 0 means all cores.
    """

    task: Literal["classification", "regression"]
    classes: int
    params: Mapping[str, Any]
    seed: int = 0
    threads: int = 0


class Estimator(Protocol):
    """What training, saving and evaluation need of a model.

    `design_matrix` says what x is. True: numbers are imputed and scaled, categories one-hot, and
    nothing is missing. False: the inputs as they are, where NaN is missing and a category is the
    position of its level.
    """

    design_matrix: bool

    def __init__(self, settings: Settings) -> None:
        """Take the settings; nothing is fitted yet."""

    def fit(self, x: Floats, y: Doubles, categorical: Sequence[int]) -> None:
        """Fit on (n, k) inputs and n targets: numbers, or class indices 0 to c - 1.

        `categorical` has the positions of inputs that are categories; none in a design matrix.
        """

    def predict(self, x: Floats) -> Doubles:
        """Return (n, c) probabilities, or n predictions of a number."""

    def to_onnx(self) -> bytes:
        """Return an ONNX model from "features" (n, k) to "prediction" (n, c) or (n, 1), float32."""


@runtime_checkable
class Explainable(Protocol):
    """What a model has besides if the contributions to its predictions can be told."""

    def explanation(self) -> tuple[Explanation, dict[str, bytes]]:
        """Return how they are computed, and files to keep for it, by name."""


class Dummy:
    """Always the training rows' class shares, or their median: what any model must beat.

    Each is the best constant for the metric that decides: log loss, and the mean absolute error.
    """

    design_matrix = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def fit(self, x: Floats, y: Doubles, categorical: Sequence[int]) -> None:
        """Take the class shares or the median; x only tells the number of inputs."""
        self.inputs = x.shape[1]
        if self.settings.task == "regression":
            self.value = np.array([np.median(y)])
        else:
            counts = np.bincount(y.astype(np.int64), minlength=self.settings.classes)
            self.value = np.maximum(counts, 1e-9) / np.maximum(counts, 1e-9).sum()

    def predict(self, x: Floats) -> Doubles:
        """Return the constant for each row."""
        constant = np.repeat(self.value[None, :], len(x), axis=0)
        return constant[:, 0] if self.settings.task == "regression" else constant

    def explanation(self) -> tuple[Explanation, dict[str, bytes]]:
        """Say that no input counts."""
        return Explanation(method="constant"), {}

    def to_onnx(self) -> bytes:
        """Return the constant, repeated for each row."""
        return onnx_export.constant(self.value, self.inputs)


class Linear:
    """Logistic regression or ridge regression, of scikit-learn."""

    design_matrix = True
    weights: Doubles  # (k, c) or (k, 1)
    bias: Doubles  # (c,) or (1,)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def fit(self, x: Floats, y: Doubles, categorical: Sequence[int]) -> None:
        """Fit by L-BFGS (classification) or in closed form (regression)."""
        from sklearn.linear_model import LogisticRegression, Ridge

        wide = x.astype(np.float64)
        regression = self.settings.task == "regression"
        kind = Ridge if regression else LogisticRegression
        check_params(kind.__name__, self.settings.params, kind().get_params())
        params = {"random_state": self.settings.seed} | dict(self.settings.params)
        if regression:
            model = Ridge(**params).fit(wide, y)
            self.weights, self.bias = model.coef_[:, None], np.array([model.intercept_])
            return
        model = LogisticRegression(**{"max_iter": 2000} | params).fit(wide, y.astype(np.int64))
        weights, bias = model.coef_.T, model.intercept_
        if weights.shape[1] == 1:  # two classes: the sigmoid as a softmax over (0, z)
            weights, bias = np.hstack([0 * weights, weights]), np.array([0.0, bias[0]])
        self.weights, self.bias = weights, bias

    def predict(self, x: Floats) -> Doubles:
        """Return (n, c) probabilities, or n predictions."""
        z = x.astype(np.float64) @ self.weights + self.bias
        if self.settings.task == "regression":
            return np.asarray(z[:, 0])
        z = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(z / z.sum(axis=1, keepdims=True))

    def explanation(self) -> tuple[Explanation, dict[str, bytes]]:
        """Say that the weights stand in the ONNX model."""
        return Explanation(method="affine"), {}

    def to_onnx(self) -> bytes:
        """Return one Gemm, and a Softmax for classification."""
        softmax = self.settings.task == "classification"
        return onnx_export.affine(self.weights, self.bias, softmax)


class GradientBoosting:
    """LightGBM on the inputs as they are, with the same trees in Python and in ONNX."""

    design_matrix = False
    # The best of a few on the validation rows of the sample. Large tables gain from more leaves.
    # Splits that name few categories learn less noise, and serve several times as fast.
    defaults: Mapping[str, Any] = {
        "n_estimators": 100,
        "learning_rate": 0.06,
        "num_leaves": 15,
        "max_cat_threshold": 4,
    }

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.center, self.spread = 0.0, 1.0
        self.model = ""  # LightGBM's text format

    def fit(self, x: Floats, y: Doubles, categorical: Sequence[int]) -> None:
        """Fit the trees; a regression target is standardized first."""
        import lightgbm as lgb

        classes = self.settings.classes
        if self.settings.task == "regression":
            self.center, self.spread = float(y.mean()), float(y.std()) or 1.0
            y = (y - self.center) / self.spread
            objective: dict[str, Any] = {"objective": "regression"}
        elif classes == 2:
            objective = {"objective": "binary"}
        else:
            objective = {"objective": "multiclass", "num_class": classes}
        aliases = lgb.basic._ConfigAliases._get_all_param_aliases()
        known = {name for names in aliases.values() for name in names} | {*aliases, "n_estimators"}
        check_params("LightGBM", self.settings.params, known)
        params = {**self.defaults, **objective, **self.settings.params}
        for name in {"n_estimators", *aliases["num_iterations"]} & set(self.settings.params):
            params["n_estimators"] = params.pop(name)  # by whichever of its names it is given
        rounds = params.pop("n_estimators")
        params |= {
            "seed": self.settings.seed,
            "num_threads": self.settings.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        data = lgb.Dataset(x, y, categorical_feature=list(categorical), params={"verbosity": -1})
        try:
            booster = lgb.train(params, data, num_boost_round=rounds)
        except lgb.basic.LightGBMError as error:
            raise UserError(f"LightGBM refused to train: {error}; see train.params", 2) from None
        self.model = onnx_export.exact_in_float32(booster.model_to_string())

    def predict(self, x: Floats) -> Doubles:
        """Return (n, c) probabilities, or n predictions."""
        threads = self.settings.threads
        raw = np.asarray(self.booster().predict(x, num_threads=threads), dtype=np.float64)
        if self.settings.task == "regression":
            return raw * self.spread + self.center
        return np.column_stack([1 - raw, raw]) if self.settings.classes == 2 else raw

    def booster(self) -> Any:
        """Return LightGBM's own object."""
        import lightgbm as lgb

        return lgb.Booster(model_str=self.model)

    def explanation(self) -> tuple[Explanation, dict[str, bytes]]:
        """Keep the text model, and what the regression target was standardized with."""
        how = Explanation(method="trees", center=self.center, spread=self.spread)
        return how, {TREES: self.model.encode()}

    def to_onnx(self) -> bytes:
        """Return the trees as one TreeEnsemble node."""
        scale = (self.center, self.spread) if self.settings.task == "regression" else None
        return onnx_export.from_lightgbm(self.booster(), max(1, self.settings.classes), scale)


ESTIMATORS: dict[str, type[Estimator]] = {
    "dummy": Dummy,
    "linear": Linear,
    "gradient_boosting": GradientBoosting,
}
"""Every model by the name that the configuration takes."""


def check_params(model: str, params: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise a UserError where `train.params` names a parameter that a model does not have."""
    for name in params:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = (
                f"; did you mean {near[0]!r}?" if near else f" (there: {', '.join(sorted(known))})"
            )
            raise UserError(f"train.params: {model} has no parameter {name!r}{hint}", 2)


def check_name(key: str, name: str) -> None:
    """Raise a UserError where the configuration names a model that is not there."""
    if name not in ESTIMATORS:
        raise UserError(f"{key}: there is no model {name!r} (there: {', '.join(ESTIMATORS)})", 2)
