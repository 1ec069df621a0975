"""An evaluation in words: one sentence for the report and the card, a few lines for a terminal."""

import math
from collections.abc import Iterator

from ..tracking.records import RunRecord
from ..utils.metrics import METRICS
from .results import Evaluation
from .style import interval, number

WEAK_NAMED = 6


def sentence(evaluation: Evaluation) -> str:
    """Tell in one sentence whether the model is better than its baseline, and by how much."""
    name = evaluation.primary
    label = METRICS[name].label
    comparison = evaluation.metrics.get(name)
    if comparison is None:
        return f"{label} is undefined on these test rows, so nothing can be said."
    unit = f" {evaluation.unit}" if METRICS[name].in_target_unit and evaluation.unit else ""
    verb = {
        True: "better than the baseline",
        False: "worse than the baseline",
        None: "not shown to be better than the baseline",
    }[evaluation.is_better]
    gap = f"difference {number(comparison.difference.value, True)}{unit}"
    if interval(comparison.difference):
        gap += f", 95% interval {interval(comparison.difference, True)}"
    return (
        f"The model is {verb}: {label} {number(comparison.model.value)}{unit} against "
        f"{number(comparison.baseline.value)}{unit} ({gap})."
    )


def proposal(evaluation: Evaluation) -> str:
    """Say which threshold is proposed and how to take it; nothing unless there are two classes."""
    weighed = evaluation.thresholds
    if weighed is None:
        return ""
    if not weighed.asked:
        return (
            "State evaluate.costs (false_positive, false_negative) or evaluate.min_precision in "
            "the configuration, and a threshold is proposed."
        )
    rows = f"{weighed.rows:,} validation rows"
    if weighed.proposed is None:
        return f"No threshold reaches a precision of {weighed.min_precision:g} on the {rows}."
    costs = f"{weighed.false_positive:g} to {weighed.false_negative:g}"
    why = f"the least cost, of wrong positives to wrong negatives as {costs}"
    if weighed.min_precision is not None:
        why = f"the highest recall with a precision of at least {weighed.min_precision:g}"
    found = weighed.proposed.validation.threshold
    text = f"On the {rows} a threshold of {found!r} has {why}"
    if found == evaluation.threshold:
        return f"{text}; it is the one in use."
    return f"{text}. To take it, set evaluate.threshold: {found!r} and train anew."


def parameters(record: RunRecord) -> str:
    """Name the parameters that a model was given, and those that its training found."""
    named = [f"{name} = {value}" for name, value in record.params.items()]
    found = record.found_params.items()
    named += [f"{name} = {value} (found on the validation rows)" for name, value in found]
    return ", ".join(named) or "the defaults of the model"


def choice(record: RunRecord) -> str:
    """Say how the model was chosen, where none was named."""
    if record.choice is None:
        return "named in the configuration"
    metric = METRICS[record.choice.metric]
    scores = [f"{name} {number(score)}" for name, score in record.choice.scores.items()]
    rows = f"{record.choice.rows:,} rows in {record.choice.folds} folds"
    if not record.choice.folds:
        rows = f"{record.choice.rows:,} validation rows"
    return f"{metric.label} of {', '.join(scores)}, on {rows}"


def served(record: RunRecord) -> str:
    """Say what is served, where it is not quite what was measured."""
    if record.refit is None:
        return "what is measured here"
    return (
        f"what is measured here, fitted again on all {record.refit.rows:,} rows with a target; "
        f"the numbers are of the model that knows the {record.data.rows.train:,} training rows only"
    )


def lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield the evaluation as a few lines of text."""
    width = max(map(len, evaluation.metrics), default=0)
    rows = f"{evaluation.rows:,} test rows"
    yield f"{evaluation.version} on {rows} (95% interval), beside the baseline"
    for name, comparison in evaluation.metrics.items():
        model, baseline = comparison.model, comparison.baseline.value
        beside = "" if math.isnan(baseline) else f"{baseline:10.4f}"
        range_ = f"({model.low:.4f} to {model.high:.4f})" if model.low < model.high else ""
        yield f"{name:<{width}} {model.value:10.4f} {range_:<22}{beside}".rstrip()
    yield sentence(evaluation)
    if evaluation.weak:
        weak = [f"{part.column} = {part.value}" for part in evaluation.weak]
        more = ", ..." * (len(weak) > WEAK_NAMED)
        yield f"weak slices: {', '.join(weak[:WEAK_NAMED])}{more}"
    for one in evaluation.behaviour:
        if one.holds:
            yield str(one)
    for note in evaluation.notes:
        yield f"note: {note}"
