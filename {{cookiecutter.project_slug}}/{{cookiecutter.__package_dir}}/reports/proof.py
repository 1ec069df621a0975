"""The page of `prove`: what was done, what it showed, and how long it took."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .style import number
from .templates import load_template

State = Literal["proven", "open", "failed"]
WORDS: dict[str, str] = {
    "proven": "Proven",
    "open": "Not all of it is proven",
    "failed": "It does not work",
}
TONES = {"proven": "good", "open": "open", "failed": "bad"}
PICTURES = ("roc", "calibration", "predicted_true", "residuals", "importance", "learning_curve")


@dataclass
class Step:
    """One thing that was to be shown.

    Attributes:
        name: In a word.
        about: What it shows, in a sentence.
        state: "proven"; "open" where the data cannot tell; "failed".
        seconds: How long it took.
        said: What there is to say of it.
        figures: Numbers by what they are.
    """

    name: str
    about: str
    state: State = "proven"
    seconds: float = 0.0
    said: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)


def verdict(steps: list[Step]) -> State:
    """Return the worst state of all."""
    states = {step.state for step in steps}
    return "failed" if "failed" in states else "open" if "open" in states else "proven"


def render(steps: list[Step], about: Mapping[str, object], folder: Path) -> str:
    """Return the page as HTML.

    Args:
        steps: In their order.
        about: What it was done with.
        folder: Where the page will be; pictures below it are shown.
    """
    state = verdict(steps)
    shown = [path for name in PICTURES for path in sorted(folder.glob(f"*/artifacts/*/{name}.png"))]
    return load_template("proof.html.j2", html=True, filters={"number": number}).render(
        steps=steps,
        about=about,
        title=WORDS[state],
        tone=TONES[state],
        tones=TONES,
        seconds=sum(step.seconds for step in steps),
        pictures=[path.relative_to(folder).as_posix() for path in shown],
        pages=[path.relative_to(folder).as_posix() for path in sorted(folder.rglob("report.html"))],
    )
