"""Who is told what the API answers: modules that the configuration names."""

from collections.abc import Sequence
from typing import Any, Protocol

from prometheus_client import CollectorRegistry

from ..models.model_io import ModelVersion
from ..models.registry import ModelRegistry
from ..utils.parts import load_part
from .prediction_ids import Predicted


class Observer(Protocol):
    """What `observer(metrics)` of such a module returns; any thread may call its methods.

    What it raises would fail a request: it must not.
    """

    def serves(self, model: ModelVersion, registry: ModelRegistry) -> None:
        """Note that a version answers from now on."""

    def predicted(self, version: str, x: list[list[float]], y_pred: list[list[float]]) -> None:
        """Take n rows' inputs, NaN where missing, and what a version gives for them.

        This is between a request and its answer: it must only keep them.
        """

    def told(self, predicted: Predicted, label: Any) -> None:
        """Take the true outcome of a prediction, and what the prediction's id carries."""

    def flush(self) -> None:
        """Work on what was kept; called each second, beside the requests."""


def load_observers(names: Sequence[str], metrics: CollectorRegistry) -> tuple[Observer, ...]:
    """Return the observers that `serve.observers` names.

    Args:
        names: Modules of the package.
        metrics: Where they may add metrics.
    """
    return tuple(load_part(name, "serve.observers").observer(metrics) for name in names)
