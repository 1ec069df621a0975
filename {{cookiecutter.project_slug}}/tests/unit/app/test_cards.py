"""The cards of both pages: what stands in them is text, never HTML from data."""

from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from markupsafe import Markup

from {{ cookiecutter.package_name }}.errors import UserError

from app.cards import (
    card,
    contributions_card,
    contributions_text,
    heading,
    mistakes_card,
    prediction_card,
    what_if_figure,
)
from app.demo import Demo
from app.form import form_values, number
from app.what_if import Change


def test_text_is_no_html() -> None:
    assert "<b>" not in mistakes_card(["<b>x</b>"])
    assert "<b>" not in card("<b>x</b>", Markup(""))


@pytest.mark.slow
def test_names_and_classes_are_no_html(odd: Demo) -> None:
    prediction = odd.predict(form_values(odd.examples()[0]))
    assert "<b>" not in heading(odd)
    shown = prediction_card(odd, prediction).replace("</b></div>", "").replace("</i></i><b>", "")
    assert "<b>" not in shown
    assert "<20>" not in shown
    assert odd.target in unescape(shown)
    for cell in prediction.result["probabilities"]:
        assert cell in unescape(shown)
    assert "<b>" not in contributions_card(odd, prediction)
    for change in odd.changes():
        assert "<b>" not in what_if_figure(odd, prediction, change)


def test_the_card_shows_the_prediction(demo: Demo) -> None:
    prediction = demo.predict(form_values(demo.examples()[0]))
    text, result = unescape(prediction_card(demo, prediction)), prediction.result
    if "probabilities" in result:
        figures = [result["prediction"], *(f"{p:.1%}" for p in result["probabilities"].values())]
    else:
        figures = [number(result[name]) for name in ("prediction", "lower", "upper")]
    for figure in figures:
        assert figure in text
    assert prediction.model.version in text


def test_a_row_unlike_the_others_is_named(demo: Demo) -> None:
    prediction = demo.predict(form_values(demo.examples()[0]))
    assert "Unlike" not in prediction_card(demo, prediction)
    warnings = [{"field": "<b>size</b>", "rule": "above the maximum 10.0"}]
    unlike = replace(prediction, result=prediction.result | {"warnings": warnings})
    shown = prediction_card(demo, unlike)
    assert "<b>size" not in shown
    assert "<b>size</b> is above the maximum 10.0" in unescape(shown)


def test_the_text_names_what_the_bars_lead_to(demo: Demo) -> None:
    prediction = demo.predict(form_values(demo.examples()[0]))
    contributions = demo.contributions(prediction)
    text = contributions_text(demo, prediction, contributions)
    assert demo.about(prediction) in text
    assert number(contributions.base) in text
    assert number(contributions.raw) in text


def test_without_contributions_the_card_says_why(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        raise UserError("no <contributions>")

    prediction = demo.predict(form_values(demo.examples()[0]))
    monkeypatch.setattr(demo, "contributions", refuse)
    text = contributions_card(demo, prediction)
    assert "no &lt;contributions&gt;" in text
    assert "<svg" not in text


def test_a_value_without_others_has_no_plot(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    prediction = demo.predict(form_values(demo.examples()[0]))
    monkeypatch.setattr(demo, "what_if", lambda *arguments: None)
    text = what_if_figure(demo, prediction, Change("x", "value"))
    assert "Nothing to compare" in text
    assert "<svg" not in text
