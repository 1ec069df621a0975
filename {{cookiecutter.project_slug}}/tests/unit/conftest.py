"""The API for tests of its parts: run in a thread, on a registry with the trained version."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import uvicorn

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.predict.api import create_app
from {{ cookiecutter.package_name }}.predict.connection import LimitedProtocol


@pytest.fixture
def store(trained: SimpleNamespace, tmp_path: Path) -> Path:
    """A store with the trained version as its champion."""
    shutil.copytree(trained.model.folder, tmp_path / "store/v0.1")
    pointer = {"version": "v0.1"}
    (tmp_path / "store/champion.json").write_text(json.dumps(pointer), encoding="utf-8")
    return tmp_path / "store"


@pytest.fixture
def serve(trained: SimpleNamespace, store: Path) -> Callable[..., Any]:
    """Run the API with other settings: `with serve(api_key="...") as api`."""

    def served(**changes: Any) -> Any:
        values = trained.config.model_dump(by_alias=True)
        quick = {"store": str(store), "access_log": False, "poll_seconds": 0.05}
        values["serve"] |= quick | changes
        return running(Config.model_validate(values))

    return served


@pytest.fixture
def api(serve: Callable[..., Any]) -> Iterator[SimpleNamespace]:
    """The API on that store: its client, service and port."""
    with serve() as started:
        yield started


@pytest.fixture
def row(api: SimpleNamespace) -> dict[str, Any]:
    """A row that is accepted."""
    example: dict[str, Any] = api.service.served().request_schema.example_row()
    return example


@pytest.fixture
def problem() -> Callable[[httpx.Response, int], dict[str, Any]]:
    """Check that a response is a problem document with that status, and return it."""

    def document(response: httpx.Response, status: int) -> dict[str, Any]:
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/problem+json"
        content: dict[str, Any] = response.json()
        assert content["status"] == status
        assert content["instance"] == response.headers["x-request-id"]
        return content

    return document


@contextmanager
def running(config: Config) -> Iterator[SimpleNamespace]:
    """Run the API in a thread."""
    app = create_app(config)
    server = uvicorn.Server(
        uvicorn.Config(
            app, port=0, http=LimitedProtocol, log_level="warning", access_log=False, ws="none"
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server ended before it had started"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield SimpleNamespace(client=client, service=app.state.service, port=port)
    finally:  # else a test that fails would never end
        server.should_exit = True
        thread.join()
