"""The API as a process of its own, and requests to it."""

import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ..config import variable
from ..errors import UserError

SECONDS = 60.0  # to start, or to follow the champion
HOST = "127.0.0.1"


class Server:
    """`serve` in a folder, on a free port; ended when the block ends.

    Args:
        folder: Where it runs.
        environment: Its environment variables.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = _free_port()
        changes = {"host": HOST, "port": self.port, "poll_seconds": 0.2, "access_log": "false"}
        named = {variable("serve", key): str(value) for key, value in changes.items()}
        self.environment = {**environment, **named}
        self.log = folder.parent / "serve.log"
        self.draw = random.Random(0)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{HOST}:{self.port}"

    def __enter__(self) -> "Server":
        package = (__package__ or "").partition(".")[0]
        command = [sys.executable, "-m", package, "serve"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()

    def wait_for(self, version: str) -> None:
        """Wait until a version answers.

        Raises:
            UserError: It does not, or the server has ended.
        """
        until = time.monotonic() + SECONDS
        said = "nothing"
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise UserError(f"the server has ended; {self.log} says why")
            try:
                status, answer = self._send("GET", "/health/ready")
                said = json.dumps(answer)
                if status == 200 and answer["model_version"] == version:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise UserError(f"{version} is not served after {SECONDS:g} s: {said}")

    def ask(self, rows: Sequence[Mapping[str, Any]], requests: int) -> dict[str, float]:
        """Send rows one by one, drawn at random.

        Returns:
            What was measured.

        Raises:
            UserError: A request was not answered with a prediction.
        """
        if not rows:
            raise UserError("there is no row to ask with")
        connection = HTTPConnection(HOST, self.port, timeout=SECONDS)
        taken = []
        for row in self.draw.choices(rows, k=requests):
            begin = time.perf_counter()
            status, answer = self._send("POST", "/predict", row, connection)
            taken.append(1000 * (time.perf_counter() - begin))
            if status != 200:
                raise UserError(f"{row} was answered with {status}: {json.dumps(answer)[:300]}")
        connection.close()
        p50, p99 = np.percentile(taken, [50, 99])
        return {"answered": float(requests), "p50 ms": float(p50), "p99 ms": float(p99)}

    def stop(self) -> int:
        """Tell it to end, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)

    def _send(
        self, method: str, path: str, body: Any = None, connection: HTTPConnection | None = None
    ) -> tuple[int, Any]:
        used = connection or HTTPConnection(HOST, self.port, timeout=SECONDS)
        used.request(method, path, None if body is None else json.dumps(body))
        with used.getresponse() as answer:
            return answer.status, json.load(answer)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
