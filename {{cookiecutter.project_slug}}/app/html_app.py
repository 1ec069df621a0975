"""The page without any script: one form whose answer is a link that can be passed on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.predict.request_schema import InvalidError

from . import plots
from .demo import (
    NO_WHAT_IF,
    WHAT_IF_TEXT,
    Answer,
    Change,
    Demo,
    Field,
    example_labels,
    number,
    shown,
)

CHANGE = "__what_if"  # no column is called so: the schema keeps names with __ to itself
MOST_CLASSES = 8
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
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    template = environment.get_template("html_app.html.j2")
    content(demo, {})  # loads what draws, so that the first visitor need not wait for it

    @app.get("/")
    def index(request: Request) -> HTMLResponse:
        status, values = content(demo, dict(request.query_params))
        return HTMLResponse(template.render(values), status, HEADERS)

    return app


def content(demo: Demo, query: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """Answer a query.

    Args:
        demo: The model.
        query: Texts by column name; with no column in it, the form's first values count.

    Returns:
        The HTTP status, and what the template shows.
    """
    values: dict[str, Any] = {
        "target": demo.schema.target,
        "description": demo.target.description,
        "unit": demo.target.unit,
        "card": "",
        "entries": [],
        "examples": [],
        "changes": [],
        "mistakes": [],
        "answer": None,
    }
    try:
        fields, changes = demo.fields(), demo.changes()
        asked = any(field.name in query for field in fields)
        given = {f.name: query.get(f.name, "") if asked else f.start for f in fields}
        asked_change = [one for one in changes if one.label == query.get(CHANGE)]
        change = next(iter([*asked_change, *changes]), None)
        values["card"] = Markup(MARKDOWN.render(demo.card()))
        values |= {"changes": changes, "change": change, "change_name": CHANGE}
        examples = demo.examples()
        values["examples"] = [
            (label, "?" + urlencode({name: shown(value) for name, value in row.items()}))
            for label, row in zip(example_labels(examples), examples, strict=True)
        ]
        values["entries"] = [Entry(field, given[field.name], []) for field in fields]
        answer = demo.predict(given)
    except InvalidError as error:
        rules: dict[str, list[str]] = {}
        for one in error.mistakes:
            rules.setdefault(one.field, []).append(one.rule)
        values["entries"] = [Entry(f, given[f.name], rules.get(f.name, [])) for f in fields]
        return 422, values | {"mistakes": [f"{one.field}: {one.rule}" for one in error.mistakes]}
    except UserError as error:
        return 503, values | {"mistakes": [str(error)]}
    return 200, values | shown_answer(demo, answer, change)


def shown_answer(demo: Demo, answer: Answer, change: Change | None) -> dict[str, Any]:
    """Return what the template shows of an answer."""
    shares = sorted(answer.result.get("probabilities", {}).items(), key=lambda item: -item[1])
    found = None if change is None else demo.what_if(answer, change)
    values = {
        "answer": answer,
        "metadata": answer.model.metadata,
        "shares": shares[:MOST_CLASSES],
        "more": len(shares) - MOST_CLASSES,
        "classes": answer.model.preprocessor.classes,
        "what_if": "",
        "what_if_text": NO_WHAT_IF,
        "why": "",
    }
    if found is not None:
        picture = Markup(plots.what_if(found, demo.what_if_title(answer)))
        values |= {"what_if": picture, "what_if_text": WHAT_IF_TEXT}
    try:
        reasons = demo.reasons(answer)
    except UserError as error:
        return values | {"why_text": str(error)}
    picture = Markup(plots.reasons(reasons, demo.reasons_title(answer, reasons)))
    return values | {"why": picture, "why_text": demo.reasons_text(answer, reasons)}
