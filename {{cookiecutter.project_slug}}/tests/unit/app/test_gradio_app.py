"""The demo's page in Gradio: widgets for every type, and nothing from elsewhere."""

import asyncio
from typing import Any

import pytest

from app.demo import Demo
from app.form import Field

pytest.importorskip("gradio", reason="`make test-app` installs Gradio")
import gradio as gr

from app import gradio_app


@pytest.fixture(scope="module")
def config(own_demo: Demo) -> dict[str, Any]:
    """The page as the browser gets it."""

    async def build() -> dict[str, Any]:
        gradio_app.application(own_demo)
        return dict(gradio_app.page(own_demo).get_config_file())

    return asyncio.run(build())  # without a running loop Gradio makes some that are never closed


@pytest.mark.slow
def test_every_field_has_a_widget(own_demo: Demo, config: dict[str, Any]) -> None:
    labels = [part["props"].get("label") for part in config["components"]]
    for field in own_demo.fields():
        assert field.name in labels


def test_nothing_comes_from_elsewhere(own_demo: Demo, config: dict[str, Any]) -> None:
    assert not config["analytics_enabled"]
    assert config["stylesheets"] == []


@pytest.mark.parametrize(
    ("kind", "known", "closed", "missing", "shows"),
    [
        ("number", (), False, "(missing)", ""),
        ("text", (), False, None, ""),
        ("choice", ("a", "b"), True, "(missing)", "(missing)"),
        ("choice", ("a", "b"), False, None, ""),
        ("boolean", ("yes", "no"), True, "(missing)", "(missing)"),
    ],
)
def test_an_unknown_value_is_shown_as_such(
    kind: Any, known: tuple[str, ...], closed: bool, missing: str | None, shows: str
) -> None:
    widget = gradio_app.widget(Field("x", kind, "", known, closed, missing, ""), "x")
    assert (widget.value or "") == shows
    if kind == "choice":
        assert isinstance(widget, gr.Dropdown)
        assert widget.allow_custom_value is not closed
