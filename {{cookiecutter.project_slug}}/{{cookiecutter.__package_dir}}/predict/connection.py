"""Limits of each connection, below the application: how much head, how long, how many.

uvicorn's httptools protocol has none of them: an endless header would stop the event loop, and
requests that are never finished would hold their places for ever.
"""

import asyncio
import http
import os
import socket
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .problems import PROBLEM, ProblemError

MAX_HEAD_BYTES = 32 * 1024
REQUEST_SECONDS = 10.0  # from the first byte of a request to the last of its body
SWEEP_SECONDS = 1.0
MAX_CONNECTIONS = 1000


class LimitedProtocol(HttpToolsProtocol):
    """An HTTP connection that is closed where it takes too much head, or too long."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or close it at once where there are too many."""
        super().connection_made(transport)
        self.refused = False
        self.in_head = True
        self.head_bytes = self.chunk_bytes = 0
        self.since: float | None = self.loop.time()  # None while no byte is waited for
        if len(self.connections) > MAX_CONNECTIONS:
            self.refuse(ProblemError(503, "too many connections; try again"))
        elif not getattr(self.server_state, "is_swept", False):
            self.server_state.is_swept = True  # type: ignore[attr-defined]
            self.loop.call_later(SWEEP_SECONDS, _sweep, self.server_state, self.loop)

    def data_received(self, data: bytes) -> None:
        """Read what came, unless the head has grown too large."""
        if self.refused:
            return
        self.chunk_bytes = len(data)
        if self.since is None and (self.cycle is None or self.cycle.response_complete):
            self.since = self.loop.time()
        try:
            super().data_received(data)
        except httptools.HttpParserCallbackError:
            self.refuse(ProblemError(400, "no valid HTTP request"))
        if self.in_head and not self.refused:
            self.head_bytes += self.chunk_bytes
            self._check_head()

    def on_message_begin(self) -> None:
        """Begin to count a request's head."""
        super().on_message_begin()
        self.in_head, self.head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Hand the request on, unless its head is too large."""
        self.in_head = False
        if self.head_bytes + self.chunk_bytes > MAX_HEAD_BYTES:  # the body's begin may be in it
            self.head_bytes = len(self.url) + sum(len(n) + len(v) + 4 for n, v in self.headers)
            self._check_head()
        if not self.refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if not self.refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the clock: the request is whole."""
        self.since = None
        if not self.refused:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self.refuse(ProblemError(400, "no valid HTTP request"))

    def refuse(self, problem: ProblemError) -> None:
        """Answer with a problem document, and close the connection."""
        self.refused = True
        begun = self.cycle is not None and self.cycle.response_started
        if not begun or self.cycle.response_complete:
            body = problem.document(os.urandom(8).hex())
            phrase = http.HTTPStatus(problem.status).phrase
            head = (
                f"HTTP/1.1 {problem.status} {phrase}\r\ncontent-type: {PROBLEM}\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()

    def _check_head(self) -> None:
        if self.head_bytes > MAX_HEAD_BYTES:
            detail = f"the head of a request has at most {MAX_HEAD_BYTES:,} bytes"
            self.refuse(ProblemError(431, detail))


def _sweep(server_state: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Close what has waited too long for the rest of a request, or for a first one."""
    now = loop.time()
    for connection in list(server_state.connections):
        if connection.since is not None and now - connection.since > REQUEST_SECONDS:
            if connection.in_head and not connection.head_bytes:
                connection.refused = True
                connection.transport.close()  # it never said a word
            else:
                detail = f"a request must be whole after {REQUEST_SECONDS:g} seconds"
                connection.refuse(ProblemError(408, detail))
    if server_state.connections:
        loop.call_later(SWEEP_SECONDS, _sweep, server_state, loop)
    else:
        server_state.is_swept = False


def accept_waiting(server: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Take the connections that wait in the backlog: closing the port would reset them.

    Args:
        server: uvicorn's server, which is about to stop listening.
        loop: Its event loop.
    """

    def protocol() -> asyncio.Protocol:
        made: asyncio.Protocol = server.config.http_protocol_class(
            config=server.config,
            server_state=server.server_state,
            app_state=server.lifespan.state,
            _loop=loop,
        )
        return made

    for listening in server.servers:
        for each in listening.sockets:
            with socket.socket(fileno=os.dup(each.fileno())) as backlog:
                backlog.setblocking(False)
                while True:
                    try:
                        connection, _ = backlog.accept()
                    except OSError:
                        break
                    connection.setblocking(False)
                    loop.create_task(loop.connect_accepted_socket(protocol, connection))
        listening.close()
