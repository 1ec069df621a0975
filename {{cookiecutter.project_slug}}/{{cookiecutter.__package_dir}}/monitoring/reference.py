"""What a version has learned, in bins: reference.json, written at training, read by who watches."""

import logging
from collections.abc import Collection
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from ..data.schema_yaml import flow
from ..errors import UserError
from ..models.attachments import Fitted
from ..models.model_io import MEND, ModelVersion
from ..models.registry import ModelRegistry
from ..preprocess.preprocessor import InputSpec, Preprocessor
from ..utils.changes import Change
from ..utils.classes import predicted_classes
from ..utils.yaml import edited_yaml
from .bins import Values, Watched, watch_category, watch_number
from .measures import chance
from .settings import PATH, load_settings
from .settings import Reference as Rule

REFERENCE = "reference.json"
PREDICTION, CONFIDENCE = "prediction", "confidence"
SLACK = 1e-5
log = logging.getLogger(__name__)


class Reference(BaseModel):
    """reference.json.

    Attributes:
        format: Of the file.
        sets: The sets whose rows it was made from.
        rows: How many.
        watched: The inputs, then prediction and confidence.
        loss: What performance is measured by where outcomes are told: the squared error of the
            probability ("brier"), with more than two classes whether the class is another one
            ("error_rate"), or the absolute error of a number.
        expected_loss: Its mean over the rows; the recipe had not learned from them.
        false_alarms: The chance of one in a window in which nothing drifts, that is allowed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    sets: tuple[str, ...]
    rows: int
    watched: tuple[Watched, ...]
    loss: Literal["brier", "error_rate", "absolute_error"]
    expected_loss: float
    false_alarms: float

    def chance(self, watched: Watched) -> float:
        """Return what chance does at most: `measures.chance` for one of all that are watched.

        The share of false alarms is divided among them (Bonferroni).
        """
        return chance(len(watched.labels), self.false_alarms / len(self.watched))


def attach(fitted: Fitted) -> dict[str, bytes]:
    """Return reference.json of a version before it is saved (see `models.attachments`)."""
    settings = load_settings()
    reference = make_reference(fitted, settings.reference, settings.drift.false_alarms)
    return {REFERENCE: reference.model_dump_json(indent=1).encode() + b"\n"}


def take_on(inputs: Collection[str]) -> list[Change]:
    """Return drift.yml without what another table does not have (see `data.scaffold`)."""
    left_out = load_settings().reference.leave_out
    kept = [name for name in left_out if name in inputs]
    if len(kept) == len(left_out):
        return []
    text = PATH.read_text(encoding="utf-8")
    return [Change(PATH, edited_yaml(text, {("reference", "leave_out"): flow(kept)}))]


def make_reference(fitted: Fitted, rule: Rule, false_alarms: float) -> Reference:
    """Count inputs and predictions of rows that the recipe has not learned from.

    Args:
        fitted: A version before it is saved.
        rule: Which rows and inputs, and how many bins.
        false_alarms: The allowed chance of one, kept for who compares with the reference.
    """
    preprocessor = fitted.preprocessor
    x, y_true = (
        np.concatenate(part) for part in zip(*(fitted.sets[n] for n in rule.sets), strict=True)
    )
    y_pred = fitted.recipe(x)
    unknown = set(rule.leave_out) - {item.name for item in preprocessor.inputs}
    if unknown:
        log.warning("drift.yml leaves out what is no input: %s", ", ".join(sorted(unknown)))
    watched = [
        _input(item, i, x[:, i], rule)
        for i, item in enumerate(preprocessor.inputs)
        if item.name not in rule.leave_out and not is_calendar(item, preprocessor)
    ]
    loss = losses(y_true, y_pred)
    return Reference(
        sets=rule.sets,
        rows=len(x),
        watched=(*watched, *_outputs(y_pred, preprocessor, fitted.threshold, rule)),
        loss=name_of_loss(preprocessor.classes),
        expected_loss=float(loss.mean()),
        false_alarms=false_alarms,
    )


def is_calendar(item: InputSpec, preprocessor: Preprocessor) -> bool:
    """Tell whether an input is made from dates alone: it moves on with time by itself."""
    if item.traced is None:
        return item.source == "datetime"
    return all(preprocessor.columns[name].is_datetime for name in item.traced.columns)


def name_of_loss(
    classes: tuple[str, ...] | None,
) -> Literal["brier", "error_rate", "absolute_error"]:
    """Return what `losses` gives for these classes; None for regression."""
    if classes is None:
        return "absolute_error"
    return "brier" if len(classes) == 2 else "error_rate"


def losses(y_true: Values, y_pred: Values) -> NDArray[np.float64]:
    """Return the loss of each of n predictions: see `Reference.loss`.

    Args:
        y_true: n class indices or numbers.
        y_pred: (n, classes) probabilities or n numbers.
    """
    if y_pred.ndim == 1:
        return np.asarray(np.abs(y_true - y_pred))
    if y_pred.shape[1] == 2:
        return np.asarray((y_true - y_pred[:, 1]) ** 2)
    return np.asarray(y_pred.argmax(axis=1) != y_true, dtype=np.float64)


def outputs(y_pred: Values, classes: tuple[str, ...] | None, threshold: float) -> dict[str, Values]:
    """Return what is watched of n predictions.

    Args:
        y_pred: (n, classes) probabilities or n numbers.
        classes: The labels of the classes; None for regression.
        threshold: Two classes: from this probability on it is the positive class.

    Returns:
        "prediction": n class indices or numbers; "confidence": n probabilities of these classes.
    """
    if classes is None:
        return {PREDICTION: y_pred.reshape(-1)}
    predicted = predicted_classes(y_pred, threshold)
    return {
        PREDICTION: predicted.astype(np.float64),
        CONFIDENCE: y_pred[np.arange(len(y_pred)), predicted],
    }


def open_reference(model: ModelVersion, registry: ModelRegistry) -> Reference:
    """Return a version's reference.

    Raises:
        UserError: It was trained without, or the file is missing or not the one that was written.
    """
    if REFERENCE not in model.metadata.files:
        raise UserError(
            f"{model.version} was trained without {REFERENCE}: list monitoring.reference under "
            "train.attachments in the configuration, and train a new version"
        )
    path = registry.fetch(model.version, [REFERENCE]) / REFERENCE
    try:
        return Reference.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UserError(f"{path}: cannot be read: {type(error).__name__}; {MEND}") from None


def _input(item: InputSpec, position: int, values: Values, rule: Rule) -> Watched:
    if item.kind == "category":
        return watch_category(
            values, item.levels, rule.categories, role="input", name=item.name, position=position
        )
    words = ("false", "true") if item.source == "boolean" else None
    return watch_number(values, rule.bins, words, role="input", name=item.name, position=position)


def _outputs(
    y_pred: Values, preprocessor: Preprocessor, threshold: float, rule: Rule
) -> list[Watched]:
    values = outputs(y_pred, preprocessor.classes, threshold)
    if preprocessor.classes is None:
        return [_number(PREDICTION, values[PREDICTION], rule)]
    return [
        watch_category(
            values[PREDICTION],
            preprocessor.classes,
            rule.categories,
            role="output",
            name=PREDICTION,
        ),
        _number(CONFIDENCE, values[CONFIDENCE], rule),
    ]


def _number(name: str, values: Values, rule: Rule) -> Watched:
    # What is served computes in float32, and many rows may be predicted alike.
    return watch_number(values, rule.bins, slack=SLACK, role="output", name=name)
