"""What runs beside requests: following the champion, writing logs, winding down."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from types import FrameType
from typing import Any

from fastapi import FastAPI
from uvicorn import Server

from .connection import accept_waiting
from .service import Service

LAST_REQUESTS_SECONDS = 0.2


@contextlib.asynccontextmanager
async def lifespan(service: Service, app: FastAPI) -> AsyncIterator[None]:
    """Load the champion, follow it while the server runs, and close the logs at the end."""
    _drain_first(service)
    _end_with_parent()
    await asyncio.to_thread(service.refresh)
    tasks = [asyncio.create_task(work(service)) for work in (_follow, _flush)]
    yield
    for task in tasks:
        task.cancel()
    service.flush()


def _drain_first(service: Service) -> None:
    """On SIGTERM first tell clients and load balancers, and only then let the server stop.

    For `serve.drain_seconds` readiness is false and each answer closes its connection, while new
    requests are still answered. Then the port closes, connections from before get a moment to
    send what they came for, and the server's own handler ends it. One that has not started yet
    ends at once: it answers nobody.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    stop = signal.getsignal(signal.SIGTERM)
    server = getattr(stop, "__self__", None)
    loop = asyncio.get_running_loop()

    async def wind_down(stop: Callable[..., Any], number: int) -> None:
        await asyncio.sleep(service.settings.drain_seconds)
        if isinstance(server, Server):
            accept_waiting(server, loop)
        await asyncio.sleep(LAST_REQUESTS_SECONDS)
        stop(number, None)

    def drain(number: int, frame: FrameType | None) -> None:
        if callable(stop) and not service.draining:
            service.draining = True
            if isinstance(server, Server) and not server.started:
                stop(number, frame)
                return
            asyncio.run_coroutine_threadsafe(wind_down(stop, number), loop)

    if callable(stop):
        signal.signal(signal.SIGTERM, drain)


def _end_with_parent() -> None:
    """Let a worker end when the process that started it is gone, even if that was killed."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


async def _follow(service: Service) -> None:
    while True:
        await asyncio.sleep(service.settings.poll_seconds)
        await asyncio.to_thread(service.refresh)


async def _flush(service: Service) -> None:
    while True:
        await asyncio.sleep(1)
        await asyncio.to_thread(service.flush)
