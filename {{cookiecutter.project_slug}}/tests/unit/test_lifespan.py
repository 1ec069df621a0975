"""SIGTERM ends a server, whenever it comes."""

import asyncio
import os
import signal
from collections.abc import Callable

import pytest
import uvicorn
from fastapi import FastAPI

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.predict.lifespan import lifespan
from {{ cookiecutter.package_name }}.predict.service import Service


@pytest.mark.parametrize("drain_seconds", [0.0, 0.2])
def test_a_signal_while_the_server_starts_ends_it(
    project: Callable[..., Config], frame: object, drain_seconds: float
) -> None:
    """Loading a model may take longer than draining; the signal must not be forgotten then."""
    config = project(frame, "y", **{"serve.drain_seconds": drain_seconds})
    service = Service(config.serve)
    app = FastAPI(lifespan=lambda app: lifespan(service, app))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    load = service.refresh

    def slowly() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        asyncio.run(asyncio.sleep(1.0))
        load()

    service.refresh = slowly  # type: ignore[method-assign]  # a large model, far away
    former = signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        asyncio.run(asyncio.wait_for(server.serve(), 60))
    finally:
        signal.signal(signal.SIGTERM, former)
    assert server.should_exit
    assert service.draining
