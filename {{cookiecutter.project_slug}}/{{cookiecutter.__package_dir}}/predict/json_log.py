"""JSON lines, written in blocks: one system call for many, at the latest after a second."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from .telemetry import Metrics

encode_lines = msgspec.json.Encoder().encode_lines
BLOCK_LINES = 256
FLUSH_SECONDS = 1.0


class JsonLinesLog:
    """Appends JSON lines to a stream or a rotating file; never lets a full disk stop a request.

    Several processes may share a file: each block is appended whole under a lock. A full file
    becomes `<path>.1` in place of the one before, so that the two take at most twice its size.
    """

    def __init__(self, path: Path | None, metrics: Metrics, max_bytes: int = 0) -> None:
        """Open the log.

        Args:
            path: A file; None means standard output.
            metrics: Counts the lines that could not be written.
            max_bytes: Size from which a file is rotated; 0 means never.
        """
        self.path, self.max_bytes, self._metrics = path, max_bytes, metrics
        self._lines: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._flushed = time.monotonic()

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
            written = 0
            with suppress(OSError):
                written = self._write(encode_lines(lines))
            if written < len(lines):
                self._metrics.lost.inc(len(lines) - written)

    def close(self) -> None:
        """Write what is held."""
        self.flush()

    def _write(self, block: bytes) -> int:
        """Append a block and return how many of its lines are whole in the file."""
        if self.path is None:
            sys.stdout.buffer.write(block)
            sys.stdout.buffer.flush()
            return block.count(b"\n")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self.path.with_name(f".{self.path.name}.lock")):
            if self.max_bytes and _size(self.path) > self.max_bytes:
                self.path.replace(self.path.with_name(f"{self.path.name}.1"))
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                return _append(file, block)
            finally:
                os.close(file)


def _append(file: int, block: bytes) -> int:
    """Write a block; where only a part of it fits, take back the line that was torn."""
    end = os.fstat(file).st_size
    written = os.write(file, block)
    whole = block.rfind(b"\n", 0, written) + 1
    if whole < written:
        os.ftruncate(file, end + whole)
    return block.count(b"\n", 0, whole)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that all processes of this machine respect; Windows has one process only."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
