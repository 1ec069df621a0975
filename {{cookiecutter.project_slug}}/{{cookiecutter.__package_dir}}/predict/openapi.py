"""The OpenAPI document: what `POST /predict` takes and gives follows the served version."""

from copy import deepcopy
from functools import lru_cache
from typing import Annotated, Any

from fastapi import Body, FastAPI, Security
from fastapi.security import APIKeyHeader
from pydantic import Field, create_model

from .middleware import JSON, PREDICT
from .outcomes import Outcomes
from .problems import PROBLEM, problem_responses
from .reload import ServedModel
from .request_schema import Mistake
from .request_values import PYDANTIC_ID

FEEDBACK = "/feedback"


def key(needed: bool) -> list[Any]:
    """Return what puts the API key into a route's documentation; the middleware checks it."""
    header = APIKeyHeader(name="x-api-key", scheme_name="API key", auto_error=False)
    return [Security(header)] if needed else []


def document(rest: dict[str, Any], served: ServedModel | None, needs_key: bool) -> dict[str, Any]:
    """Return the whole document.

    Args:
        rest: The document of all other routes.
        served: The version that answers; without one any JSON stands for a row.
        needs_key: Whether a caller must send the API key.
    """
    whole = deepcopy(rest)
    predict = _predict(served, needs_key)
    whole["paths"] = predict["paths"] | whole["paths"]
    for kind, definitions in predict["components"].items():
        known = whole["components"].setdefault(kind, {})
        whole["components"][kind] = dict(sorted((known | definitions).items()))
    if served is not None:
        metadata = served.model.metadata
        whole["info"] |= {"title": f"Predict {metadata.target}"}
        body = whole["paths"][FEEDBACK]["post"]["requestBody"]["content"][JSON]["schema"]
        body["properties"]["label"] = Outcomes.of(metadata).schema
    for path in whole["paths"].values():  # errors have one content type: their own
        for operation in path.values():
            for response in operation["responses"].values():
                if PROBLEM in response.get("content", {}):
                    response["content"].pop(JSON, None)
    return whole


@lru_cache(maxsize=2)
def _predict(served: ServedModel | None, needs_key: bool) -> dict[str, Any]:
    """Return a document of `POST /predict` alone."""
    app = FastAPI(title="predict", docs_url=None, redoc_url=None)

    async def predict(body: Any) -> None:
        """Predict one row or a list of rows."""

    # Never called: the middleware answers before any route, so what FastAPI would add to this one,
    # such as `Depends`, has no effect.
    result: Any = Any
    if served is not None:
        schema = served.request_schema
        row: Any = schema.model
        rows = Annotated[list[row], Field(min_length=1, max_length=schema.max_rows)]
        examples: dict[str, Any] = {
            "one": {"summary": "one row", "value": schema.example_row()},
            "many": {"summary": "a list of rows", "value": [schema.example_row()]},
        }
        predict.__annotations__ = {"body": Annotated[row | rows, Body(openapi_examples=examples)]}
        one, many = _results(served)
        result = one | many
    else:
        predict.__annotations__ = {"body": Annotated[Any, Body()]}
    app.post(
        PREDICT,
        tags=["predict"],
        response_model=result,
        responses=problem_responses(400, 401, 413, 422, 503),
        dependencies=key(needs_key),
    )(predict)
    return app.openapi()


def _results(served: ServedModel) -> tuple[Any, Any]:
    """Return pydantic models of the answers to one row and to a list of rows."""
    metadata = served.model.metadata
    target = metadata.columns[metadata.target]
    fields: dict[str, Any] = {"prediction_id": (str, Field(description="to give feedback for"))}
    if metadata.interval is None:
        classes: dict[str, Any] = dict.fromkeys(metadata.classes or (), (float, ...))
        named = create_model("Probabilities", **classes)
        fields["prediction"] = (str, Field(description="the predicted class"))
        fields["probabilities"] = (named, ...)
    else:
        level = f"{metadata.interval.level:.0%}"
        fields["prediction"] = (float, Field(description=target.unit or target.description))
        fields["lower"] = (float, Field(description=f"lower end of the {level} interval"))
        fields["upper"] = (float, Field(description=f"upper end of the {level} interval"))
    if served.request_schema.ids:
        fields["ids"] = (dict[str, PYDANTIC_ID], Field(default={}, description="of the row"))
    if served.request_schema.warns:
        broken: Any = Field(default=[], description="rules of the schema that the row breaks")
        fields["warnings"] = (list[Mistake], broken)
    prediction = create_model("Prediction", **fields)
    version = (str, Field(examples=[served.version]))
    one = create_model("PredictionAnswer", __base__=prediction, model_version=version)
    many = create_model(
        "PredictionAnswers",
        model_version=version,
        predictions=(list[prediction], ...),  # type: ignore[valid-type]  # made at run time
    )
    return one, many
