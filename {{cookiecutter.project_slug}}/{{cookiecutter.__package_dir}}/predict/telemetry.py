"""What the server counts and measures, for Prometheus."""

import mmap
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

# OpenTelemetry's names for HTTP, https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
ROWS = (1, 4, 16, 64, 256, 1024)
STATM = Path("/proc/self/statm")
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    """The server's metrics, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        least: Any = {"registry": registry, "multiprocess_mode": "livemin"}
        most: Any = {"registry": registry, "multiprocess_mode": "livemax"}
        self.process = ProcessMetrics(registry)
        self._seconds = Histogram(
            "http_server_request_duration_seconds",
            "Time from the request's head to the answer's end.",
            ["http_request_method", "http_route", "http_response_status_code"],
            buckets=SECONDS,
            registry=registry,
        )
        self.rows = Histogram(
            "model_request_rows",
            "Rows of a request that was predicted.",
            buckets=ROWS,
            registry=registry,
        )
        self.warned = Counter(
            "model_rows_warned_total",
            "Rows that were predicted though they break a rule.",
            registry=registry,
        )
        self._lookups = Counter(
            "model_lookups_total",
            "Rows that left out what a second table has.",
            ["table", "outcome"],
            registry=registry,
        )
        self.lost = Counter(
            "log_lines_lost_total", "Log lines that could not be written.", registry=registry
        )
        self.ready = Gauge("model_ready", "1 while all workers serve a model.", **least)
        names = ["model_name", "model_version"]
        self._served = Gauge("model_served", "1 for the version that is served.", names, **most)
        self._created = Gauge(
            "model_created_timestamp_seconds", "When the served version was trained.", **least
        )
        self.refused = Gauge("model_champion_refused", "1 while the champion is refused.", **most)
        self.load_failures = Counter(
            "model_load_failures_total", "Champions that could not be loaded.", registry=registry
        )
        self._last: tuple[str, str] | None = None
        self._cells: dict[tuple[str, str, int], Any] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; `route` must be one of few."""
        cell = self._cells.get((method, route, status))
        if cell is None:
            known = method if method in METHODS else "_OTHER"
            cell = self._seconds.labels(known, route, str(status))
            if known == method:
                self._cells[method, route, status] = cell
        cell.observe(seconds)

    def count_lookup(self, table: str, outcome: str) -> None:
        """Count a row that was looked up in one of the version's second tables."""
        self._lookups.labels(table, outcome).inc()

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


class ProcessMetrics:
    """How busy the workers are."""

    def __init__(self, registry: CollectorRegistry) -> None:
        total: Any = {"registry": registry, "multiprocess_mode": "livesum"}
        self._active = Gauge("http_server_active_requests", "Requests under way.", **total)
        self._most_active = Gauge(
            "http_server_active_requests_limit",
            "Requests that may be under way at once; more are refused.",
            **total,
        )
        self._cpu = Counter(
            "process_cpu_seconds_total", "Time that the workers have computed.", registry=registry
        )
        self._memory = Gauge("process_resident_memory_bytes", "Memory of the workers.", **total)
        self._computed = 0.0

    def measure(self, active: int, most_active: int) -> None:
        """Note how busy this process is.

        Args:
            active: Requests under way.
            most_active: How many may be.
        """
        self._active.set(active)
        self._most_active.set(most_active)
        computed = sum(os.times()[:2])
        self._cpu.inc(computed - self._computed)
        self._computed = computed
        with suppress(OSError):  # other systems than Linux do without
            self._memory.set(int(STATM.read_text().split()[1]) * mmap.PAGESIZE)
