"""Why a model predicts what it does for one row: each input's exact share of the result.

Nothing here is needed to serve; LightGBM or onnx is imported when reasons are first asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.schema import label
from ..errors import UserError
from ..predict.decide import decide_row
from ..predict.reload import Served
from ..preprocess.preprocessor import Input, Plan
from ..preprocess.transforms import Floats
from ..utils.files import sha256
from .registry import Store

Doubles = NDArray[np.float64]
# From one encoded row (1, k) to c bases and the contributions (c, k); c is 1 for regression.
Method = Callable[[Floats], tuple[Doubles, Doubles]]

FILES = {"trees": "model.txt", "affine": "model.onnx"}
# Reasons are summed in double, the served model adds hundreds of float32 numbers of seven digits:
# that is some 1e-6 of what is added up. Training itself lets the export differ by 1e-5. Another
# model differs by far more than ten times that.
RELATIVE, ABSOLUTE = 1e-4, 1e-5


@dataclass(frozen=True)
class Reasons:
    """What each input adds to the prediction for one row.

    Attributes:
        base: What the model gives before it looks at any input.
        contributions: What each model input adds, by name, in the plan's order.
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

    def __init__(self, served: Served, store: Store) -> None:
        """Take the version; the file that explains it is loaded when it is first asked for.

        Args:
            served: The version whose predictions are explained.
            store: Where it came from.
        """
        self.served, self.store = served, store
        self._encode = served.plan.row_encoder()

    def reasons(self, row: Mapping[str, Any], class_index: int | None = None) -> Reasons:
        """Split the prediction for one row into what each input adds to it.

        Boosted trees: SHAP values by TreeSHAP (Lundberg et al., 2020, "From local explanations to
        global understanding with explainable AI for trees"; path-dependent, weighted by the trees'
        own row counts), computed by LightGBM (parameter `predict_contrib` in its documentation).
        Linear models: weight times dense value, summed over the dense columns of an input; the base
        is the bias. Scores of more than two classes are defined up to a number that all classes
        share: their differences between classes mean something, a score by itself does not.

        Args:
            row: Plain values by column name, as `Contract.read` gives them.
            class_index: The class to explain; None takes the one that is chosen for this row.
                Regression ignores it.

        Raises:
            UserError: The model gives no reasons, its file is damaged, or the reasons do not add
                up to what the served model predicts.
        """
        plan, metadata = self.served.plan, self.served.metadata
        codes = self._encode(row)
        with np.errstate(over="ignore"):  # beyond float32 is infinity, as for the predictor
            encoded = np.array([codes], dtype=np.float32)
        bases, contributions = self._method(encoded)
        predicted = self.served.predictor.predict_row(row)
        if not _adds_up(bases, contributions, predicted, plan):
            raise UserError(_not_served(self.served.version))
        if plan.classes is None:
            chosen, unit = 0, metadata["unit"] or ""
        else:
            chosen = decide_row(predicted, metadata["threshold"])
            chosen = chosen if class_index is None else class_index
            unit = "log-odds" if len(plan.classes) == 2 else "score"
            if not 0 <= chosen < len(plan.classes):
                last = len(plan.classes) - 1
                raise UserError(f"class_index {chosen}: the classes are 0 to {last}", 2)
        names = [item.name for item in plan.inputs]
        shares = dict(zip(names, contributions[chosen].tolist(), strict=True))
        base = float(bases[chosen])
        values = {
            item.name: _readable(item, code, row)
            for item, code in zip(plan.inputs, codes, strict=True)
        }
        return Reasons(base, shares, base + sum(shares.values()), values, unit)

    @cached_property
    def _method(self) -> Method:
        version, metadata, plan = self.served.version, self.served.metadata, self.served.plan
        noted = metadata.get("reasons", {})
        if noted is None:
            raise UserError(
                f"{version}: this model gives no reasons: its estimator has no `explanation`, see "
                "models/estimators.py"
            )
        name = FILES.get(noted.get("method", ""))
        if name is None or name not in metadata["files"]:
            raise UserError(f"{version} was saved without what explains it: train a new version")
        path = self.store.fetch(version, [name]) / name
        if sha256(path) != metadata["files"][name]:  # the store has another model of that name
            raise UserError(_not_served(version))
        if name == "model.txt":
            return _trees(path, noted["center"], noted["spread"], plan)
        return _affine(path, plan)


def _trees(path: Path, center: float, spread: float, plan: Plan) -> Method:
    import lightgbm as lgb

    booster = lgb.Booster(model_str=path.read_text("utf-8"))

    def contributions(codes: Floats) -> tuple[Doubles, Doubles]:
        found = booster.predict(codes, pred_contrib=True, num_threads=1)
        found = np.asarray(found).reshape(-1, len(plan.inputs) + 1)  # the last column is the base
        if plan.classes is None:
            found = found * spread
            found[:, -1] += center
        elif len(plan.classes) == 2:
            found = np.concatenate([-found, found])
        return found[:, -1], found[:, :-1]

    return contributions


def _affine(path: Path, plan: Plan) -> Method:
    import onnx

    tensors = onnx.load(path).graph.initializer
    parts = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in tensors}
    weights, bias = parts["weights"].astype(np.float64), parts["bias"].astype(np.float64)
    if plan.classes is not None and len(plan.classes) == 2:  # softmax of two is sigmoid of z1 - z0
        weights, bias = weights - weights[:, ::-1], bias - bias[::-1]
    ends = np.cumsum([item.dense_width for item in plan.inputs])[:-1]

    def contributions(codes: Floats) -> tuple[Doubles, Doubles]:
        weighted = plan.dense(codes)[0][:, None] * weights
        return bias, np.stack([part.sum(axis=0) for part in np.split(weighted, ends)], axis=1)

    return contributions


def _adds_up(bases: Doubles, contributions: Doubles, predicted: list[float], plan: Plan) -> bool:
    """Tell whether reasons for all classes, or for the number, lead to the served prediction."""
    raws = bases + contributions.sum(axis=1)
    if plan.classes is None:  # large terms may cancel, so their size counts and not the sum's
        size = np.abs(bases) + np.abs(contributions).sum(axis=1)
        return bool((np.abs(raws - predicted) <= RELATIVE * size).all())
    if len(plan.classes) == 2:
        raws = raws / 2  # softmax of (-z / 2, z / 2) is the sigmoid of z
    powers = np.exp(raws - raws.max())
    return np.allclose(predicted, powers / powers.sum(), rtol=RELATIVE, atol=ABSOLUTE)


def _readable(item: Input, code: float, row: Mapping[str, Any]) -> float | str | None:
    if np.isnan(code):
        return None
    if item.kind == "category":
        return item.levels[int(code)]
    if item.source == "boolean":
        return label(bool(code))
    return str(row[item.name]) if item.source == "datetime" else code


def _not_served(version: str) -> str:
    return (
        f"the explanation does not belong to the model that is served as {version}: promote a "
        "version whose files are whole, or train a new one"
    )
