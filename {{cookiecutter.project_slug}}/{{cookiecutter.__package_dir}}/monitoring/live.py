"""What the API sees, counted into the bins of the reference: metrics beside the expected shares.

Rows are kept as they come and counted 256 at a time, or each second. Counters only grow, in files
that outlive a killed worker, so what Prometheus adds up over workers and replicas is right.
"""

import logging
import struct
import threading
from typing import Any, Protocol

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge

from ..errors import UserError
from ..models.model_io import ModelVersion
from ..models.registry import ModelRegistry
from .reference import Reference, losses, open_reference, outputs

BLOCK_ROWS = 256
MOST_INPUTS = 50  # the first ones; `drift FILE` looks at all
log = logging.getLogger(__name__)


class Outcome(Protocol):
    """What a prediction's id says of it: see `predict.prediction_ids`."""

    @property
    def version(self) -> str:
        """That predicted."""

    @property
    def score(self) -> float:
        """The number, or a probability."""

    @property
    def predicted_class(self) -> int | None:
        """With more than two classes, which it was."""


def observer(metrics: CollectorRegistry) -> "LiveCounts":
    """Return what `serve.observers: [monitoring.live]` asks for."""
    return LiveCounts(metrics)


class LiveCounts:
    """Counts what each served version sees (see `predict.observers`)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Add the metrics to a registry."""
        version = ["model_version"]
        one = [*version, "role", "name"]
        same: Any = {"registry": registry, "multiprocess_mode": "livemax"}
        self.rows = Counter(
            "model_watched_rows_total", "Rows seen in a bin.", [*one, "bin"], registry=registry
        )
        self.expected = Gauge(
            "model_expected_share", "Share of the reference in a bin.", [*one, "bin"], **same
        )
        self.chance = Gauge(
            "model_drift_chance",
            "PSI / (1/n + 1/m), for n rows against m of the reference, that chance reaches.",
            one,
            **same,
        )
        self.reference_rows = Gauge(
            "model_reference_rows", "Rows of the reference; 0 without one.", version, **same
        )
        self.outcomes = Counter(
            "model_outcomes_total",
            "Predictions whose outcome was told.",
            version,
            registry=registry,
        )
        self.loss = Counter("model_loss_total", "Their losses.", version, registry=registry)
        self.squares = Counter(
            "model_squared_loss_total", "The squares of their losses.", version, registry=registry
        )
        self.expected_loss = Gauge(
            "model_expected_loss",
            "Mean loss of the measured model on the reference.",
            [*version, "loss"],
            **same,
        )
        self._versions: dict[str, _Version] = {}

    def serves(self, model: ModelVersion, registry: ModelRegistry) -> None:
        """Begin to count for a version; one without a reference is said, and not watched."""
        version = model.version
        try:
            reference = open_reference(model, registry)
        except (UserError, OSError) as error:
            log.error("drift is not watched: %s", error)
            self.reference_rows.labels(version).set(0)
            return
        self.reference_rows.labels(version).set(reference.rows)
        self.expected_loss.labels(version, reference.loss).set(reference.expected_loss)
        self._versions[version] = _Version(self, model, reference)

    def predicted(self, version: str, x: list[list[float]], y_pred: list[list[float]]) -> None:
        """Keep rows until there are enough to count."""
        if (counting := self._versions.get(version)) is not None:
            counting.keep(x, y_pred)

    def told(self, predicted: Outcome, label: Any) -> None:
        """Take in the loss of a prediction."""
        if (counting := self._versions.get(predicted.version)) is not None:
            counting.take(predicted, label)

    def flush(self) -> None:
        """Count what is kept."""
        for counting in list(self._versions.values()):
            counting.flush()


class _Version:
    """Counts for one version."""

    def __init__(self, live: LiveCounts, model: ModelVersion, reference: Reference) -> None:
        version = model.version
        self.classes, self.threshold = model.preprocessor.classes, model.metadata.threshold
        inputs = [one for one in reference.watched if one.position is not None][:MOST_INPUTS]
        self.watched = [*inputs, *(one for one in reference.watched if one.position is None)]
        self._cells = []
        for one in self.watched:
            names = (version, one.role, one.name)
            live.chance.labels(*names).set(reference.chance(one))
            for label, share in zip(one.labels, one.expected, strict=True):
                live.expected.labels(*names, label).set(share)
            self._cells.append([live.rows.labels(*names, label) for label in one.labels])
        self._counts = [np.zeros(len(one.labels), dtype=np.int64) for one in self.watched]
        self._loss = [metric.labels(version) for metric in (live.outcomes, live.loss, live.squares)]
        self._inputs = len(model.preprocessor.inputs)
        width = self._inputs + model.preprocessor.width
        self._rows = np.zeros((BLOCK_ROWS, width), dtype=np.float32)
        self._bytes = self._rows.data.cast("B")
        self._pack = struct.Struct(f"{width}f")
        self._kept = 0
        self._lock = threading.Lock()

    def keep(self, x: list[list[float]], y_pred: list[list[float]]) -> None:
        pack, size = self._pack.pack_into, self._pack.size
        with self._lock:
            for row, predicted in zip(x, y_pred, strict=True):
                pack(self._bytes, self._kept * size, *row, *predicted)
                self._kept += 1
                if self._kept == BLOCK_ROWS:
                    self._count()

    def flush(self) -> None:
        with self._lock:
            self._count()
            counts, self._counts = self._counts, [np.zeros_like(one) for one in self._counts]
        for cells, numbers in zip(self._cells, counts, strict=True):
            for i in np.flatnonzero(numbers):
                cells[i].inc(int(numbers[i]))

    def take(self, predicted: Outcome, label: Any) -> None:
        if (y_true := self._target(label)) is None:
            return
        score = predicted.score
        y_pred = np.array([score] if self.classes is None else [[1 - score, score]])
        if predicted.predicted_class is not None and self.classes is not None:
            y_pred = np.zeros((1, len(self.classes)))
            y_pred[0, predicted.predicted_class] = score
        loss = losses(np.array([y_true]), y_pred)
        for cell, value in zip(self._loss, (1, loss[0], loss[0] ** 2), strict=True):
            cell.inc(float(value))

    def _target(self, label: Any) -> float | None:
        """Return a number, or the index of a class; None where the version has not learned it."""
        if self.classes is None or isinstance(label, bool):
            return float(label)
        if isinstance(label, str):
            return float(self.classes.index(label)) if label in self.classes else None
        numbers = [float(name) for name in self.classes]
        return float(numbers.index(label)) if label in numbers else None

    def _count(self) -> None:
        rows, self._kept = self._rows[: self._kept], 0
        x, y_pred = rows[:, : self._inputs], rows[:, self._inputs :]
        predicted = outputs(y_pred, self.classes, self.threshold)
        for counts, one in zip(self._counts, self.watched, strict=True):
            counts += one.count(predicted[one.name] if one.position is None else x[:, one.position])
