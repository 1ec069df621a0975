"""The page in Gradio: nothing but widgets; what they say comes from `demo`."""

from html import escape
from typing import Any

import gradio as gr
from fastapi import FastAPI

from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.predict.request_schema import InvalidError

from . import plots
from .demo import NO_WHAT_IF, WHAT_IF_TEXT, Answer, Demo, Field, example_labels, number, shown

MOST_CLASSES = 8
# Fonts of the reader's system: no other host is asked for anything.
FONTS = ("Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
CODE_FONTS = ("Consolas", "Menlo", "DejaVu Sans Mono", "monospace")
CSS = """
.gradio-container { max-width: 1240px !important; margin: 0 auto !important;
  --plot-ink: #242a33; --plot-line: #dfe3e8; --plot-soft: #8b93a1;
  --plot-main: #2563c9; --plot-other: #d9772b; --bad: #b3392f; }
.dark .gradio-container, .dark.gradio-container, .gradio-container.dark {
  --plot-ink: #e6e9ee; --plot-line: #333c48; --plot-soft: #9aa5b4;
  --plot-main: #7fabf5; --plot-other: #eba06a; --bad: #f08a80; }
.head h1 { font-size: 1.75rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
.head p, .soft { color: var(--body-text-color-subdued); margin: .25rem 0 0; }
.html-container { padding: 0 !important; }
.fields .form { display: grid !important; gap: 1.1rem 1.2rem !important; padding: 1.1rem 1.2rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr));
  background: var(--block-background-fill) !important; border-radius: var(--block-radius); }
.fields .form > * { min-width: 0 !important; padding: 0 !important; border: 0 !important;
  display: flex; flex-direction: column; overflow: visible; }
.fields .form > * > label, .fields .form > * > .container { display: flex; flex-direction: column;
  flex-grow: 1; }
.fields .form > * > :last-child:not(label, .container), .fields .form label > :last-child,
.fields .form .container > :last-child { margin-top: auto; }
.go { position: sticky; bottom: .75rem; z-index: 5; }
.card { background: var(--block-background-fill); border: 1px solid var(--border-color-primary);
  border-radius: var(--block-radius); padding: 1rem 1.2rem 1.1rem; }
.card h2 { font-size: 1rem; font-weight: 600; margin: 0; }
.card .big { font-size: 1.9rem; font-weight: 650; line-height: 1.25; margin: .1rem 0 .5rem;
  overflow-wrap: anywhere; }
.bar { display: grid; grid-template-columns: minmax(4rem, 30%) 1fr 4rem; gap: .75rem;
  align-items: center; margin: .3rem 0; }
.bar span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.bar b { text-align: right; font-weight: 600; font-variant-numeric: tabular-nums; }
.bar i { display: block; height: .6rem; border-radius: .3rem; background: var(--plot-line);
  overflow: hidden; }
.bar i i { background: var(--plot-main); border-radius: 0; }
.bad .card { border-left: 5px solid var(--bad); }
.bad h2 { color: var(--bad); }
.bad ul { margin: .5rem 0 0; padding-left: 1.2rem; }
.bad li { margin: .2rem 0; overflow-wrap: anywhere; }
.card svg { display: block; width: 100%; height: auto; margin: .5rem 0 0; }
.card svg text { font-family: inherit !important; }
"""


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
        css=CSS,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        show_error=False,
        max_file_size=1,  # nothing is uploaded
    )
    return app


def page(demo: Demo) -> gr.Blocks:
    """Lay the page out: form on the left, answer on the right, the model card behind a tab."""
    fields = demo.fields()
    examples = demo.examples()
    changes = [change.label for change in demo.changes()]
    names = [field.name for field in fields]
    values = [start(field, field.start) for field in fields]

    def answer_form(changed: str | None, *given: Any) -> tuple[str, str, str]:
        try:
            answer = demo.predict(dict(zip(names, given, strict=True)))
        except InvalidError as error:
            return mistakes([f"{one.field}: {one.rule}" for one in error.mistakes]), "", ""
        except UserError as error:
            return mistakes([str(error)]), "", ""
        why, other = reasons_html(demo, answer), what_if_html(demo, answer, changed)
        return answer_html(demo, answer), why, other

    def fill(chosen: int) -> list[Any]:
        return [start(field, shown(examples[chosen][field.name])) for field in fields]

    answer_form(changes[0] if changes else None, *values)  # the first visitor need not wait for it
    blocks: gr.Blocks = gr.Blocks(analytics_enabled=False, title=f"Predict {demo.schema.target}")
    with blocks:
        gr.HTML(head_html(demo))
        with gr.Tab("Predict"), gr.Row(equal_height=False):
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
                said = gr.HTML(elem_id="answer")
                why = gr.HTML(elem_id="reasons")
                choice = gr.Dropdown(changes, label="What if another value stood here?")
                changed = gr.HTML(elem_id="what-if")
        with gr.Tab("Model card"):
            gr.Markdown(demo.card)  # read anew for each visitor
        outputs = [said, why, changed]
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        asked = [choice, *inputs]
        button.click(answer_form, asked, outputs, scroll_to_output=True, **quiet)
        gr.on([blocks.load, choice.input], answer_form, asked, outputs, **quiet)
        rows.click(fill, rows, inputs, **quiet).then(answer_form, asked, outputs, **quiet)
        for one in inputs:
            if isinstance(one, gr.Textbox):
                one.submit(answer_form, asked, outputs, **quiet)
    return blocks


def widget(field: Field, id: str) -> Any:
    """Return the widget of a field; numbers are texts, for `gr.Number` shows an empty one as 0."""
    options: dict[str, Any] = {"label": field.name, "info": field.help or None, "elem_id": id}
    options |= {"value": start(field, field.start)}
    known = [*field.choices, *([field.missing] if field.missing else [])]
    if field.kind == "yes-no":
        return gr.Radio(known, **options)
    if field.kind == "choice":
        return gr.Dropdown(known, allow_custom_value=not field.closed, **options)
    return gr.Textbox(max_lines=1, **options)


def start(field: Field, text: str) -> str:
    """Return what a field's widget shows for a text; a choice says it where none is known."""
    return text or (field.missing or "" if field.kind in ("choice", "yes-no") else "")


def head_html(demo: Demo) -> str:
    """Say what is predicted."""
    target = demo.target
    about = f"<p>{escape(target.description)}</p>" if target.description else ""
    return f'<header class="head"><h1>Predict {escape(demo.schema.target)}</h1>{about}</header>'


def answer_html(demo: Demo, answer: Answer) -> str:
    """Write an answer in HTML."""
    result, metadata = answer.result, answer.model.metadata
    unit = escape(f" {demo.target.unit}" if demo.target.unit else "")
    if "probabilities" in result:
        shares = sorted(result["probabilities"].items(), key=lambda item: -item[1])
        more = len(shares) - MOST_CLASSES
        rows = "".join(_bar(name, share) for name, share in shares[:MOST_CLASSES])
        body = rows + (f'<p class="soft">and {more} more classes</p>' if more > 0 else "")
        big = escape(str(result["prediction"]))
        if len(shares) == 2:
            label, threshold = escape(list(result["probabilities"])[1]), metadata.threshold
            body += f'<p class="soft">Says “{label}” from {threshold:.0%} on.</p>'
    else:
        big = number(result["prediction"]) + unit
        level = metadata.interval.level if metadata.interval else 0.0
        ends = f"{number(result['lower'])} and {number(result['upper'])}{unit}"
        body = f"<p>In {level:.0%} of such cases the true value lies between {ends}.</p>"
    note = f'<p class="soft">{escape(answer.model.version)}, {escape(metadata.model)}</p>'
    return card(demo.schema.target, f'<p class="big">{big}</p>{body}{note}')


def reasons_html(demo: Demo, answer: Answer) -> str:
    """Draw what each input adds to the answer."""
    try:
        found = demo.reasons(answer)
    except UserError as error:
        return card("Why", f'<p class="soft">{escape(str(error))}</p>')
    picture = plots.reasons(found, demo.reasons_title(answer, found))
    text = escape(demo.reasons_text(answer, found))
    return card("Why", f'{picture}<p class="soft">{text}</p>')


def what_if_html(demo: Demo, answer: Answer, chosen: str | None) -> str:
    """Draw what other values would give."""
    change = next((one for one in demo.changes() if one.label == chosen), None)
    if change is None:
        return ""
    found = demo.what_if(answer, change)
    if found is None:
        return card("", f'<p class="soft">{NO_WHAT_IF}</p>')
    picture = plots.what_if(found, demo.what_if_title(answer))
    return card("", f'{picture}<p class="soft">{WHAT_IF_TEXT}</p>')


def mistakes(lines: list[str]) -> str:
    """Say what is wrong, in the page."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div class="bad" role="alert">{card("No prediction", f"<ul>{items}</ul>")}</div>'


def card(title: str, body: str) -> str:
    """Frame a part of the page; the body is HTML."""
    head = f"<h2>{escape(title)}</h2>" if title else ""
    return f'<section class="card">{head}{body}</section>'


def _bar(name: str, share: float) -> str:
    text = escape(name)
    return (
        f'<div class="bar"><span title="{text}">{text}</span>'
        f'<i><i style="width:{share:.1%}"></i></i><b>{share:.1%}</b></div>'
    )
