"""The models that can be trained, by the name that `train.model` and `train.baseline` take.

For a model of your own write a class with the methods of `Estimator` and add it to `ESTIMATORS`;
docs/own_model.md shows one.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import UserError
from . import onnx_export
from .gradient_boosting import GradientBoosting
from .interfaces import Doubles, Estimator, Floats, Range, Settings, check_params
from .model_io import Explanation


class Dummy:
    """Always the training rows' class shares, or their median: what any model must beat.

    Each is the best constant for the metric that decides: log loss, and the mean absolute error.
    """

    design_matrix = False
    obeys_monotone = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        check_params("the dummy", settings.params, ())

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

    @staticmethod
    def search_space(task: str) -> Mapping[str, Range]:
        """Return the strength of the penalty: scikit-learn's names for it differ."""
        return {"alpha": (0.01, 1000.0)} if task == "regression" else {"C": (0.001, 100.0)}

    def fit(self, x: Floats, y: Doubles, categorical: Sequence[int]) -> None:
        """Fit by L-BFGS (classification) or in closed form (regression)."""
        from sklearn.linear_model import LogisticRegression, Ridge

        wide = x.astype(np.float64)
        regression = self.settings.task == "regression"
        kind = Ridge if regression else LogisticRegression
        check_params(kind.__name__, self.settings.params, kind().get_params())
        params = {"random_state": self.settings.seed} | dict(self.settings.params)
        params = params if regression else {"max_iter": 2000} | params
        try:
            model = kind(**params).fit(wide, y if regression else y.astype(np.int64))
        except (ValueError, TypeError) as error:
            raise UserError(
                f"{kind.__name__} refused to train: {error}; see train.params", 2
            ) from None
        if regression:
            self.weights, self.bias = model.coef_[:, None], np.array([model.intercept_])
            return
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


ESTIMATORS: dict[str, type[Estimator]] = {
    "dummy": Dummy,
    "linear": Linear,
    "gradient_boosting": GradientBoosting,
}
"""Every model by the name that the configuration takes."""


def check_name(key: str, name: str) -> None:
    """Raise a UserError where the configuration names a model that is not there."""
    if name not in ESTIMATORS:
        raise UserError(f"{key}: there is no model {name!r} (there: {', '.join(ESTIMATORS)})", 2)
