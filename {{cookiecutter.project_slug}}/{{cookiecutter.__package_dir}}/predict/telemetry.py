"""What the server tells of itself: Prometheus metrics, an access log, a prediction log.

Logs are written in blocks: one system call for many lines, at the latest after a second.
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

import msgspec
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

encode_lines = msgspec.json.Encoder().encode_lines
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
BLOCK_LINES = 256
FLUSH_SECONDS = 1.0


class Metrics:
    """The server's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        several = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        live: dict[str, Any] = {"multiprocess_mode": "livemax"} if several else {}
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
        self.ready = Gauge("model_ready", "1 while a model is served.", registry=registry, **live)
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

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format, over all workers."""
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            return generate_latest(registry)
        return generate_latest(self.registry)


class JsonLinesLog:
    """Appends JSON lines to a stream or a rotating file; never lets a full disk stop a request."""

    def __init__(self, path: Path | None, metrics: Metrics, max_bytes: int = 0) -> None:
        """Open the log.

        Args:
            path: A file, rotated to `<path>.1` when it is full; None means standard output.
            metrics: Counts the lines that could not be written.
            max_bytes: Size from which a file is rotated; 0 means never.
        """
        self._path, self._max, self._metrics = path, max_bytes, metrics
        self._lines: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._flushed = time.monotonic()
        self._file: IO[bytes] | None = None

    def add(self, line: dict[str, Any]) -> None:
        """Append one object; it must not change any more."""
        self._lines.append(line)
        if len(self._lines) >= BLOCK_LINES or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is held; lines that cannot be written are counted and dropped."""
        with self._lock:
            lines, self._lines = self._lines, []
            self._flushed = time.monotonic()
            if not lines:
                return
            try:
                file = self._open()
                file.write(encode_lines(lines))
                file.flush()
            except OSError:
                self._metrics.lost.inc(len(lines))

    def close(self) -> None:
        """Write what is held, and close the file."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> IO[bytes]:
        if self._path is None:
            return sys.stdout.buffer
        if self._file is not None and self._max and self._file.tell() > self._max:
            self._file.close()
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._file = None
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab", buffering=0)
        return self._file
