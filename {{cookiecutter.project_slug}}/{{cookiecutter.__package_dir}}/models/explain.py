"""Why a model predicts what it does for one row: each input's exact share of the result.

Nothing here is needed to serve; LightGBM or onnx is imported when one is first asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.written import label
from ..errors import UserError
from ..preprocess.preprocessor import InputSpec, Preprocessor
from ..preprocess.transforms import Floats
from ..utils.classes import predicted_class
from ..utils.files import sha256
from .model_io import MODEL, TREES, Explanation, ModelVersion
from .registry import ModelRegistry

Doubles = NDArray[np.float64]
# From encoded rows (n, k) to c bases and the contributions (n, c, k); c is 1 for regression. The
# bases are the same for every row.
Method = Callable[[Floats], tuple[Doubles, Doubles]]

FILES = {"trees": TREES, "affine": MODEL, "constant": MODEL}
# They are summed in double, the served model adds hundreds of float32 numbers of seven digits: that
# is some 1e-6 of what is added up. Training itself lets the export differ by 1e-5. Another model
# differs by far more than ten times that.
RELATIVE, ABSOLUTE = 1e-4, 1e-5
BLOCK_ROWS = 500  # of a design matrix at a time, times the classes


@dataclass(frozen=True)
class Contributions:
    """What each input adds to the prediction for one row.

    Attributes:
        base: What the model gives before it looks at any input.
        contributions: What each model input adds, by name, in the preprocessor's order.
        raw: The base and all contributions added up.
        values: Each input as a person reads it; None is missing, or a category that is not among
            those the model knows.
        unit: Of base, contributions and raw: "log-odds" of the explained class for two classes,
            "score" (what softmax turns into a probability) for more, else the target's unit or "".
    """

    base: float
    contributions: dict[str, float]
    raw: float
    values: dict[str, float | str | None]
    unit: str


class Explainer:
    """Explains single predictions of the version that is served."""

    def __init__(self, model: ModelVersion, registry: ModelRegistry) -> None:
        """Take the version; the file that explains it is loaded when it is first asked for.

        Args:
            model: The version whose predictions are explained.
            registry: Where it came from.
        """
        self.model, self.registry = model, registry
        self._transform = model.preprocessor.compile_row()

    def contributions(
        self, row: Mapping[str, Any], class_index: int | None = None
    ) -> Contributions:
        """Split the prediction for one row into what each input adds to it.

        Boosted trees: SHAP values by TreeSHAP (Lundberg et al., 2020, "From local explanations to
        global understanding with explainable AI for trees"; path-dependent, weighted by the trees'
        own row counts), computed by LightGBM (parameter `predict_contrib` in its documentation).
        Linear models: weight times value in the design matrix, summed over the columns of an input;
        the base is the bias. Scores of more than two classes are defined up to a number that all
        classes share: differences between classes mean something, a score by itself does not.

        Args:
            row: Plain values by column name, as `RequestSchema.read` gives them.
            class_index: The class to explain; None takes the one that is predicted for it.
                Regression ignores it.

        Raises:
            UserError: The model gives no contributions, its file is damaged, or they do not add up
                to what the served model predicts.
        """
        preprocessor, metadata = self.model.preprocessor, self.model.metadata
        inputs = self._transform(row)
        with np.errstate(over="ignore"):  # beyond float32 is infinity, as for the predictor
            x = np.array([inputs], dtype=np.float32)
        bases, (contributions,) = self._method(x)
        predicted = self.model.predictor.predict_row(row)
        if not _adds_up(bases, contributions, predicted, preprocessor):
            raise UserError(_not_served(self.model.version))
        if preprocessor.classes is None:
            chosen, unit = 0, metadata.unit or ""
        else:
            chosen = predicted_class(predicted, metadata.threshold)
            chosen = chosen if class_index is None else class_index
            unit = "log-odds" if len(preprocessor.classes) == 2 else "score"
            if not 0 <= chosen < len(preprocessor.classes):
                last = len(preprocessor.classes) - 1
                raise UserError(f"class_index {chosen}: the classes are 0 to {last}", 2)
        names = [item.name for item in preprocessor.inputs]
        shares = dict(zip(names, contributions[chosen].tolist(), strict=True))
        base = float(bases[chosen])
        values = {
            item.name: _readable(item, value, row)
            for item, value in zip(preprocessor.inputs, inputs, strict=True)
        }
        return Contributions(base, shares, base + sum(shares.values()), values, unit)

    @cached_property
    def _method(self) -> Method:
        version, metadata = self.model.version, self.model.metadata
        how = metadata.explanation
        if how is None:
            raise UserError(
                f"{version}: this model gives no contributions: its estimator has no "
                "`explanation`, see models/estimators.py"
            )
        name = FILES[how.method]
        path = self.registry.fetch(version, [name]) / name
        if sha256(path) != metadata.files[name]:  # the store has another model of that name
            raise UserError(_not_served(version))
        return METHODS[how.method](path, how, self.model.preprocessor)


def mean_contributions(model: ModelVersion, x: Floats) -> Doubles | None:
    """Return how much each input adds or takes away in the mean, whatever the sign.

    The mean absolute contribution of the rows, and of all classes where there are more than two
    (Lundberg et al., 2020, section 2.7).

    Args:
        model: A version whose files are here; what is served is explained.
        x: (n, k) transformed rows.

    Returns:
        k numbers in the unit of `Contributions.unit`; None where the model cannot tell.
    """
    how = model.metadata.explanation
    if how is None:
        return None
    method = METHODS[how.method](model.folder / FILES[how.method], how, model.preprocessor)
    blocks = (x[start : start + BLOCK_ROWS] for start in range(0, len(x), BLOCK_ROWS))
    sums = [np.abs(method(block)[1]).sum(axis=0) for block in blocks]
    found: Doubles = np.sum(sums, axis=0).mean(axis=0) / len(x)
    return found


def _trees(path: Path, how: Explanation, preprocessor: Preprocessor) -> Method:
    import lightgbm as lgb

    booster = lgb.Booster(model_str=path.read_text("utf-8"))

    def contributions(x: Floats) -> tuple[Doubles, Doubles]:
        found = booster.predict(x, pred_contrib=True, num_threads=1)
        # Of each class; the last column is the base.
        found = np.asarray(found).reshape(len(x), -1, len(preprocessor.inputs) + 1)
        if preprocessor.classes is None:
            found = found * how.spread
            found[:, :, -1] += how.center
        elif len(preprocessor.classes) == 2:
            found = np.concatenate([-found, found], axis=1)
        return found[0, :, -1], found[:, :, :-1]

    return contributions


def _affine(path: Path, how: Explanation, preprocessor: Preprocessor) -> Method:
    tensors = _tensors(path)
    weights, bias = tensors["weights"], tensors["bias"]
    if preprocessor.width == 2:  # softmax of two is sigmoid of z1 - z0
        weights, bias = weights - weights[:, ::-1], bias - bias[::-1]
    ends = np.cumsum([item.design_width for item in preprocessor.inputs])[:-1]

    def contributions(x: Floats) -> tuple[Doubles, Doubles]:
        weighted = preprocessor.design_matrix(x)[:, :, None] * weights
        parts = np.split(weighted, ends, axis=1)
        return bias, np.stack([part.sum(axis=1) for part in parts], axis=2)

    return contributions


def _constant(path: Path, how: Explanation, preprocessor: Preprocessor) -> Method:
    bias = _tensors(path)["bias"]
    if preprocessor.classes is not None:
        bias = np.log(bias)
        bias = bias - bias[::-1] if preprocessor.width == 2 else bias
    return lambda x: (bias, np.zeros((len(x), len(bias), x.shape[1])))


METHODS: dict[str, Callable[[Path, Explanation, Preprocessor], Method]] = {
    "trees": _trees,
    "affine": _affine,
    "constant": _constant,
}


def _tensors(path: Path) -> dict[str, Doubles]:
    import onnx

    initializers = onnx.load(path).graph.initializer
    return {t.name: onnx.numpy_helper.to_array(t).astype(np.float64) for t in initializers}


def _adds_up(
    bases: Doubles, contributions: Doubles, predicted: list[float], preprocessor: Preprocessor
) -> bool:
    """Tell whether bases and contributions add up to the served prediction."""
    raws = bases + contributions.sum(axis=1)
    if preprocessor.classes is None:  # large terms may cancel: their size counts, not the sum's
        size = np.abs(bases) + np.abs(contributions).sum(axis=1)
        return bool((np.abs(raws - predicted) <= RELATIVE * size).all())
    if len(preprocessor.classes) == 2:
        raws = raws / 2  # softmax of (-z / 2, z / 2) is the sigmoid of z
    powers = np.exp(raws - raws.max())
    return np.allclose(predicted, powers / powers.sum(), rtol=RELATIVE, atol=ABSOLUTE)


def _readable(item: InputSpec, value: float, row: Mapping[str, Any]) -> float | str | None:
    if np.isnan(value):
        return None
    if item.kind == "category":
        return item.levels[int(value)]
    if item.source == "boolean":
        return label(bool(value))
    return str(row[item.name]) if item.source == "datetime" else value


def _not_served(version: str) -> str:
    return (
        f"the explanation does not belong to the model that is served as {version}: promote a "
        "version whose files are whole, or train a new one"
    )
