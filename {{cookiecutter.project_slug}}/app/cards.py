"""What each page shows of a prediction, as HTML: cards with the result, its reasons, what-ifs."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models.explain import Contributions
from {{ cookiecutter.package_name }}.reports.style import short
from {{ cookiecutter.package_name }}.reports.templates import templates_of

from . import plots
from .demo import Demo, Prediction
from .form import number
from .what_if import Change

MOST_CLASSES = 8
NO_WHAT_IF = "Nothing to compare: no other values are known."
WHAT_IF_TEXT = "Orange is the case at hand; all its other values stay as they are."


@cache
def environment() -> Environment:
    """Return the templates of this folder; all text is escaped."""
    return templates_of(Path(__file__).parent, True, {"number": number, "percent": percent})


def heading(demo: Demo) -> Markup:
    """Say what is predicted."""
    return _macro("heading", demo.target, demo.target_column.description)


def card(title: str, body: Markup) -> Markup:
    """Frame a part of the page."""
    return _macro("card", title, body)


def prediction_card(demo: Demo, prediction: Prediction) -> Markup:
    """Show a prediction: the class with the largest probabilities, or a number and its interval."""
    probabilities = prediction.result.get("probabilities", {})
    ranked = sorted(probabilities.items(), key=lambda item: -item[1])
    body = _macro(
        "prediction",
        prediction.result,
        prediction.model,
        ranked[:MOST_CLASSES],
        len(ranked) - MOST_CLASSES,
        f" {demo.target_column.unit}" if demo.target_column.unit else "",
    )
    return card(demo.target, body)


def contributions_card(demo: Demo, prediction: Prediction) -> Markup:
    """Draw what each input adds to the prediction, or say why that is not known."""
    try:
        contributions = demo.contributions(prediction)
    except UserError as error:
        return card("Why", _macro("figure", "", str(error)))
    unit = f" ({contributions.unit})" if contributions.unit else ""
    title = f"Added to {_short_about(demo, prediction)}{unit}"
    picture = Markup(plots.contributions(contributions, title))  # our own SVG  # nosec B704
    text = contributions_text(demo, prediction, contributions)
    return card("Why", _macro("figure", picture, text))


def contributions_text(demo: Demo, prediction: Prediction, contributions: Contributions) -> str:
    """Say how to read the contributions."""
    about, unit = demo.about(prediction), contributions.unit
    if prediction.explained_class is None:
        effect, unit = f"raises {about}", f" {unit}" if unit else ""
    else:
        effect, unit = f"makes {about} more likely", f" ({unit})"
    return (
        f"What points right {effect}. Together the bars lead from "
        f"{number(contributions.base)}, the model's base value, to "
        f"{number(contributions.raw)}{unit}."
    )


def what_if_figure(demo: Demo, prediction: Prediction, change: Change) -> Markup:
    """Draw what other values would give, or say that there are none; without a card's frame."""
    what_if = demo.what_if(prediction, change)
    if what_if is None:
        return _macro("figure", "", NO_WHAT_IF)
    title = _short_about(demo, prediction)
    if prediction.explained_class is not None:
        title = f"Probability of {title}"
    elif demo.target_column.unit:
        title = f"{title} ({demo.target_column.unit})"
    picture = Markup(plots.what_if(what_if, title))  # our own SVG  # nosec B704
    return _macro("figure", picture, WHAT_IF_TEXT)


def mistakes_card(mistakes: Sequence[str]) -> Markup:
    """Say what is wrong, in the page."""
    return _macro("mistakes", mistakes)


def percent(share: float, digits: int = 1) -> str:
    """Write a probability."""
    return f"{share:.{digits}%}"


def _macro(name: str, *values: Any) -> Markup:
    macro = getattr(environment().get_template("cards.html.j2").module, name)
    return Markup(macro(*values))  # the template escapes values  # nosec B704


def _short_about(demo: Demo, prediction: Prediction) -> str:
    """Name what a plot is about in the room that its title has."""
    target, label = short(demo.target), prediction.explained_class
    return target if label is None else f"{target} = {short(label)}"
