"""The evaluation as one HTML page: no external file, readable on paper, phone and dark screens."""

import math
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ..data.schema import Schema
from ..utils.bootstrap import Estimate
from ..utils.metrics import METRICS
from .results import LEARNING_ROUNDS, MOST_CURVES, Evaluation, Slice
from .style import interval, number
from .templates import load_template
from .wording import choice, parameters, proposal, sentence, served

TITLES = {True: "Better than the baseline", False: "Worse than the baseline", None: "Not shown"}
TONES = {True: "good", False: "bad", None: "open"}


@dataclass(frozen=True)
class Figure:
    """A plot with what it shows, in words."""

    source: str  # data: URI
    text: str
    wide: bool


def render(evaluation: Evaluation, pictures: Mapping[str, bytes], schema: Schema) -> str:
    """Return the report as HTML.

    Args:
        evaluation: The results.
        pictures: PNG bytes by the names that `plots.draw` gives.
        schema: For the description of the target.
    """
    metric = METRICS[evaluation.primary]
    return load_template("html_report.html.j2", html=True, filters=FILTERS).render(
        evaluation=evaluation,
        title=TITLES[evaluation.is_better]
        if evaluation.is_better is not None
        else _unknown(evaluation),
        tone=TONES[evaluation.is_better],
        sentence=sentence(evaluation),
        proposal=proposal(evaluation),
        description=schema.columns[evaluation.target].description,
        metric=metric,
        comparison=evaluation.metrics.get(evaluation.primary),
        metrics=[
            (METRICS[name], comparison, *_tag(evaluation, name))
            for name, comparison in evaluation.metrics.items()
        ],
        facts=list(_facts(evaluation)),
        details=list(_details(evaluation)),
        weak=evaluation.weak,
        worst=evaluation.worst_first[:1],
        slices=_by_column(evaluation.slices),
        two_classes=len(evaluation.classes or ()) == 2,
        figures={
            name: Figure(
                "data:image/png;base64," + b64encode(picture).decode(),
                _text(name, evaluation),
                name in ("predicted_true", "residuals")
                or (name in ("confusion", "scores") and len(evaluation.classes or ()) > 2),
            )
            for name, picture in pictures.items()
        },
    )


def _number(value: float, sign: bool = False) -> str:
    return _typeset(number(value, sign))


def _interval(estimate: Estimate, sign: bool = False) -> str:
    return _typeset(interval(estimate, sign))


def _share(value: float) -> str:
    return _typeset(f"{value:.1%}" if math.isfinite(value) else "-")


def _typeset(text: str) -> str:
    """Give a lone hyphen its width and a negative number its minus."""
    return "\N{EN DASH}" if text == "-" else text.replace("-", "\N{MINUS SIGN}")


FILTERS: dict[str, Callable[..., str]] = {
    "number": _number,
    "share": _share,
    "interval": _interval,
}


def _unknown(evaluation: Evaluation) -> str:
    comparison = evaluation.metrics.get(evaluation.primary)
    if comparison is not None and math.isnan(comparison.difference.low):
        return "Better or worse than the baseline? There is no interval to say"
    return "Not shown to be better than the baseline"


def _tag(evaluation: Evaluation, name: str) -> tuple[str, str]:
    """Return tone and word for how the model compares in one metric."""
    if METRICS[name].higher_is_better is None or math.isnan(
        evaluation.metrics[name].difference.value
    ):
        return "open", ""
    better = evaluation.is_better_in(name)
    return TONES[better], {True: "better", False: "worse", None: "unclear"}[better]


def _facts(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    metadata = evaluation.metadata
    data = metadata.data
    rows = data.rows
    yield "Version", f"{evaluation.version}, {metadata.model}"
    yield "Chosen", choice(metadata)
    yield "Baseline", metadata.baseline.model
    yield "Trained", metadata.created.replace("T", " ").replace("+00:00", " UTC")
    commit = metadata.commit
    dirty = " with uncommitted changes" if metadata.dirty else ""
    yield "Commit", f"{commit[:12]}{dirty}" if commit else "none (not in a git repository)"
    yield "Data", f"{data.source}, SHA-256 {data.sha256[:12]}"
    yield "Rows", f"train {rows.train:,}, validation {rows.val:,}, test {rows.test:,}"
    yield "Served", served(metadata)
    if data.missing_target:
        yield "Left out", f"{data.missing_target:,} rows without a target"
    if evaluation.period is not None:
        first, last = (moment[:16] for moment in evaluation.period)
        yield "Test period", f"{first} to {last}"


def _details(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    metadata = evaluation.metadata
    yield "Parameters", parameters(metadata)
    yield "Seed", str(metadata.seed)
    if evaluation.classes is not None:
        yield "Classes", ", ".join(evaluation.classes)
    yield "Configuration", f"SHA-256 {metadata.config_hash}"
    yield "Schema", f"SHA-256 {metadata.schema_hash}"
    yield "Preprocessor", f"SHA-256 {metadata.preprocessor_hash}"
    yield "Data", f"SHA-256 {metadata.data.sha256}"
    yield "Packages", ", ".join(f"{k} {v}" for k, v in metadata.packages.items())


def _by_column(slices: list[Slice]) -> dict[str, list[Slice]]:
    """Group the slices by column, in their order."""
    grouped: dict[str, list[Slice]] = {}
    for part in slices:
        grouped.setdefault(part.column, []).append(part)
    return grouped


def _text(name: str, evaluation: Evaluation) -> str:
    """Say what to look for in a plot; also what a screen reader reads."""
    two = len(evaluation.classes or ()) == 2
    each = "" if two else " Each class against the rest."
    if len(evaluation.classes or ()) > MOST_CURVES:
        each = f" Each of the {MOST_CURVES} most frequent classes against the rest."
    if name.startswith("slices_"):
        return (
            "The primary metric for each value with its 95% interval. Orange: worse than on all "
            "rows by more than chance explains."
        )
    return {
        "roc": "The further towards the upper left, the better the ranking; the diagonal is chance."
        + each,
        "precision_recall": "How many of the rows predicted positive are, as more rows are "
        "predicted so." + each,
        "confusion": "How the rows of each true class (line) were predicted (column). The shade "
        "is the share of the line.",
        "calibration": "On the dotted line, of the rows given 30% about 30% "
        + ("are positive." if two else "are right.")
        + " Bars are 95% intervals.",
        "scores": "The less the two colours overlap, the better the classes are told apart."
        if two
        else "Wrong predictions should lie to the left of the right ones.",
        "thresholds": "From the threshold on a row is predicted positive: a higher one is wrong "
        "less often when it says so, and misses more.",
        "predicted_true": "On the dotted line, the prediction is exact.",
        "residuals": "Narrow and centred on zero is good; a bend on the right side is a pattern "
        "that the model missed. The outermost bars hold what lies beyond.",
        "interval_coverage": "Each point is a tenth of the rows; it should reach the dotted line.",
        "importance": f"Each input's values are shuffled over {evaluation.importance_rows:,} test "
        "rows, five times. Inputs that say the same share their importance, so a small bar does "
        "not mean that a column is useless.",
        "contributions": "What each input adds to a prediction of the served model, or takes from "
        f"it, in the mean over the same {evaluation.importance_rows:,} rows: SHAP values, as the "
        "reasons for a single prediction are. This is what the model goes by; above is what that "
        "is good for.",
        "learning_curve": "If the model's line still rises (or falls, where lower is better) at "
        "the right end, more data would help. Scored on validation rows, with at most "
        f"{LEARNING_ROUNDS} rounds of boosting.",
    }[name]
