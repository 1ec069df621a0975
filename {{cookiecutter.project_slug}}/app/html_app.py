"""The page without any script: one form whose answer is a link that can be passed on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from markdown_it import MarkdownIt
from markupsafe import Markup

from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.predict.request_schema import InvalidError

from .cards import (
    contributions_card,
    environment,
    heading,
    mistakes_card,
    prediction_card,
    what_if_figure,
)
from .demo import Demo
from .form import Field, example_labels, form_values

CHANGE = "__what_if"  # no column is called so: the schema keeps names with __ to itself
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
HEADERS = {
    # Nothing from elsewhere and no script; plots bring their colours as style attributes.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Entry:
    """A field with what stands in it."""

    field: Field
    value: str
    mistakes: list[str]


def application(demo: Demo) -> FastAPI:
    """Return the page as an ASGI application."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    template = environment().get_template("html_app.html.j2")
    content(demo, {})  # loads what draws, so that the first visitor need not wait for it

    @app.get("/")
    def index(request: Request) -> HTMLResponse:
        status, values = content(demo, dict(request.query_params))
        return HTMLResponse(template.render(values), status, HEADERS)

    return app


def content(demo: Demo, query: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """Predict for a query.

    Args:
        demo: The model.
        query: Texts by column name; with no column in it, the form's first values count.

    Returns:
        The HTTP status, and what the template shows.
    """
    values: dict[str, Any] = {
        "title": f"Predict {demo.target}",
        "heading": heading(demo),
        "model_card": "",
        "entries": [],
        "examples": [],
        "changes": [],
        "mistakes": "",
        "prediction": "",
    }
    try:
        fields, changes, examples = demo.fields(), demo.changes(), demo.examples()
        sent = any(field.name in query for field in fields)
        typed = {f.name: query.get(f.name, "") if sent else f.start for f in fields}
        chosen = [one for one in changes if one.label == query.get(CHANGE)]
        change = next(iter([*chosen, *changes]), None)
        values["model_card"] = Markup(MARKDOWN.render(demo.card()))
        values |= {"changes": changes, "change": change, "change_name": CHANGE}
        values["examples"] = [
            (label, "?" + urlencode(form_values(row)))
            for label, row in zip(example_labels(examples), examples, strict=True)
        ]
        values["entries"] = [Entry(field, typed[field.name], []) for field in fields]
        prediction = demo.predict(typed)
    except InvalidError as error:
        rules: dict[str, list[str]] = {}
        for one in error.mistakes:
            rules.setdefault(one.field, []).append(one.rule)
        values["entries"] = [Entry(f, typed[f.name], rules.get(f.name, [])) for f in fields]
        mistakes = [f"{one.field}: {one.rule}" for one in error.mistakes]
        return 422, values | {"mistakes": mistakes_card(mistakes)}
    except UserError as error:
        return 503, values | {"mistakes": mistakes_card([str(error)])}
    return 200, values | {
        "prediction": prediction_card(demo, prediction),
        "contributions": contributions_card(demo, prediction),
        "what_if": what_if_figure(demo, prediction, change) if change is not None else "",
    }
