"""Starts the API under uvicorn, with one or several worker processes."""

import os
import secrets
import signal
import socket
import sys
import tempfile
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.supervisors import Multiprocess

from ..config import load_config, variable
from ..errors import UserError
from ..logging_config import setup_logging
from .api import create_app
from .connection import LimitedProtocol

CONFIG_FILE = "API_CONFIG_FILE"  # how a worker process learns it
GRACEFUL_SECONDS = 30  # for requests under way, when it is told to stop


def run(path: Path) -> None:
    """Serve until stopped.

    Args:
        path: The configuration file; `serve` in it says where to listen and with how many workers.

    Raises:
        UserError: Nobody can listen there, as when the port is taken, or write the prediction log.
    """
    settings = load_config(path).serve
    check_address(settings.host, settings.port)
    if settings.prediction_log is not None:
        check_log(settings.prediction_log)
    os.environ[CONFIG_FILE] = str(path)
    # All workers sign alike.
    os.environ.setdefault(variable("serve", "signing_key"), secrets.token_hex(32))
    server = uvicorn.Config(
        f"{__name__}:app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=LimitedProtocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        proxy_headers=False,  # nothing here asks who the client is
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    # uvicorn raises the signal again once it has stopped: without a handler the process would end
    # there, with another exit code and the temporary folder left behind.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    with tempfile.TemporaryDirectory(prefix="metrics-") as shared:
        if settings.workers > 1:  # then each request for metrics adds up all workers' files
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared
            _Workers(server, sockets=[server.bind_socket()]).run()
        else:
            uvicorn.Server(server).run()


def check_address(host: str, port: int) -> None:
    """Raise UserError where nobody can listen: uvicorn would end with a code of its own."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            if sys.platform != "win32":  # there it would share a port that is taken
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise UserError(
            f"cannot listen on {host}:{port}: {error.strerror}; see serve.host and serve.port"
        ) from None


def check_log(path: Path) -> None:
    """Raise UserError where no log can be written: it would be lost line by line."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        reason = error.strerror
        raise UserError(f"{path} (serve.prediction_log) cannot be written: {reason}") from None


def app() -> FastAPI:
    """Build the application from the configuration file that `run` was given."""
    config = load_config(Path(os.environ[CONFIG_FILE]))
    setup_logging(config.logging.level, config.logging.format)
    return create_app(config)


def forget(pid: int, shared: Path) -> None:
    """Let the metrics of a dead worker go.

    Counts stay. A file that it was killed over before it had written anything would make all
    metrics unreadable.
    """
    mark_process_dead(pid, str(shared))  # type: ignore[no-untyped-call]
    for path in shared.glob(f"*_{pid}.db"):
        if not path.stat().st_size:
            path.unlink()


class _Workers(Multiprocess):
    """uvicorn's supervisor, which lets go of the port before it ends its workers."""

    def keep_subprocess_alive(self) -> None:
        """Replace dead workers, and let metrics forget what they were."""
        before = {process.pid for process in self.processes if process.pid is not None}
        super().keep_subprocess_alive()
        for pid in before - {process.pid for process in self.processes}:
            forget(pid, Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))

    def terminate_all(self) -> None:
        """End the workers; only they listen from here on, and they take who still waits."""
        for listening in self.sockets:
            listening.close()
        super().terminate_all()
