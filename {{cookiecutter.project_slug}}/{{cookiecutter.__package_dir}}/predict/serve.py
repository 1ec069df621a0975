"""Starts the API under uvicorn, with one or several worker processes."""

import os
import tempfile
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from ..config import load_config
from ..logging_config import setup_logging
from .api import create_app

CONFIG_FILE = "API_CONFIG_FILE"  # how a worker process learns it


def run(path: Path) -> None:
    """Serve until stopped.

    Args:
        path: The configuration file; `serve` in it says where to listen and with how many workers.
    """
    config = load_config(path)
    os.environ[CONFIG_FILE] = str(path)
    with tempfile.TemporaryDirectory(prefix="metrics-") as shared:
        if config.serve.workers > 1:  # then each request for metrics adds up all workers' files
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared
        uvicorn.run(
            f"{__name__}:app",
            factory=True,
            host=config.serve.host,
            port=config.serve.port,
            workers=config.serve.workers,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            proxy_headers=False,  # nothing here asks who the client is
            timeout_graceful_shutdown=30,
        )


def app() -> FastAPI:
    """Build the application from the configuration file that `run` was given."""
    config = load_config(Path(os.environ[CONFIG_FILE]))
    setup_logging(config.logging.level, config.logging.format)
    return create_app(config)
