"""The outermost layer of the API: ids, limits, metrics, log, errors; and `POST /predict` itself.

What is asked thousands of times a second is answered here, before any framework: decode, predict,
encode. All other requests go on to FastAPI.
"""

import hmac
import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .problems import PROBLEM, ProblemError
from .service import Service

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON = "application/json"
PREDICT = "/predict"
TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
RETRY_SECONDS = 1
log = logging.getLogger(__name__)


class BegunError(Exception):
    """Something failed after the answer had begun."""


class RequestMiddleware:
    """Sees every request first and counts it last."""

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        service: Service,
        paths: frozenset[str],
        open_paths: frozenset[str],
    ) -> None:
        """Wrap an ASGI application.

        Args:
            app: Answers what the middleware does not.
            service: What the requests share.
            paths: The paths that metrics count by name.
            open_paths: What may be read without the API key and under any load.
        """
        self.app, self.service, self.paths, self.open_paths = app, service, paths, open_paths
        self.max_body = service.settings.max_body_bytes
        self.max_active = service.settings.max_concurrency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one HTTP request."""
        service = self.service
        start = time.perf_counter()
        path, method = scope["path"], scope["method"]
        request_id, status = service.new_id(), 500
        is_open = path in self.open_paths and method in ("GET", "HEAD")
        active = False
        try:
            if not is_open:
                self._check_key(scope["headers"])
            body = await self._body(receive) if method == "POST" else b""
            if not is_open:  # counted from a whole body on: half a request takes no one's place
                service.active += 1
                active = True
                if service.active > self.max_active:
                    raise ProblemError(503, "too many requests at once; try again")
            if path == PREDICT:
                if method != "POST":
                    raise ProblemError(405, f"{path} does not take {method}", allow="POST")
                content = await service.predict(body)
                await _send(send, 200, JSON, content, self._headers(request_id))
                status = 200
            else:
                if method == "POST":
                    receive = _replay(body, receive)
                status = await self._pass_on(scope, receive, send, request_id)
        except ProblemError as problem:
            status = problem.status
            await self._send_problem(send, problem, request_id)
        except BegunError:  # nothing else can be said: the server logs it and closes the connection
            raise
        except Exception:  # a fault of ours: logged with its id, told without details
            log.exception("request %s failed", request_id)
            fault = ProblemError(500, "an internal error; the log has it under this id")
            await self._send_problem(send, fault, request_id)
        finally:
            service.active -= active
            seconds = time.perf_counter() - start
            service.metrics.count(method, path if path in self.paths else "other", status, seconds)
            if service.access is not None:
                self._log(scope, request_id, status, seconds)

    def _log(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        assert self.service.access is not None
        line = {
            "time": time.time(),
            "request_id": request_id,
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "ms": round(seconds * 1000, 3),
        }
        if (trace := _trace_id(scope["headers"])) is not None:
            line["trace_id"] = trace
        self.service.access.add(line)

    def _check_key(self, headers: Headers) -> None:
        if self.service.key is not None and not _has_key(headers, self.service.key):
            raise ProblemError(401, "send the API key in the header x-api-key")

    async def _body(self, receive: Receive) -> bytes:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ProblemError(400, "the body was cut off")
            part: bytes = message.get("body", b"")
            body = body + part if body else part
            if len(body) > self.max_body:
                raise ProblemError(413, f"the body has more than {self.max_body:,} bytes")
            if not message.get("more_body"):
                return body

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> int:
        status = 0
        if scope["method"] == "HEAD":  # as GET, and the server leaves the body out
            scope = {**scope, "method": "GET"}

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *self._headers(request_id)]
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except Exception as error:
            if status:
                raise BegunError from error
            raise
        return status

    async def _send_problem(self, send: Send, problem: ProblemError, request_id: str) -> None:
        headers = self._headers(request_id)
        if problem.status == 503:
            headers.append((b"retry-after", str(RETRY_SECONDS).encode()))
        if problem.allow:
            headers.append((b"allow", problem.allow.encode()))
        await _send(send, problem.status, PROBLEM, problem.document(request_id), headers)

    def _headers(self, request_id: str) -> Headers:
        """Return the headers that every answer carries."""
        headers = [(b"x-request-id", request_id.encode())]
        if self.service.draining:
            headers.append((b"connection", b"close"))
        return headers


async def _send(send: Send, status: int, kind: str, body: bytes, headers: Headers) -> None:
    headers.append((b"content-type", kind.encode()))
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _replay(body: bytes, later: Receive) -> Receive:
    """Give a body that was read already, and after it what else comes."""
    unread = True

    async def receive() -> Message:
        nonlocal unread
        if not unread:
            return await later()
        unread = False
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _trace_id(headers: Headers) -> str | None:
    """Return the trace id of a valid W3C traceparent header."""
    for name, value in headers:
        if name == b"traceparent" and (match := TRACEPARENT.fullmatch(value)):
            return match[1].decode()
    return None


def _has_key(headers: Headers, key: bytes) -> bool:
    given = next((value for name, value in headers if name == b"x-api-key"), b"")
    return hmac.compare_digest(given, key)
