"""From rows to what a caller reads: the API and everything beside it respond with this."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..models.model_io import ModelVersion
from ..utils.classes import predicted_class


def build_response(
    model: ModelVersion, rows: Sequence[Mapping[str, Any]], new_id: Callable[[float], str]
) -> list[dict[str, Any]]:
    """Predict rows and put the results into words.

    Args:
        model: The version that predicts.
        rows: n rows as `RequestSchema.read` gives them.
        new_id: Gives a prediction with some score an id of its own.

    Returns:
        n results with `prediction_id` and `prediction`; classification adds `probabilities` by
        class, regression `lower` and `upper`, the ends of the prediction interval.
    """
    y_pred = model.predictor.predict_rows(rows)
    classes = model.preprocessor.classes
    if classes is None:
        half = model.half_width or 0.0
        return [
            {
                "prediction_id": new_id(value),
                "prediction": value,
                "lower": value - half,
                "upper": value + half,
            }
            for (value,) in y_pred
        ]
    threshold = model.metadata.threshold
    results = []
    for proba in y_pred:
        predicted = predicted_class(proba, threshold)
        results.append(
            {
                "prediction_id": new_id(proba[1] if len(proba) == 2 else proba[predicted]),
                "prediction": classes[predicted],
                "probabilities": dict(zip(classes, proba, strict=True)),
            }
        )
    return results
