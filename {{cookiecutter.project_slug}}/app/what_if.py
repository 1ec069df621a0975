"""What if another value stood there: the other values of a column, and predictions for them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from {{ cookiecutter.package_name }}.data.schema import Column
from {{ cookiecutter.package_name }}.preprocess.preprocessor import Preprocessor

POINTS = 50  # predictions of one what-if, at most
LEVELS = 24  # bars of one what-if, at most
SPREAD = 2  # standard deviations of the training rows that a what-if reaches to both sides
FARTHEST = 1e300  # beyond it a difference may be infinite
FIRST, LAST = datetime(1, 1, 3), datetime(9999, 12, 29)  # an axis of dates goes a bit further
WHOLE_DAYS = 24  # days before and after


@dataclass(frozen=True)
class Change:
    """What can be asked of one column: another value, another hour, another day."""

    column: str
    step: Literal["value", "hour", "day"]

    @property
    def label(self) -> str:
        """The change in words."""
        suffix = {"value": "", "hour": ": hour of the day", "day": ": days around"}
        return self.column + suffix[self.step]


@dataclass(frozen=True)
class WhatIf:
    """Predictions for one row with one value changed.

    Attributes:
        change: What was changed.
        values: The n values, as they stand in the rows; they grow where they are numbers or dates.
        predicted: n predictions, or n probabilities of `label`.
        half_widths: Regression: n halves of the widths of the prediction intervals.
        current: The row's own value and prediction.
        label: Classification: the class whose probability is shown.
        threshold: Two classes: the probability from which the positive class is predicted.
    """

    change: Change
    values: list[Any]
    predicted: list[float]
    half_widths: list[float] | None
    current: tuple[Any, float]
    label: str | None
    threshold: float | None


def changes_of(name: str, column: Column) -> list[Change]:
    """Return the changes of a column: of a date its hour and its day, else the value itself."""
    if column.is_datetime:
        return [Change(name, "hour"), Change(name, "day")]
    return [Change(name, "value")]


def grid(change: Change, current: Any, column: Column, preprocessor: Preprocessor) -> list[Any]:
    """Return at most `POINTS` values of a column for a what-if, all of them valid in a row.

    Numbers go as far as the training rows do (two standard deviations), and no further than the
    schema allows.

    Args:
        change: Which column, and what of it.
        current: The value in the row at hand; None is missing.
        column: What the schema says about the column.
        preprocessor: The fitted preprocessor: it knows the training rows' means and categories.
    """
    if change.step != "value":
        return list(_moments(change, current, column)) if current is not None else []
    if column.is_boolean:
        return [True, False] + [None] * column.may_be_missing
    if column.values is not None:
        values = column.values if column.is_integer else map(str, column.values)
        return _levels(list(values), current, column)
    if column.is_text:
        levels = next((list(i.levels) for i in preprocessor.inputs if i.name == change.column), [])
        return _levels(levels, current, column) if levels else []
    return _numbers(change.column, current, column, preprocessor)


def _numbers(name: str, current: Any, column: Column, preprocessor: Preprocessor) -> list[Any]:
    ends = _ends(name, current, column, preprocessor)
    if ends is None or not -FARTHEST < ends[0] <= ends[1] < FARTHEST:
        return []
    first, last = ends
    steps = [first + (last - first) * i / (POINTS - 1) for i in range(POINTS)]
    if column.is_integer:
        inside = (round(value) for value in steps)
        return sorted({value for value in inside if first <= value <= last})
    return steps if last > first else []


def _ends(
    name: str, current: Any, column: Column, preprocessor: Preprocessor
) -> tuple[float, float] | None:
    """Return how far the numbers go; None where neither training nor schema tell."""
    low = float(column.min) if isinstance(column.min, int | float) else None
    high = float(column.max) if isinstance(column.max, int | float) else None
    item = next((i for i in preprocessor.inputs if i.name == name and i.source == "number"), None)
    if item is None:
        return None if low is None or high is None else (low, high)
    reach = [item.mean - SPREAD * item.std, item.mean + SPREAD * item.std]
    if current is not None:
        reach.append(float(current))
    first, last = min(reach), max(reach)
    return first if low is None else max(first, low), last if high is None else min(last, high)


def _levels(levels: list[Any], current: Any, column: Column) -> list[Any]:
    """Return the first levels, the present one among them."""
    first = [current] * (current is not None) + [level for level in levels if level != current]
    return first[:LEVELS] + [None] * column.may_be_missing


def _moments(change: Change, current: datetime, column: Column) -> Iterator[datetime]:
    low = column.min if isinstance(column.min, datetime) else datetime.min
    high = column.max if isinstance(column.max, datetime) else datetime.max
    low, high = low.replace(tzinfo=None), high.replace(tzinfo=None)
    hours = change.step == "hour"
    for number in range(24) if hours else range(-WHOLE_DAYS, WHOLE_DAYS + 1):
        try:
            moment = current.replace(hour=number) if hours else current + timedelta(number)
        except OverflowError:
            continue
        if FIRST <= moment <= LAST and low <= moment <= high:
            yield moment
