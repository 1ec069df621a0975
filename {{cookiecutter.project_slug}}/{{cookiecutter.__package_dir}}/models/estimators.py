"""The models behind one small interface; a model of your own needs the same three methods.

`fit`, `predict` and `to_onnx`, and `dense`: whether it wants the plan's dense inputs (imputed,
scaled, one-hot) or the codes as they are (NaN is missing, categories are codes). A fourth method,
`explanation`, is optional: with it `predict/explain.py` can give the reasons of a prediction.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..preprocess.transforms import Floats

Task = Literal["classification", "regression"]
OPSET = 15
INPUT, OUTPUT = "features", "prediction"


class Estimator(Protocol):
    """What training, saving and evaluation need of a model."""

    dense: bool

    def fit(self, x: Floats, y: NDArray[np.float64], categorical: Sequence[int]) -> None:
        """Fit on (n, k) inputs and n targets: numbers, or class indices 0 to c - 1."""

    def predict(self, x: Floats) -> NDArray[np.float64]:
        """Return (n, c) probabilities, or n predictions of a number."""

    def to_onnx(self) -> bytes:
        """Return an ONNX model from "features" (n, k) to "prediction" (n, c) or (n, 1), float32."""


@runtime_checkable
class Explained(Protocol):
    """What a model has besides if the reasons of its predictions can be told."""

    def explanation(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Return what to note as `reasons` in metadata.json, and files to keep for it, by name.

        `{"method": "affine"}` means: the ONNX model has the initializers "weights" (k, c) and
        "bias" (c,). `{"method": "trees", "center": m, "spread": s}` means: model.txt is LightGBM's
        text format, and a regression predicts m + s * (sum of the trees).
        """


def make(
    name: str,
    task: Task,
    classes: int,
    params: Mapping[str, Any],
    seed: int = 0,
    threads: int = 0,
) -> Estimator:
    """Return an unfitted model.

    Args:
        name: "dummy", "linear" or "gradient_boosting".
        task: "classification" or "regression".
        classes: Number of classes; 0 for regression.
        params: The model's own parameters.
        seed: Seed of all that is random in the fit.
        threads: 0 means all cores.
    """
    if name == "dummy":
        return Dummy(task, classes)
    if name == "linear":
        return Linear(task, classes, params, seed)
    return GradientBoosting(task, classes, params, seed, threads)


class Affine:
    """weights and bias, then softmax (classification) or nothing (regression)."""

    dense = True
    weights: NDArray[np.float64]  # (k, c) or (k, 1)
    bias: NDArray[np.float64]  # (c,) or (1,)

    def __init__(self, task: Task, classes: int) -> None:
        self.task, self.classes = task, classes

    def predict(self, x: Floats) -> NDArray[np.float64]:
        """Return (n, c) probabilities, or n predictions."""
        z = x.astype(np.float64) @ self.weights + self.bias
        if self.task == "regression":
            return np.asarray(z[:, 0])
        z = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(z / z.sum(axis=1, keepdims=True))

    def explanation(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Say that the weights stand in the ONNX model."""
        return {"method": "affine"}, {}

    def to_onnx(self) -> bytes:
        """Return one Gemm, and a Softmax for classification."""
        from onnx import TensorProto, helper, numpy_helper

        last = "z" if self.task == "classification" else OUTPUT
        nodes = [helper.make_node("Gemm", [INPUT, "weights", "bias"], [last])]
        if self.task == "classification":
            nodes.append(helper.make_node("Softmax", [last], [OUTPUT], axis=1))
        k, c = self.weights.shape
        graph = helper.make_graph(
            nodes,
            "affine",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, k])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, c])],
            [
                numpy_helper.from_array(self.weights.astype(np.float32), "weights"),
                numpy_helper.from_array(self.bias.astype(np.float32), "bias"),
            ],
        )
        return _finished(graph)


class Dummy(Affine):
    """Always the training rows' class shares, or their mean: what any model must beat."""

    def fit(self, x: Floats, y: NDArray[np.float64], categorical: Sequence[int]) -> None:
        """Take the class shares or the mean; x only tells the number of inputs."""
        if self.task == "regression":
            self.bias = np.array([y.mean()])
        else:
            counts = np.bincount(y.astype(np.int64), minlength=self.classes)
            self.bias = np.log(np.maximum(counts, 1e-9) / len(y))
        self.weights = np.zeros((x.shape[1], len(self.bias)))


class Linear(Affine):
    """Logistic regression or ridge regression, of scikit-learn."""

    def __init__(self, task: Task, classes: int, params: Mapping[str, Any], seed: int) -> None:
        super().__init__(task, classes)
        self.params, self.seed = dict(params), seed

    def fit(self, x: Floats, y: NDArray[np.float64], categorical: Sequence[int]) -> None:
        """Fit by L-BFGS (classification) or in closed form (regression)."""
        from sklearn.linear_model import LogisticRegression, Ridge

        wide = x.astype(np.float64)
        try:
            if self.task == "regression":
                model = Ridge(**{"random_state": self.seed} | self.params)
                model.fit(wide, y)
                self.weights, self.bias = model.coef_[:, None], np.array([model.intercept_])
                return
            model = LogisticRegression(
                **{"max_iter": 2000, "random_state": self.seed} | self.params
            )
            model.fit(wide, y.astype(np.int64))
        except TypeError as error:
            raise UserError(f"train.params: {error}", 2) from None
        weights, bias = model.coef_.T, model.intercept_
        if weights.shape[1] == 1:  # two classes: the sigmoid as a softmax over (0, z)
            weights, bias = np.hstack([0 * weights, weights]), np.array([0.0, bias[0]])
        self.weights, self.bias = weights, bias


class GradientBoosting:
    """LightGBM on the codes as they are, with the same trees in Python and in ONNX."""

    dense = False
    # The best of a few on the validation rows of the sample. Large tables gain from more leaves.
    # Splits that name few categories learn less noise, and serve several times as fast.
    defaults: Mapping[str, Any] = {
        "n_estimators": 100,
        "learning_rate": 0.06,
        "num_leaves": 15,
        "max_cat_threshold": 4,
    }

    def __init__(
        self, task: Task, classes: int, params: Mapping[str, Any], seed: int, threads: int
    ) -> None:
        self.task, self.classes = task, classes
        self.params, self.seed, self.threads = dict(params), seed, threads
        self.center, self.spread = 0.0, 1.0
        self.model = ""  # LightGBM's text format

    def fit(self, x: Floats, y: NDArray[np.float64], categorical: Sequence[int]) -> None:
        """Fit the trees; a regression target is standardized first."""
        import lightgbm as lgb

        if self.task == "regression":
            self.center, self.spread = float(y.mean()), float(y.std()) or 1.0
            y = (y - self.center) / self.spread
            objective: dict[str, Any] = {"objective": "regression"}
        elif self.classes == 2:
            objective = {"objective": "binary"}
        else:
            objective = {"objective": "multiclass", "num_class": self.classes}
        params = {**self.defaults, **objective, **self.params}
        rounds = params.pop("n_estimators")
        params |= {
            "seed": self.seed,
            "num_threads": self.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        data = lgb.Dataset(x, y, categorical_feature=list(categorical), params={"verbosity": -1})
        try:
            booster = lgb.train(params, data, num_boost_round=rounds)
        except lgb.basic.LightGBMError as error:
            raise UserError(f"LightGBM refused to train: {error}; see train.params", 2) from None
        self.model = exact_in_float32(booster.model_to_string())

    def predict(self, x: Floats) -> NDArray[np.float64]:
        """Return (n, c) probabilities, or n predictions."""
        raw = np.asarray(self.booster().predict(x, num_threads=self.threads), dtype=np.float64)
        if self.task == "regression":
            return raw * self.spread + self.center
        return np.column_stack([1 - raw, raw]) if self.classes == 2 else raw

    def booster(self) -> Any:
        """Return LightGBM's own object."""
        import lightgbm as lgb

        return lgb.Booster(model_str=self.model)

    def explanation(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Keep the text model, and what the regression target was standardized with."""
        noted = {"method": "trees", "center": self.center, "spread": self.spread}
        return noted, {"model.txt": self.model.encode()}

    def to_onnx(self) -> bytes:
        """Return the trees as one TreeEnsemble node."""
        from onnx import TensorProto, helper, numpy_helper
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        booster = self.booster()
        shape = [None, booster.num_feature()]
        model = convert_lightgbm(
            booster,
            initial_types=[(INPUT, FloatTensorType(shape))],
            target_opset=OPSET,
            zipmap=False,
        )
        graph = model.graph
        last = graph.output[-1].name
        columns = self.classes if self.task == "classification" else 1
        if self.task == "regression":
            graph.initializer.extend(
                [
                    numpy_helper.from_array(np.array([self.spread], dtype=np.float32), "spread"),
                    numpy_helper.from_array(np.array([self.center], dtype=np.float32), "center"),
                ]
            )
            graph.node.append(helper.make_node("Mul", [last, "spread"], ["scaled"]))
            graph.node.append(helper.make_node("Add", ["scaled", "center"], [OUTPUT]))
        else:
            graph.node.append(helper.make_node("Identity", [last], [OUTPUT]))
        del graph.output[:]
        graph.output.append(
            helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, columns])
        )
        return _finished(graph, model.opset_import)


def exact_in_float32(model: str) -> str:
    """Rewrite a LightGBM model so that float32 arithmetic takes every branch the same way.

    Inputs are float32, thresholds are double. `x <= t` for a float32 x is the same as `x <= t'`,
    t' being the greatest float32 not above t, so thresholds are rounded down. And where training
    saw no missing value LightGBM reads NaN as 0: such splits get the same rule in words that ONNX
    knows, "missing goes to the side where 0 goes".

    Args:
        model: LightGBM's text format.

    Returns:
        The text of a model that gives the same predictions for every float32 input.
    """
    trees = []
    for part in re.split(r"(?=^Tree=\d+$)", model, flags=re.MULTILINE):
        kinds_line = re.search(r"^decision_type=(.*)$", part, re.MULTILINE)
        thresholds_line = re.search(r"^threshold=(.*)$", part, re.MULTILINE)
        if kinds_line and thresholds_line:
            kinds = [int(text) for text in kinds_line[1].split()]
            thresholds = [float(text) for text in thresholds_line[1].split()]
            for i, kind in enumerate(kinds):
                categorical, missing_type = kind & 1, kind >> 2 & 3
                if categorical:
                    continue
                if missing_type == 0:
                    kinds[i] = 8 | (2 if thresholds[i] >= 0 else 0)  # NaN, and its default side
                thresholds[i] = _floor32(thresholds[i])
            part = part.replace(kinds_line[0], "decision_type=" + " ".join(map(str, kinds)))
            shown = " ".join(repr(value) for value in thresholds)
            part = part.replace(thresholds_line[0], "threshold=" + shown)
        trees.append(part)
    # The recorded sizes of the trees are no longer right; LightGBM counts them itself without.
    return re.sub(r"^tree_sizes=.*\n", "", "".join(trees), flags=re.MULTILINE)


def _floor32(value: float) -> float:
    with np.errstate(over="ignore"):
        rounded = np.float32(value)
    # In double: NumPy would round `value` first. LightGBM takes up to 1e-35 for 0, on both sides.
    if float(rounded) > value or rounded == np.float32(-1e-35):
        rounded = np.nextafter(rounded, np.float32(-np.inf))
    return float(rounded)


def _finished(graph: Any, opsets: Any = None) -> bytes:
    from onnx import checker, helper

    model = helper.make_model(graph, opset_imports=opsets or [helper.make_opsetid("", OPSET)])
    model.ir_version = 8
    checker.check_model(model)
    return bytes(model.SerializeToString())
