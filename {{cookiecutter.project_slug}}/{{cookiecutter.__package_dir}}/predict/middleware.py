"""The outermost layer of the API: ids, limits, metrics, log, errors; and `POST /predict` itself.

What is asked thousands of times a second is answered here, before any framework: decode, predict,
encode. All other requests go on to FastAPI.
"""

import asyncio
import hmac
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, Field

from ..config import Config
from ..data.schema import Schema
from ..features import needed_columns
from ..models.model_io import ModelVersion
from ..models.registry import ModelRegistry
from .reload import ChampionReloader
from .request_schema import InvalidError, Mistake, NotJsonError, RequestSchema, TooManyRowsError
from .response import build_response
from .telemetry import JsonLinesLog, Metrics

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

PROBLEM = "application/problem+json"
JSON = "application/json"
PATHS = {"/predict", "/feedback", "/health/live", "/health/ready", "/model", "/metrics", "/docs"}
DOCS_FILES = "/docs/files"
# May be read without the API key and however many requests are under way.
OPEN_PATHS = {"/health/live", "/health/ready", "/metrics", "/docs", "/openapi.json"} | {
    f"{DOCS_FILES}/{name}"
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
}
TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
IN_LOOP_ROWS = 16  # more rows than this are predicted in a thread, so that others need not wait
RETRY_SECONDS = 1
TITLES = {
    400: "Bad request",
    401: "Unauthorized",
    404: "Not found",
    405: "Method not allowed",
    413: "Too large",
    422: "Invalid input",
    500: "Internal error",
    503: "Unavailable",
}
encode = msgspec.json.Encoder().encode
log = logging.getLogger(__name__)


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str = Field(description="the request's id, as in the log")
    errors: list[Mistake] = []


class ProblemError(Exception):
    """Ends a request with a problem document."""

    def __init__(
        self, status: int, detail: str, errors: list[Mistake] | None = None, allow: str = ""
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors, self.allow = status, detail, errors or [], allow


class BegunError(Exception):
    """Something failed after the answer had begun."""


class Service:
    """What the requests of one process share."""

    def __init__(self, config: Config, schema: Schema) -> None:
        self.config, self.schema = config, schema
        settings = config.serve
        columns = schema.subset(needed_columns(schema.features, config.features.derived))
        self.request_schema = RequestSchema(columns, settings.max_batch_rows)
        self.champion = ChampionReloader(
            ModelRegistry(settings.store, settings.cache), schema.hash, settings.poll_seconds
        )
        self.metrics = Metrics()
        self.access = JsonLinesLog(None, self.metrics) if settings.access_log else None
        path = settings.prediction_log
        self.predictions = (
            JsonLinesLog(_own_file(path), self.metrics, settings.log_bytes)
            if path is not None
            else None
        )
        self.logs = [log for log in (self.access, self.predictions) if log is not None]
        self.key = settings.api_key.get_secret_value().encode() if settings.api_key else None
        self.active = 0
        self.draining = False
        self._prefix = os.urandom(8).hex()
        self._number = count(1)

    def new_id(self) -> str:
        """Return an id that no other request or prediction has, in any process."""
        return f"{self._prefix}-{next(self._number)}"

    def ready(self) -> str:
        """Return why requests cannot be answered, or an empty text."""
        if self.draining:
            return "shutting down"
        return "" if self.champion.model is not None else self.champion.reason

    async def predict(self, body: bytes) -> bytes:
        """Answer a body of `POST /predict`."""
        model = self.champion.model
        if model is None:
            raise ProblemError(503, self.champion.reason)
        try:
            rows, many = self.request_schema.read(body)
        except NotJsonError as error:
            raise ProblemError(400, str(error)) from None
        except InvalidError as error:
            raise ProblemError(422, "the input does not fit", error.mistakes) from None
        except TooManyRowsError as error:
            raise ProblemError(413, str(error)) from None
        if len(rows) > IN_LOOP_ROWS:
            answers = await asyncio.to_thread(build_response, model, rows, self.new_id)
        else:
            answers = build_response(model, rows, self.new_id)
        self.metrics.rows.inc(len(rows))
        if self.predictions is not None:
            self._note(model, rows, answers)
        if many:
            return encode({"model_version": model.version, "predictions": answers})
        return encode({"model_version": model.version, **answers[0]})

    def _note(
        self, model: ModelVersion, rows: list[dict[str, Any]], answers: list[dict[str, Any]]
    ) -> None:
        assert self.predictions is not None
        now = time.time()
        for row, answer in zip(rows, answers, strict=True):
            self.predictions.add(
                {"time": now, "model_version": model.version, "input": row, **answer}
            )


class RequestMiddleware:
    """Sees every request first and counts it last."""

    def __init__(self, app: Callable[..., Awaitable[None]], service: Service) -> None:
        """Wrap an ASGI application.

        Args:
            app: Answers what the middleware does not.
            service: What the requests share.
        """
        self.app, self.service = app, service
        self.max_body = service.config.serve.max_body_bytes
        self.max_active = service.config.serve.max_concurrency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one HTTP request."""
        service = self.service
        start = time.perf_counter()
        path, method = scope["path"], scope["method"]
        request_id, status = service.new_id(), 500
        counted = path not in OPEN_PATHS or method not in ("GET", "HEAD")
        service.active += counted
        try:
            if counted:
                self._admit(scope["headers"])
            if path == "/predict" and method == "POST":
                content = await service.predict(await self._body(receive))
                await _send(send, 200, JSON, content, self._headers(request_id))
                status = 200
            else:
                if method == "POST":
                    receive = _replay(await self._body(receive), receive)
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
            service.active -= counted
            seconds = time.perf_counter() - start
            service.metrics.count(method, path if path in PATHS else "other", status, seconds)
            if service.access is not None:
                line = {
                    "time": time.time(),
                    "request_id": request_id,
                    "method": method,
                    "path": path,
                    "status": status,
                    "ms": round(seconds * 1000, 3),
                }
                if (trace := _trace_id(scope["headers"])) is not None:
                    line["trace_id"] = trace
                service.access.add(line)

    def _admit(self, headers: Headers) -> None:
        service = self.service
        if service.key is not None and not _has_key(headers, service.key):
            raise ProblemError(401, "send the API key in the header x-api-key")
        if service.active > self.max_active:
            raise ProblemError(503, "too many requests at once; try again")

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
        document = Problem(
            title=TITLES[problem.status],
            status=problem.status,
            detail=problem.detail,
            instance=request_id,
            errors=problem.errors,
        )
        headers = self._headers(request_id)
        if problem.status == 503:
            headers.append((b"retry-after", str(RETRY_SECONDS).encode()))
        if problem.allow:
            headers.append((b"allow", problem.allow.encode()))
        await _send(send, problem.status, PROBLEM, document.model_dump_json().encode(), headers)

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


def _own_file(path: Path) -> Path:
    """Give each process a file of its own: two must not rotate the same one."""
    return path.with_name(f"{path.stem}-{os.getpid()}{path.suffix}")
