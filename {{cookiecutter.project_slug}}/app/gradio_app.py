"""The page in Gradio: nothing but widgets; what they show comes from `demo` and `cards`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI

from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.predict.request_schema import InvalidError

from .cards import (
    card,
    contributions_card,
    heading,
    mistakes_card,
    prediction_card,
    what_if_figure,
)
from .demo import Demo
from .form import Field, example_labels, shown

STYLES = [Path(__file__).with_name(name) for name in ("gradio_app.css", "cards.css")]
# Fonts of the reader's system: no other host is asked for anything.
FONTS = ("Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
CODE_FONTS = ("Consolas", "Menlo", "DejaVu Sans Mono", "monospace")


def application(demo: Demo) -> FastAPI:
    """Return the page as an ASGI application."""
    theme = gr.themes.Default(primary_hue="blue", font=FONTS, font_mono=CODE_FONTS).set(
        body_text_color_subdued="*neutral_500",
        block_title_text_color="*body_text_color",
        block_title_text_weight="600",
    )
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    gr.mount_gradio_app(
        app,
        page(demo),
        path="/",
        theme=theme,
        css_paths=STYLES,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        show_error=False,
        max_file_size=1,  # nothing is uploaded
    )
    return app


def page(demo: Demo) -> gr.Blocks:
    """Lay the page out: the form with its prediction, and the model card behind a tab."""
    blocks: gr.Blocks = gr.Blocks(analytics_enabled=False, title=f"Predict {demo.target}")
    with blocks:
        gr.HTML(heading(demo))
        with gr.Tab("Predict"), gr.Row(equal_height=False):
            predict_tab(demo, blocks)
        with gr.Tab("Model card"):
            gr.Markdown(demo.card)  # read anew for each visitor
    return blocks


def predict_tab(demo: Demo, blocks: gr.Blocks) -> None:
    """Put the form on the left, its cards on the right, and tell what makes them new."""
    fields, examples = demo.fields(), demo.examples()
    names = [field.name for field in fields]
    changes = [change.label for change in demo.changes()]

    def predict(change: str | None, *typed: Any) -> tuple[str, str, str]:
        return cards(demo, dict(zip(names, typed, strict=True)), change)

    def fill(chosen: int) -> list[str]:
        return [start(field, shown(examples[chosen][field.name])) for field in fields]

    # Loads what draws, so that the first visitor need not wait for it.
    predict(next(iter(changes), None), *(start(field, field.start) for field in fields))
    with gr.Column(scale=3, min_width=320):
        rows = gr.Dataset(
            label="Start from a real case",
            components=[gr.Textbox(visible=False)],
            samples=[[text] for text in example_labels(examples)],
            type="index",
        )
        with gr.Row(elem_classes="fields"):
            inputs = [widget(field, f"field-{i}") for i, field in enumerate(fields, 1)]
        button = gr.Button("Predict", variant="primary", elem_classes="go")
    with gr.Column(scale=2, min_width=320):
        prediction, contributions = gr.HTML(elem_id="answer"), gr.HTML(elem_id="reasons")
        change = gr.Dropdown(changes, label="What if another value stood here?")
        what_if = gr.HTML(elem_id="what-if")

    sent, outputs = [change, *inputs], [prediction, contributions, what_if]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    button.click(predict, sent, outputs, scroll_to_output=True, **quiet)
    gr.on([blocks.load, change.input], predict, sent, outputs, **quiet)
    rows.click(fill, rows, inputs, **quiet).then(predict, sent, outputs, **quiet)
    for box in inputs:
        if isinstance(box, gr.Textbox):
            box.submit(predict, sent, outputs, **quiet)


def cards(demo: Demo, typed: Mapping[str, Any], change: str | None) -> tuple[str, str, str]:
    """Return the cards of prediction, contributions and what-if, or of the mistakes.

    Args:
        demo: The model.
        typed: What stands in the form, by column name.
        change: Label of the what-if that is shown; None for none.
    """
    try:
        prediction = demo.predict(typed)
    except InvalidError as error:
        return mistakes_card([f"{one.field}: {one.rule}" for one in error.mistakes]), "", ""
    except UserError as error:
        return mistakes_card([str(error)]), "", ""
    figures = [
        card("", what_if_figure(demo, prediction, one))
        for one in demo.changes()
        if one.label == change
    ]
    return (
        prediction_card(demo, prediction),
        contributions_card(demo, prediction),
        next(iter(figures), ""),
    )


def widget(field: Field, id: str) -> Any:
    """Return the widget of a field; numbers are texts, for `gr.Number` shows an empty one as 0."""
    options: dict[str, Any] = {"label": field.name, "info": field.help or None, "elem_id": id}
    options |= {"value": start(field, field.start)}
    known = [*field.choices, *([field.missing] if field.missing else [])]
    if field.kind == "boolean":
        return gr.Radio(known, **options)
    if field.kind == "choice":
        return gr.Dropdown(known, allow_custom_value=not field.closed, **options)
    return gr.Textbox(max_lines=1, **options)


def start(field: Field, text: str) -> str:
    """Return what a field's widget shows for a text; a choice says it where none is known."""
    return text or (field.missing or "" if field.kind in ("choice", "boolean") else "")
