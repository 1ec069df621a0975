"""The HTTP API: `create_app(config)` returns an ASGI application.

FastAPI describes it and serves what is asked rarely; the middleware answers `POST /predict`.
"""

from functools import partial
from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import PlainTextResponse, RedirectResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.types import ASGIApp

from ..config import Config
from ..data.lookups import open_store
from . import openapi
from .lifespan import lifespan
from .middleware import JSON, PREDICT, Receive, RequestMiddleware, Scope, Send
from .prediction_ids import MOST_LENGTH
from .problems import ProblemError, mistakes, problem_responses
from .request_values import LONGEST_TEXT
from .service import Service

ROOT, DOCS, OPENAPI = "/", "/docs", "/openapi.json"
DOCS_FILES = "/docs/files"
SCRIPT, STYLE, ICON = (
    f"{DOCS_FILES}/{name}"
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
)
OPEN = "health"  # routes with this tag need no API key and are answered under any load

Finite = Annotated[float, Field(allow_inf_nan=False)]
Label = Annotated[str, Field(max_length=LONGEST_TEXT)]


class Feedback(BaseModel):
    """The true outcome of an earlier prediction."""

    model_config = ConfigDict(extra="forbid")

    prediction_id: str = Field(max_length=MOST_LENGTH)
    label: bool | int | Finite | Label = Field(examples=[True])


class Api(FastAPI):
    """FastAPI behind the middleware."""

    request_middleware: RequestMiddleware
    service: Service

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
        """Return the OpenAPI document, as the served version has it."""
        served = self.service.champion.served
        return openapi.document(super().openapi(), served, self.service.key is not None)


def create_app(config: Config) -> FastAPI:
    """Build the application.

    The middleware lies outside of FastAPI's own middleware. What is to see every request wraps the
    application instead: `CORSMiddleware(create_app(config), ...)`.

    Args:
        config: The configuration. What a request looks like is said by the served version.
    """
    service = Service(config.serve, open_store(config.features.lookups))
    app = Api(
        title="Predictions",
        description="Predictions of the champion model. Errors are problem documents (RFC 9457).",
        lifespan=partial(lifespan, service),
        docs_url=None,  # FastAPI's own pages fetch their scripts from the internet
        redoc_url=None,
        redirect_slashes=False,  # a redirect would lead to whatever host the caller names
    )
    app.service = app.state.service = service
    _add_routes(app, service)
    _add_feedback(app, service)
    _add_docs(app)
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    open_paths = {route.path for route in routes if OPEN in route.tags} | {
        ROOT,
        DOCS,
        OPENAPI,
        SCRIPT,
        STYLE,
        ICON,
    }
    paths = {route.path for route in routes} | {PREDICT}
    app.request_middleware = RequestMiddleware(
        super(Api, app).__call__, service, frozenset(paths), frozenset(open_paths)
    )
    return app


def _add_routes(app: FastAPI, service: Service) -> None:
    @app.get("/health/live", tags=[OPEN])
    async def live() -> dict[str, str]:
        """The process runs."""
        return {"status": "alive"}

    @app.get("/health/ready", tags=[OPEN], responses=problem_responses(503))
    async def ready() -> dict[str, str]:
        """A model is loaded and has been verified."""
        reason = service.ready()
        service.metrics.ready.set(0 if reason else 1)
        if reason:
            raise ProblemError(503, reason)
        refused = service.champion.reason
        shown = {"status": "ready", "model_version": service.served().version}
        return shown | ({"champion_refused": refused} if refused else {})

    @app.get("/metrics", tags=[OPEN], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Metrics in Prometheus' text format."""
        service.metrics.ready.set(0 if service.ready() else 1)
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

    @app.get(
        "/model",
        tags=["model"],
        responses=problem_responses(401, 503),
        dependencies=openapi.key(service.key is not None),
    )
    async def model() -> dict[str, Any]:
        """Version, metrics, columns and hashes of the served model."""
        return service.served().model.metadata.model_dump(mode="json", exclude={"golden"})

    @app.exception_handler(404)
    async def not_found(request: Request, error: Exception) -> Response:
        raise ProblemError(404, f"there is no {request.method} {request.url.path}")

    @app.exception_handler(405)
    async def not_allowed(request: Request, error: Exception) -> Response:
        allow = (getattr(error, "headers", None) or {}).get("Allow", "")
        detail = f"{request.url.path} does not take {request.method}"
        raise ProblemError(405, detail, allow=allow)


def _add_feedback(app: FastAPI, service: Service) -> None:
    shape = {"schema": Feedback.model_json_schema()}
    body = {"requestBody": {"required": True, "content": {JSON: shape}}}

    @app.post(
        openapi.FEEDBACK,
        tags=["predict"],
        status_code=202,
        responses=problem_responses(400, 401, 404, 409, 413, 422, 503),
        dependencies=openapi.key(service.key is not None),
        openapi_extra=body,
    )
    async def feedback(request: Request) -> dict[str, str]:
        """Tell the true outcome of an earlier prediction."""
        try:
            outcome = Feedback.model_validate_json(await request.body(), strict=True)
        except ValidationError as error:
            if error.errors()[0]["type"] == "json_invalid":
                raise ProblemError(400, "the body must be JSON") from None
            raise ProblemError(422, "the input does not fit", mistakes(error)) from None
        service.take_feedback(outcome.prediction_id, outcome.label)
        return {"status": "noted"}


def _add_docs(app: FastAPI) -> None:
    """Serve the interactive documentation with its scripts, so that it needs no internet."""
    files = StaticFiles(packages=[("fastapi_swagger", "resources")])
    app.mount(DOCS_FILES, files, name="docs-files")

    # Addresses are relative, so that a proxy may put the API under a prefix.
    @app.get(ROOT, include_in_schema=False)
    async def root() -> Response:
        return RedirectResponse(DOCS[1:])

    @app.get(DOCS, include_in_schema=False)
    async def docs() -> Response:
        return get_swagger_ui_html(
            openapi_url=OPENAPI[1:],
            title=app.title,
            swagger_js_url=SCRIPT[1:],
            swagger_css_url=STYLE[1:],
            swagger_favicon_url=ICON[1:],
        )
