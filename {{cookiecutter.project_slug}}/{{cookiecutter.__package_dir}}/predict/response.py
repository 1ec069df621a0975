"""From rows to what a caller reads: the API and everything beside it answer with this."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .decide import decide_row
from .reload import Served


def answer_rows(
    served: Served, rows: Sequence[Mapping[str, Any]], new_id: Callable[[], str]
) -> list[dict[str, Any]]:
    """Predict rows and put the results into words.

    Args:
        served: The version that answers.
        rows: n rows as `Contract.read` gives them.
        new_id: Gives each prediction an id of its own.

    Returns:
        n answers with `prediction_id` and `prediction`; classification adds `probabilities` by
        class, regression `lower` and `upper`, the ends of the prediction interval.
    """
    found = served.predictor.predict_rows(rows)
    classes = served.plan.classes
    if classes is None:
        half = float(served.metadata["interval"]["quantile"])
        return [
            {
                "prediction_id": new_id(),
                "prediction": value,
                "lower": value - half,
                "upper": value + half,
            }
            for (value,) in found
        ]
    threshold = served.metadata["threshold"]
    return [
        {
            "prediction_id": new_id(),
            "prediction": classes[decide_row(shares, threshold)],
            "probabilities": dict(zip(classes, shares, strict=True)),
        }
        for shares in found
    ]
