"""The HTTP API: `create_app(config)` returns an ASGI application.

FastAPI describes it and serves what is asked rarely; the middleware answers `POST /predict`.
"""

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable
from types import FrameType
from typing import Annotated, Any

from fastapi import Body, FastAPI, Request, Response, Security
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import PlainTextResponse
from fastapi.security import APIKeyHeader
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from starlette.types import ASGIApp

from ..config import Config
from ..data.schema import class_labels, load_schema
from .middleware import (
    DOCS_FILES,
    JSON,
    PROBLEM,
    TITLES,
    Problem,
    ProblemError,
    Receive,
    RequestMiddleware,
    Scope,
    Send,
    Service,
)
from .request_schema import LONGEST_TEXT, Mistake

LAST_REQUESTS_SECONDS = 0.2


Finite = Annotated[float, Field(allow_inf_nan=False)]
Label = Annotated[str, Field(max_length=LONGEST_TEXT)]


class Feedback(BaseModel):
    """The true outcome of an earlier prediction."""

    model_config = ConfigDict(extra="forbid")

    prediction_id: str = Field(max_length=64, examples=["5f3c2a9e1b7d4c60-1"])
    label: bool | int | Finite | Label = Field(examples=[True])


class Api(FastAPI):
    """FastAPI behind the middleware."""

    request_middleware: RequestMiddleware

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand requests to the middleware, and all else to FastAPI."""
        if scope["type"] == "http":
            await self.request_middleware(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """Leave errors to the middleware: the outermost layer would answer them in plain text."""
        outermost: Any = super().build_middleware_stack()
        inner: ASGIApp = outermost.app
        return inner

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, in which errors have one content type: their own."""
        document = super().openapi()
        for path in document["paths"].values():
            for operation in path.values():
                for response in operation["responses"].values():
                    if PROBLEM in response.get("content", {}):
                        response["content"].pop(JSON, None)
        return document


def create_app(config: Config) -> FastAPI:
    """Build the application.

    The middleware lies outside of FastAPI's own middleware. What is to see every request wraps the
    application instead: `CORSMiddleware(create_app(config), ...)`.

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
        await asyncio.to_thread(service.champion.refresh)
        follower = asyncio.create_task(service.champion.poll())
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
        docs_url=None,  # FastAPI's own pages fetch their scripts from the internet
        redoc_url=None,
    )
    app.state.service = service
    _describe(app, service)
    _add_routes(app, service)
    _add_docs(app)
    app.request_middleware = RequestMiddleware(super(Api, app).__call__, service)
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
        version = service.champion.model
        if reason or version is None:
            raise ProblemError(503, reason)
        return {"status": "ready", "model_version": version.version}

    @app.get("/model", tags=["model"], responses=_problems(401, 503), dependencies=_key(service))
    async def model() -> dict[str, Any]:
        """Version, metrics, schema and hashes of the served model."""
        version = service.champion.model
        if version is None:
            raise ProblemError(503, service.champion.reason)
        known = version.metadata.model_dump(mode="json", exclude={"golden"})
        return {**known, "schema": service.schema.model_dump(mode="json")}

    @app.get("/metrics", tags=["health"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Metrics in Prometheus' text format."""
        service.metrics.ready.set(0 if service.ready() else 1)
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

    shape = {"schema": Feedback.model_json_schema()}
    body = {"requestBody": {"required": True, "content": {JSON: shape}}}

    @app.post(
        "/feedback",
        tags=["predict"],
        status_code=202,
        responses=_problems(400, 401, 404, 413, 422, 503),
        dependencies=_key(service),
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
    """Put `POST /predict` into the OpenAPI document; the middleware is there before this route."""
    row: Any = service.request_schema.model
    one, many = _answer_models(service)
    rows: dict[str, Any] = {
        "one": {"summary": "one row", "value": service.request_schema.example_row()},
        "many": {"summary": "a list of rows", "value": [service.request_schema.example_row()]},
    }

    async def predict(body: Any) -> None:
        """Predict one row or a list of rows."""
        raise AssertionError("answered by the middleware")

    limits = Field(min_length=1, max_length=service.request_schema.max_rows)
    list_of_rows = Annotated[list[row], limits]
    predict.__annotations__ = {"body": Annotated[row | list_of_rows, Body(openapi_examples=rows)]}
    app.post(
        "/predict",
        tags=["predict"],
        response_model=one | many,
        responses=_problems(400, 401, 413, 422, 503),
        dependencies=_key(service),
    )(predict)


def _add_docs(app: FastAPI) -> None:
    """Serve the interactive documentation with its scripts, so that it needs no internet."""
    files = StaticFiles(packages=[("fastapi_swagger", "resources")])
    app.mount(DOCS_FILES, files, name="docs-files")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        files = DOCS_FILES.lstrip("/")  # relative, so that a proxy may put the API under a prefix
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=app.title,
            swagger_js_url=f"{files}/swagger-ui-bundle.js",
            swagger_css_url=f"{files}/swagger-ui.css",
            swagger_favicon_url=f"{files}/favicon-32x32.png",
        )


def _key(service: Service) -> list[Any]:
    """Put the API key, if there is one, into the OpenAPI document; the middleware checks it."""
    header = APIKeyHeader(name="x-api-key", scheme_name="API key", auto_error=False)
    return [] if service.key is None else [Security(header)]


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
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": TITLES[status], "model": Problem, "content": content}
        for status in statuses
    }


def _mistakes(error: ValidationError) -> list[Mistake]:
    return [
        Mistake(field=".".join(map(str, p["loc"][:1])) or "body", rule=p["msg"])
        for p in error.errors(include_url=False, include_input=False)
    ]


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
