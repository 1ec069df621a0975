"""The HTTP API: `create_app(config)` returns an ASGI application.

FastAPI describes it and serves what is asked rarely; `POST /predict` is answered before routing,
by code that does nothing but decode, predict and encode.
"""

import asyncio
import contextlib
import hmac
import logging
import os
import re
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import msgspec
from fastapi import Body, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from ..config import Config
from ..data.schema import Schema, class_labels, load_schema
from ..features import needed_columns
from .answer import answer_rows
from .champion import Champion, Served
from .contract import Contract, InvalidError, Mistake, NotJsonError, TooManyRowsError
from .observe import Lines, Metrics
from .store import Store

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PROBLEM = b"application/problem+json"
JSON = b"application/json"
PATHS = ("/predict", "/feedback", "/health/live", "/health/ready", "/model", "/metrics", "/docs")
OPEN_PATHS = {"/health/live", "/health/ready", "/metrics"}
TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
IN_LOOP_ROWS = 16  # more rows than this are predicted in a thread, so that others need not wait
RETRY_SECONDS = 1
LAST_REQUESTS_SECONDS = 0.2
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


class Feedback(BaseModel):
    """The true outcome of an earlier prediction."""

    model_config = ConfigDict(extra="forbid")

    prediction_id: str = Field(max_length=64, examples=["5f3c2a9e1b7d4c60-1"])
    label: bool | int | float | str = Field(examples=[True])


class ProblemError(Exception):
    """Ends a request with a problem document."""

    def __init__(
        self, status: int, detail: str, errors: list[Mistake] | None = None, allow: str = ""
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors, self.allow = status, detail, errors or [], allow


class Api(FastAPI):
    """FastAPI, whose OpenAPI document gives errors one content type: the one they have."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        document = super().openapi()
        for path in document["paths"].values():
            for operation in path.values():
                for response in operation["responses"].values():
                    if PROBLEM.decode() in response.get("content", {}):
                        response["content"].pop(JSON.decode(), None)
        return document


class Service:
    """What the requests of one process share."""

    def __init__(self, config: Config, schema: Schema) -> None:
        self.config, self.schema = config, schema
        settings = config.serve
        columns = schema.subset(needed_columns(schema.features, config.features.derived))
        self.contract = Contract(columns, settings.max_batch_rows)
        self.champion = Champion(
            Store(settings.store, settings.cache), schema.hash, settings.poll_seconds
        )
        self.metrics = Metrics()
        self.access = Lines(None, self.metrics) if settings.access_log else None
        path = settings.prediction_log
        self.predictions = (
            Lines(_own_file(path), self.metrics, settings.log_bytes) if path is not None else None
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
        return "" if self.champion.served is not None else self.champion.reason

    async def predict(self, body: bytes) -> bytes:
        """Answer a body of `POST /predict`."""
        served = self.champion.served
        if served is None:
            raise ProblemError(503, self.champion.reason)
        try:
            rows, many = self.contract.read(body)
        except NotJsonError as error:
            raise ProblemError(400, str(error)) from None
        except InvalidError as error:
            raise ProblemError(422, "the input does not fit", error.mistakes) from None
        except TooManyRowsError as error:
            raise ProblemError(413, str(error)) from None
        if len(rows) > IN_LOOP_ROWS:
            answers = await asyncio.to_thread(answer_rows, served, rows, self.new_id)
        else:
            answers = answer_rows(served, rows, self.new_id)
        self.metrics.rows.inc(len(rows))
        if self.predictions is not None:
            self._note(served, rows, answers)
        if many:
            return encode({"model_version": served.version, "predictions": answers})
        return encode({"model_version": served.version, **answers[0]})

    def _note(
        self, served: Served, rows: list[dict[str, Any]], answers: list[dict[str, Any]]
    ) -> None:
        assert self.predictions is not None
        now = time.time()
        for row, answer in zip(rows, answers, strict=True):
            self.predictions.add(
                {"time": now, "model_version": served.version, "input": row, **answer}
            )


class Gateway:
    """The outermost layer: ids, limits, metrics, log; and `POST /predict` itself."""

    def __init__(self, app: Callable[..., Awaitable[None]], service: Service) -> None:
        self.app, self.service = app, service
        self.max_body = service.config.serve.max_body_bytes
        self.max_active = service.config.serve.max_concurrency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        service = self.service
        start = time.perf_counter()
        request_id, trace = _identity(scope["headers"], service)
        status = 500
        path = scope["path"]

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                if service.draining:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        service.active += 1
        try:
            await self._handle(scope, receive, answer, path)
        except ProblemError as problem:
            await _send_problem(answer, problem, request_id)
        except Exception:  # a fault of ours: logged with its id, told without details
            log.exception("request %s failed", request_id)
            fault = ProblemError(500, "an internal error; the log has it under this id")
            await _send_problem(answer, fault, request_id)
        finally:
            service.active -= 1
            seconds = time.perf_counter() - start
            known = path if path in PATHS else "other"
            service.metrics.count(scope["method"], known, status, seconds)
            if service.access is not None:
                line = {
                    "time": time.time(),
                    "request_id": request_id,
                    "method": scope["method"],
                    "path": path,
                    "status": status,
                    "ms": round(seconds * 1000, 3),
                }
                service.access.add(line if trace is None else {**line, "trace_id": trace})

    async def _handle(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        service = self.service
        if path not in OPEN_PATHS:
            if service.key is not None and not _has_key(scope["headers"], service.key):
                raise ProblemError(401, "send the API key in the header x-api-key")
            if service.active > self.max_active:
                raise ProblemError(503, "too many requests at once; try again")
        if path == "/predict" and scope["method"] == "POST":
            body = await self._body(scope["headers"], receive)
            await _send(send, 200, JSON, await service.predict(body))
            return
        if scope["method"] == "POST":
            body = await self._body(scope["headers"], receive)
            receive = _replay(body)
        await self.app(scope, receive, send)

    async def _body(self, headers: list[tuple[bytes, bytes]], receive: Receive) -> bytes:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ProblemError(400, "the body was cut off")
            body += bytes(message.get("body", b""))
            if len(body) > self.max_body:
                raise ProblemError(413, f"the body has more than {self.max_body:,} bytes")
            if not message.get("more_body"):
                return body


def create_app(config: Config) -> FastAPI:
    """Build the application.

    Args:
        config: The configuration; its schema file says what a request looks like.

    Raises:
        UserError: The schema or a setting is wrong.
    """
    schema = load_schema(config.paths.schema_)
    service = Service(config, schema)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        _drain_first(service)
        await asyncio.to_thread(service.champion.look)
        follower = asyncio.create_task(service.champion.follow())
        flusher = asyncio.create_task(_flush_often(service))
        yield
        for task in (follower, flusher):
            task.cancel()
        for log in service.logs:
            log.close()

    app = Api(
        title=f"Predict {schema.target}",
        description="Predictions of the champion model. Errors are problem documents (RFC 9457).",
        lifespan=lifespan,
    )
    app.state.service = service
    _describe(app, service)
    _add_routes(app, service)
    app.add_middleware(Gateway, service=service)
    return app


def _add_routes(app: FastAPI, service: Service) -> None:
    @app.get("/health/live", tags=["health"])
    async def live() -> dict[str, str]:
        """The process runs."""
        return {"status": "alive"}

    @app.get("/health/ready", tags=["health"], responses=_problems(503))
    async def ready() -> dict[str, str]:
        """A model is loaded and has proven itself."""
        reason = service.ready()
        service.metrics.ready.set(0 if reason else 1)
        served = service.champion.served
        if reason or served is None:
            raise ProblemError(503, reason)
        return {"status": "ready", "model_version": served.version}

    @app.get("/model", tags=["model"], responses=_problems(401, 503))
    async def model() -> dict[str, Any]:
        """Version, metrics, schema and hashes of the served model."""
        served = service.champion.served
        if served is None:
            raise ProblemError(503, service.champion.reason)
        names = (
            "version", "created", "task", "target", "classes", "model", "params", "commit",
            "dirty", "metrics", "baseline_metrics", "interval", "threshold", "data", "files",
            "config_hash", "schema_hash", "plan_hash", "packages",
        )  # fmt: skip
        found = {name: served.metadata.get(name) for name in names}
        return {**found, "schema": service.schema.model_dump(mode="json")}

    @app.get("/metrics", tags=["health"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Metrics in Prometheus' text format."""
        service.metrics.ready.set(0 if service.ready() else 1)
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

    shape = {"schema": Feedback.model_json_schema()}
    body = {"requestBody": {"required": True, "content": {JSON.decode(): shape}}}

    @app.post(
        "/feedback",
        tags=["predict"],
        status_code=202,
        responses=_problems(400, 401, 404, 413, 422, 503),
        openapi_extra=body,
    )
    async def feedback(request: Request) -> dict[str, str]:
        """Tell the true outcome of an earlier prediction."""
        if service.predictions is None:
            raise ProblemError(404, "the prediction log is off (serve.prediction_log)")
        try:
            found = Feedback.model_validate_json(await request.body(), strict=True)
        except ValidationError as error:
            if error.errors()[0]["type"] == "json_invalid":
                raise ProblemError(400, "the body must be JSON") from None
            raise ProblemError(422, "the input does not fit", _mistakes(error)) from None
        service.predictions.add({"time": time.time(), **found.model_dump()})
        return {"status": "noted"}

    @app.exception_handler(404)
    async def not_found(request: Request, error: Exception) -> Response:
        raise ProblemError(404, f"there is no {request.method} {request.url.path}")

    @app.exception_handler(405)
    async def not_allowed(request: Request, error: Exception) -> Response:
        allow = (getattr(error, "headers", None) or {}).get("Allow", "")
        detail = f"{request.url.path} does not take {request.method}"
        raise ProblemError(405, detail, allow=allow)


def _describe(app: FastAPI, service: Service) -> None:
    """Put `POST /predict` into the OpenAPI document; the gateway answers it before this route."""
    row: Any = service.contract.model
    one, many = _answer_models(service)
    rows: dict[str, Any] = {
        "one": {"summary": "one row", "value": service.contract.example_row()},
        "many": {"summary": "a list of rows", "value": [service.contract.example_row()]},
    }

    async def predict(body: Any) -> None:
        """Predict one row or a list of rows."""
        raise AssertionError("answered by the gateway")

    limits = Field(min_length=1, max_length=service.contract.max_rows)
    list_of_rows = Annotated[list[row], limits]
    predict.__annotations__ = {"body": Annotated[row | list_of_rows, Body(openapi_examples=rows)]}
    app.post(
        "/predict",
        tags=["predict"],
        response_model=one | many,
        responses=_problems(400, 401, 413, 422, 503),
    )(predict)


def _answer_models(service: Service) -> tuple[Any, Any]:
    target = service.schema.columns[service.schema.target]
    fields: dict[str, Any] = {"prediction_id": (str, Field(description="to give feedback for"))}
    if service.config.task == "classification":
        labels = class_labels(target)
        named = create_model("Probabilities", **dict.fromkeys(labels or (), (float, ...)))  # type: ignore[call-overload]  # made at run time
        fields["prediction"] = (str, Field(description="the chosen class"))
        fields["probabilities"] = (named if labels else dict[str, float], ...)
    else:
        level = service.config.train.interval_level
        fields["prediction"] = (float, Field(description=target.unit or target.description))
        fields["lower"] = (float, Field(description=f"lower end of the {level:.0%} interval"))
        fields["upper"] = (float, Field(description=f"upper end of the {level:.0%} interval"))
    prediction = create_model("Prediction", **fields)
    version = (str, Field(examples=["v0.1"]))
    one = create_model("PredictionAnswer", __base__=prediction, model_version=version)
    many = create_model(
        "PredictionAnswers",
        model_version=version,
        predictions=(list[prediction], ...),  # type: ignore[valid-type]  # made at run time
    )
    return one, many


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {PROBLEM.decode(): {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": TITLES[status], "model": Problem, "content": content}
        for status in statuses
    }


def _mistakes(error: ValidationError) -> list[Mistake]:
    return [
        Mistake(field=".".join(map(str, p["loc"][:1])) or "body", rule=p["msg"])
        for p in error.errors(include_url=False, include_input=False)
    ]


def _identity(headers: list[tuple[bytes, bytes]], service: Service) -> tuple[str, str | None]:
    """Return the request's id, and the trace id of a valid W3C traceparent header."""
    for name, value in headers:
        if name == b"traceparent" and (match := TRACEPARENT.fullmatch(value)):
            return service.new_id(), match[1].decode()
    return service.new_id(), None


def _has_key(headers: list[tuple[bytes, bytes]], key: bytes) -> bool:
    given = next((value for name, value in headers if name == b"x-api-key"), b"")
    return hmac.compare_digest(given, key)


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _send(
    send: Send, status: int, kind: bytes, body: bytes, *headers: tuple[bytes, bytes]
) -> None:
    length = (b"content-length", str(len(body)).encode())
    start = {"type": "http.response.start", "status": status}
    await send({**start, "headers": [(b"content-type", kind), length, *headers]})
    await send({"type": "http.response.body", "body": body})


async def _send_problem(send: Send, problem: ProblemError, request_id: str) -> None:
    document = Problem(
        title=TITLES[problem.status],
        status=problem.status,
        detail=problem.detail,
        instance=request_id,
        errors=problem.errors,
    )
    headers = [(b"retry-after", str(RETRY_SECONDS).encode())] if problem.status == 503 else []
    if problem.allow:
        headers.append((b"allow", problem.allow.encode()))
    body = document.model_dump_json().encode()
    await _send(send, problem.status, PROBLEM, body, *headers)


def _drain_first(service: Service) -> None:
    """On SIGTERM first tell clients and load balancers, and only then let the server stop.

    For `serve.drain_seconds` readiness is false and each answer closes its connection, while new
    requests are still answered. Then the port closes, connections from before get a moment to
    send what they came for, and the server's own handler ends it.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    stop = signal.getsignal(signal.SIGTERM)
    loop = asyncio.get_running_loop()

    async def wind_down(stop: Callable[..., Any], number: int) -> None:
        await asyncio.sleep(service.config.serve.drain_seconds)
        for listening in getattr(getattr(stop, "__self__", None), "servers", []):
            listening.close()
        await asyncio.sleep(LAST_REQUESTS_SECONDS)
        stop(number, None)

    def drain(number: int, frame: FrameType | None) -> None:
        if callable(stop) and not service.draining:
            service.draining = True
            asyncio.run_coroutine_threadsafe(wind_down(stop, number), loop)

    if callable(stop):
        signal.signal(signal.SIGTERM, drain)


async def _flush_often(service: Service) -> None:
    while True:
        await asyncio.sleep(1)
        for log in service.logs:
            log.flush()


def _own_file(path: Path) -> Path:
    """Give each process a file of its own: two must not rotate the same one."""
    return path.with_name(f"{path.stem}-{os.getpid()}{path.suffix}")
