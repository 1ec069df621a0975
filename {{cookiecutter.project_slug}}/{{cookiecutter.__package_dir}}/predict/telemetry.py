"""What the server counts and measures, for Prometheus."""

import os
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    """The server's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        several = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        least: dict[str, Any] = {"multiprocess_mode": "livemin"} if several else {}
        most: dict[str, Any] = {"multiprocess_mode": "livemax"} if several else {}
        registry = self.registry
        self._requests = Counter(
            "http_requests_total", "Requests.", ["method", "path", "status"], registry=registry
        )
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "Time from the request's head to the answer's end.",
            ["path"],
            buckets=SECONDS,
            registry=registry,
        )
        self.rows = Counter("predicted_rows_total", "Rows predicted.", registry=registry)
        self.lost = Counter(
            "log_lines_lost_total", "Log lines that could not be written.", registry=registry
        )
        self.ready = Gauge(
            "model_ready", "1 while all workers serve a model.", registry=registry, **least
        )
        self._served = Gauge(
            "model_served",
            "1 for the version that is served.",
            ["name", "version"],
            registry=registry,
            **most,
        )
        self._created = Gauge(
            "model_created_timestamp_seconds",
            "When the served version was trained.",
            registry=registry,
            **least,
        )
        self.refused = Gauge(
            "model_champion_refused", "1 while the champion is refused.", registry=registry, **most
        )
        self.load_failures = Counter(
            "model_load_failures_total", "Champions that could not be loaded.", registry=registry
        )
        self._last: tuple[str, str] | None = None
        self._cells: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def count(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one request; `path` must be one of few."""
        cell = self._cells.get((method, path, status))
        if cell is None:
            cell = (
                self._requests.labels(method, path, str(status)),
                self._seconds.labels(path),
            )
            self._cells[method, path, status] = cell
        cell[0].inc()
        cell[1].observe(seconds)

    def serves(self, name: str, version: str, created: float) -> None:
        """Note which version is served.

        Args:
            name: The model's.
            version: Such as "v0.1".
            created: When it was trained, in seconds since 1970.
        """
        if self._last is not None:
            self._served.labels(*self._last).set(0)
        self._last = name, version
        self._served.labels(name, version).set(1)
        self._created.set(created)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format, over all workers."""
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            return generate_latest(registry)
        return generate_latest(self.registry)
