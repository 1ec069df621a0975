"""From rows to what a caller reads: the API and everything beside it respond with this."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ..models.model_io import ModelVersion
from ..tracking.records import Interval
from ..utils.classes import predicted_class

NewId: TypeAlias = Callable[..., str]
Numbers: TypeAlias = list[list[float]]
Observe: TypeAlias = Callable[[Numbers, Numbers], None]


def build_response(
    model: ModelVersion,
    rows: Sequence[Mapping[str, Any]],
    new_id: NewId,
    observe: Observe | None = None,
) -> list[dict[str, Any]]:
    """Predict rows and put the results into words.

    Args:
        model: The version that predicts.
        rows: n rows as `RequestSchema.read` gives them.
        new_id: Gives a prediction an id of its own, by its score, and with more than two classes
            by the index of the predicted one.
        observe: Is told the n rows' inputs, and what the model gives for them.

    Returns:
        n results with `prediction_id` and `prediction`; classification adds `probabilities` by
        class, regression `lower` and `upper`, the ends of the prediction interval. What a row
        has of ids and time, its result has too, under `ids`.
    """
    x = model.predictor.transform_rows(rows)
    y_pred = model.predictor.predict_inputs(x)
    if observe is not None:
        observe(x, y_pred)
    classes = model.preprocessor.classes
    if classes is None:
        results = _numbers(y_pred, model.interval, new_id)
    else:
        results = _classes(y_pred, classes, model.metadata.threshold, new_id)
    preprocessor = model.preprocessor
    for row, result in zip(rows, results, strict=True):
        if len(row) > len(preprocessor.columns):
            result["ids"] = {name: row[name] for name in preprocessor.passed_through if name in row}
    return results


def _numbers(
    y_pred: Sequence[Sequence[float]], interval: Interval | None, new_id: NewId
) -> list[dict[str, Any]]:
    results = []
    for (value,) in y_pred:
        half = 0.0 if interval is None else interval.half_width(value)
        ends = {"lower": value - half, "upper": value + half}
        results.append({"prediction_id": new_id(value), "prediction": value, **ends})
    return results


def _classes(
    y_pred: Sequence[Sequence[float]], classes: Sequence[str], threshold: float, new_id: NewId
) -> list[dict[str, Any]]:
    results = []
    for proba in y_pred:
        predicted = predicted_class(proba, threshold)
        results.append(
            {
                "prediction_id": new_id(proba[1])
                if len(proba) == 2
                else new_id(proba[predicted], predicted),
                "prediction": classes[predicted],
                "probabilities": dict(zip(classes, proba, strict=True)),
            }
        )
    return results
