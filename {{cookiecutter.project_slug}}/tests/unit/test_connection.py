"""One client cannot stop the server: heads, bodies and connections are limited."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from {{ cookiecutter.package_name }}.predict import connection
from {{ cookiecutter.package_name }}.predict.connection import (
    MAX_HEAD_BYTES,
    LimitedProtocol,
)

Serve = Callable[..., Any]  # gives a context manager


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience of a fifth of a second."""
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.2)
    monkeypatch.setattr(connection, "SWEEP_SECONDS", 0.05)


@pytest.fixture
def opened(api: SimpleNamespace) -> Iterator[Callable[[bytes], socket.socket]]:
    """Open a connection and send something: `opened(b"GET /")`."""
    sockets: list[socket.socket] = []

    def send(content: bytes) -> socket.socket:
        sockets.append(socket.create_connection(("127.0.0.1", api.port), timeout=20))
        sockets[-1].sendall(content)
        return sockets[-1]

    yield send
    for one in sockets:
        one.close()


def read(opened: socket.socket) -> bytes:
    """Read until the server closes."""
    parts = []
    try:
        while part := opened.recv(65_536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def status(answer: bytes) -> int:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    code = int(head.split()[1])
    assert json.loads(body)["status"] == code
    return code


def test_the_hooks_are_there() -> None:
    """They are uvicorn's own: another release may call them otherwise."""
    hooks = [name for name in vars(LimitedProtocol) if name.startswith(("on_", "connection_"))]
    assert {"on_message_begin", "on_headers_complete", "on_message_complete"} < set(hooks)
    for name in (*hooks, "data_received", "send_400_response"):
        assert name in vars(HttpToolsProtocol), f"uvicorn has no {name} any more"


def test_an_endless_header_is_cut_off(
    api: SimpleNamespace, opened: Callable[[bytes], socket.socket]
) -> None:
    endless = opened(b"GET / HTTP/1.1\r\nhost: x\r\nx: ")

    def go_on() -> None:
        for _ in range(10_000):
            endless.sendall(b"x" * 65_536)

    with pytest.raises(ConnectionError):  # closed while it still sends
        go_on()
    assert api.client.get("/health/live").status_code == 200


def test_a_large_head_is_told_so(opened: Callable[[bytes], socket.socket]) -> None:
    head = b"".join(b"x-%d: y\r\n" % number for number in range(MAX_HEAD_BYTES // 8))
    assert status(read(opened(b"GET / HTTP/1.1\r\n" + head + b"\r\n"))) == 431


def test_a_long_header_that_fits_is_fine(api: SimpleNamespace) -> None:
    headers = {"x-long": "x" * (MAX_HEAD_BYTES - 2000)}
    assert api.client.get("/health/live", headers=headers).status_code == 200


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "content",
    [b"GET /health/li", b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{"],
)
def test_half_a_request_is_not_waited_for(
    opened: Callable[[bytes], socket.socket], content: bytes
) -> None:
    assert status(read(opened(content))) == 408


@pytest.mark.usefixtures("quick")
def test_silence_is_closed(opened: Callable[[bytes], socket.socket]) -> None:
    assert read(opened(b"")) == b""


def test_half_bodies_take_no_place(serve: Serve) -> None:
    with serve(max_concurrency=4) as api:
        row = api.service.served().request_schema.example_row()
        half = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{"
        slow = [socket.create_connection(("127.0.0.1", api.port)) for _ in range(20)]
        for one in slow:
            one.sendall(half)
        time.sleep(0.2)
        assert api.client.post("/predict", json=row).status_code == 200
        for one in slow:
            one.close()


def test_connections_are_limited(
    api: SimpleNamespace,
    opened: Callable[[bytes], socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api.client.get("/health/live")  # its own connection stays open
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 3)
    first = [opened(b"") for _ in range(2)]
    time.sleep(0.1)
    assert status(read(opened(b""))) == 503
    assert api.client.get("/health/live").status_code == 200
    for one in first:
        one.close()


def test_rubbish_is_answered(opened: Callable[[bytes], socket.socket]) -> None:
    assert status(read(opened(b"\x16\x03\x01 rubbish\r\n\r\n"))) == 400


def test_a_body_of_many_rows_does_not_stop_the_others(
    api: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = b"[" + b",".join([b"{}"] * 300_000) + b"]"
    answer = api.client.post("/predict", content=many)
    assert answer.status_code == 413
    assert isinstance(answer, httpx.Response)
