"""What the page knows about the model, free of widgets: form, examples, answers, what-ifs.

An answer takes the way of the API: the form becomes a JSON body that `RequestSchema.read` and
`build_response` handle. So page and API say the same, mistakes included. Nothing is logged.
"""

import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.data.schema import Column, load_schema
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.features import needed_columns
from {{ cookiecutter.package_name }}.models.explain import Contributions, Explainer
from {{ cookiecutter.package_name }}.models.model_io import ModelVersion
from {{ cookiecutter.package_name }}.models.registry import ModelRegistry
from {{ cookiecutter.package_name }}.predict.reload import ChampionReloader
from {{ cookiecutter.package_name }}.predict.request_schema import RequestSchema
from {{ cookiecutter.package_name }}.predict.response import build_response
from {{ cookiecutter.package_name }}.preprocess.preprocessor import Preprocessor
from {{ cookiecutter.package_name }}.reports.style import number as plain_number
from {{ cookiecutter.package_name }}.reports.style import short

Kind = Literal["number", "integer", "yes-no", "choice", "text", "datetime"]
Row = dict[str, Any]

CARD = Path("model_card.md")
MISSING = "(missing)"
YES_NO = {"yes": True, "no": False}
EXAMPLES = 6
EXAMPLE_COLUMNS = 4
POINTS = 50  # predictions of one what-if, at most
LEVELS = 24  # bars of one what-if, at most
SPREAD = 2  # standard deviations of the training rows that a what-if reaches to both sides
FARTHEST = 1e300  # beyond it a difference may be infinite
FIRST, LAST = datetime(1, 1, 3), datetime(9999, 12, 29)  # an axis of dates goes a bit further
WHOLE_DAYS = 24  # days before and after
NO_WHAT_IF = "Nothing to compare: no other values are known."
WHAT_IF_TEXT = "Orange is the case at hand; all its other values stay as they are."


@dataclass(frozen=True)
class Field:
    """One field of the form.

    Attributes:
        name: The column.
        kind: What may be typed or chosen.
        help: What the column means, its unit and its range.
        choices: Texts to choose from.
        closed: Whether nothing else than the choices is valid.
        missing: The text that says that the value is not known; None where it must be.
        start: What stands in the field at first; empty for a missing value.
    """

    name: str
    kind: Kind
    help: str
    choices: tuple[str, ...]
    closed: bool
    missing: str | None
    start: str


@dataclass(frozen=True)
class Answer:
    """What the model says about one row.

    Attributes:
        model: The version that answered.
        row: The row as the request_schema read it.
        result: As the API answers, without the id.
    """

    model: ModelVersion
    row: Row
    result: dict[str, Any]


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
        half: Regression: half the width of the prediction interval.
        now: The row's own value and prediction.
        label: Classification: the class whose probability is shown.
        threshold: Two classes: the probability from which the class is chosen.
    """

    change: Change
    values: list[Any]
    predicted: list[float]
    half: float | None
    now: tuple[Any, float]
    label: str | None
    threshold: float | None


class Demo:
    """The champion of the store, with a form for its rows. Safe to use from several threads."""

    def __init__(self, config: Config) -> None:
        """Load the champion and prove it, as the server does.

        Raises:
            UserError: A file is wrong, or there is no champion that can answer.
        """
        settings = config.serve
        self.schema = load_schema(config.paths.schema_)
        columns = needed_columns(self.schema.features, config.features.derived)
        self.request_schema = RequestSchema(self.schema.subset(columns), settings.max_batch_rows)
        self.store = ModelRegistry(settings.store, settings.cache)
        self._champion = ChampionReloader(self.store, self.schema.hash, settings.poll_seconds)
        self._next_look = 0.0
        self._lock = threading.Lock()
        self._explainer: tuple[ModelVersion, Explainer] | None = None
        self._changes: tuple[ModelVersion, list[Change]] | None = None
        self.model()

    @property
    def target(self) -> Column:
        """The column that is predicted."""
        return self.schema.columns[self.schema.target]

    def model(self) -> ModelVersion:
        """Return the champion; look for a new one at most every `serve.poll_seconds`.

        Raises:
            UserError: There is none that can answer.
        """
        with self._lock:
            if time.monotonic() >= self._next_look:
                self._champion.refresh()
                self._next_look = time.monotonic() + self._champion.poll_seconds
            if self._champion.model is None:
                raise UserError(f"no model can answer: {self._champion.reason}. Run: make all")
            return self._champion.model

    def fields(self) -> list[Field]:
        """Return the fields of the form, one for each column of a request, in their order."""
        preprocessor = self.model().preprocessor
        start = self.examples()[0]
        return [
            make_field(name, column, preprocessor, start[name])
            for name, column in self.request_schema.columns.items()
        ]

    def examples(self) -> list[Row]:
        """Return a few real rows, from the lowest prediction to the highest."""
        model = self.model()
        golden = sorted(model.metadata.golden, key=lambda entry: _rank(entry.prediction))
        last, count = len(golden) - 1, min(EXAMPLES, len(golden))
        chosen = [golden[round(last * i / max(1, count - 1))] for i in range(count)]
        return [model.preprocessor.parse_row(entry.row) for entry in chosen]

    def predict(self, given: Mapping[str, Any]) -> Answer:
        """Answer what was filled in.

        Args:
            given: Texts, numbers or None by column name; what is left out counts as empty.

        Raises:
            InvalidError: It does not fit; the mistakes name the columns.
            UserError: There is no model.
        """
        model = self.model()
        body = {}
        for name, column in self.request_schema.columns.items():
            value = json_value(column, given.get(name), missing_text(self._choices(name, model)))
            if value is not None or column.nullable:
                body[name] = value
        (row,), _ = self.request_schema.read(msgspec.json.encode(body))
        return Answer(model, row, answer(model, [row])[0])

    def reasons(self, given: Answer) -> Contributions:
        """Split an answer into what each input of the model adds to it.

        Of two classes the second is explained, whichever was chosen; of more the chosen one. It is
        the class whose probability `what_if` shows.

        Raises:
            UserError: The model gives no reasons.
        """
        model = given.model
        with self._lock:
            if self._explainer is None or self._explainer[0] is not model:
                self._explainer = model, Explainer(model, self.store)
            label, classes = explained(given), model.preprocessor.classes
            number = classes.index(label) if classes is not None and label is not None else None
            return self._explainer[1].contributions(given.row, number)

    def changes(self) -> list[Change]:
        """Return what `what_if` can be asked; first what changes most for the first example."""
        model, row = self.model(), self.examples()[0]
        if self._changes is not None and self._changes[0] is model:
            return self._changes[1]
        start = Answer(model, row, answer(model, [row])[0])
        spread = {}
        for name, column in self.request_schema.columns.items():
            steps: Sequence[Any] = ("hour", "day") if column.type == "datetime" else ("value",)
            for change in (Change(name, step) for step in steps):
                if (found := self.what_if(start, change)) is not None:
                    spread[change] = max(found.predicted) - min(found.predicted)
        self._changes = model, sorted(spread, key=lambda change: -spread[change])
        return self._changes[1]

    def what_if(self, given: Answer, change: Change) -> WhatIf | None:
        """Predict a row again and again with one value changed; the others stay as they are.

        None where there is nothing to compare, as with a date that is missing.
        """
        model, column = given.model, self.request_schema.columns[change.column]
        values = grid(change, given.row, column, model.preprocessor)
        if len(values) < 2:
            return None
        results = answer(model, [given.row | {change.column: value} for value in values])
        classes = model.preprocessor.classes
        label = explained(given)
        return WhatIf(
            change,
            values,
            [_score(result, label) for result in results],
            None if label is not None else model.half_width,
            (given.row[change.column], _score(given.result, label)),
            label,
            model.metadata.threshold if classes is not None and len(classes) == 2 else None,
        )

    def about(self, given: Answer) -> str:
        """Name what reasons and what-ifs are about: the target, or one of its classes."""
        label = explained(given)
        return self.schema.target if label is None else f"{self.schema.target} = {label}"

    def reasons_title(self, given: Answer, found: Contributions) -> str:
        """Say what the bars of the reasons measure."""
        return f"Added to {self._short(given)}" + (f" ({found.unit})" if found.unit else "")

    def reasons_text(self, given: Answer, found: Contributions) -> str:
        """Say how to read the reasons."""
        what = "makes" if explained(given) is not None else "raises"
        more = " more likely" if explained(given) is not None else ""
        unit = f" {found.unit}" if found.unit else ""
        unit = f" ({found.unit})" if explained(given) is not None else unit
        return (
            f"What points right {what} {self.about(given)}{more}. Together the bars lead from "
            f"{number(found.base)}, the model's base value, to {number(found.raw)}{unit}."
        )

    def what_if_title(self, given: Answer) -> str:
        """Say what a what-if shows."""
        if explained(given) is not None:
            return f"Probability of {self._short(given)}"
        return self._short(given) + (f" ({self.target.unit})" if self.target.unit else "")

    def card(self) -> str:
        """Return the model card as Markdown, without what is meant for machines."""
        if not CARD.is_file():
            return f"There is no {CARD} here; `make evaluate` writes it."
        text = CARD.read_text(encoding="utf-8")
        text = re.sub(r"\A---\r?\n.*?^---\r?\n", "", text, flags=re.DOTALL | re.MULTILINE)
        text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
        version = self.model().version
        if not re.search(rf"\b{re.escape(version)}\b", text):
            text = f"**{version} answers; this card is about another version.**\n\n{text}"
        return text.strip() + "\n"

    def _short(self, given: Answer) -> str:
        label = explained(given)
        target = short(self.schema.target)
        return target if label is None else f"{target} = {short(label)}"

    def _choices(self, name: str, model: ModelVersion) -> tuple[str, ...]:
        return choices(name, self.request_schema.columns[name], model.preprocessor)


def answer(model: ModelVersion, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Answer rows as the API does; nobody gives feedback to the page, so there are no ids."""
    found = build_response(model, rows, str)
    return [{key: result[key] for key in result if key != "prediction_id"} for result in found]


def explained(given: Answer) -> str | None:
    """Return the class whose probability reasons and what-ifs are about; None for a number."""
    classes = given.model.preprocessor.classes
    if classes is None:
        return None
    return classes[1] if len(classes) == 2 else str(given.result["prediction"])


def make_field(name: str, column: Column, preprocessor: Preprocessor, start: Any) -> Field:
    """Make the field of a column.

    Args:
        name: The column's name.
        column: What the schema says about it.
        preprocessor: The fitted preprocessor: it knows the categories of the training rows.
        start: The value to begin with.
    """
    known = choices(name, column, preprocessor)
    kinds: dict[str, Kind] = {"integer": "integer", "float": "number", "datetime": "datetime"}
    kind = "yes-no" if column.type == "boolean" else kinds.get(column.type)
    closed = column.type == "boolean" or (column.values is not None and known != ())
    missing = missing_text(known) if column.nullable else None
    return Field(
        name,
        kind or ("choice" if known else "text"),
        help_text(column),
        known,
        closed,
        missing,
        shown(start),
    )


def choices(name: str, column: Column, preprocessor: Preprocessor) -> tuple[str, ...]:
    """Return what can be chosen: the schema's values, else the categories of the training rows."""
    if column.type == "boolean":
        return tuple(YES_NO)
    if column.type not in ("category", "string"):
        return ()
    if column.values is not None:
        return tuple(map(str, column.values))
    return next((tuple(sorted(i.levels)) for i in preprocessor.inputs if i.name == name), ())


def missing_text(known: Sequence[str]) -> str:
    """Return the text for a missing value: one that is no value itself."""
    text = MISSING
    while text in known:
        text = f"({text})"
    return text


def help_text(column: Column) -> str:
    """Say in one line what a column means, its unit, its range, and whether it may be empty."""
    parts = [column.description]
    unit = f" {column.unit}" if column.unit else ""
    if column.type in ("integer", "float"):
        low, high = column.min, column.max
        if low is not None and high is not None:
            parts.append(f"{shown(low)} to {shown(high)}{unit}")
        elif low is not None or high is not None:
            edge = f"from {shown(low)}" if low is not None else f"up to {shown(high)}"
            parts.append(edge + unit)
        elif unit:
            parts.append(f"in{unit}")
    if column.type == "datetime":
        parts.append("such as 2013-07-01 08:30")
    if column.nullable:
        parts.append("may be empty")
    return "; ".join(part for part in parts if part)


def shown(value: Any, missing: str = "") -> str:
    """Write a value of a row as it is typed into the form."""
    if value is None:
        return missing
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        pattern = "%Y-%m-%d %H:%M" if value.second == value.microsecond == 0 else None
        return value.strftime(pattern) if pattern else value.isoformat(" ")
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value)


def brief(value: Any, missing: str = MISSING) -> str:
    """Write a value of a row in a few characters, to be read and not to be typed."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = plain_number(value) if abs(value) >= 10_000 else f"{value:.5g}"
        return text.replace("-", "\N{MINUS SIGN}")
    return short(shown(value, missing))


def number(value: float) -> str:
    """Write a result with the digits that count."""
    return plain_number(value).replace("-", "\N{MINUS SIGN}")


def signed(value: float) -> str:
    """Write a number with its sign."""
    return plain_number(value, sign=True).replace("-", "\N{MINUS SIGN}")


def json_value(column: Column, given: Any, missing: str = MISSING) -> Any:
    """Turn what was typed into what a caller of the API would send; a mistake stays one.

    Args:
        column: The column that it is for.
        given: A text, a number, or None for an empty field.
        missing: The text that means a missing value.
    """
    if not isinstance(given, str):
        return given
    text = given.strip()
    if text in ("", missing):
        return None
    if column.type == "boolean":
        return YES_NO.get(text, text)
    if column.type in ("integer", "float"):
        try:
            return msgspec.json.decode(text, type=int | float)
        except msgspec.MsgspecError:
            return text
    if column.type == "datetime" and re.fullmatch(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d)?", text):
        return text + (":00" if ":" in text else "T00:00:00")
    return given if column.type in ("category", "string") else text


def example_labels(rows: Sequence[Row]) -> list[str]:
    """Name each row by the first columns in which the rows differ."""
    texts = [{name: brief(value) for name, value in row.items()} for row in rows]
    differ = [name for name in rows[0] if len({row[name] for row in texts}) > 1]
    return [
        ", ".join(row[name] for name in differ[:EXAMPLE_COLUMNS]) or f"example {number}"
        for number, row in enumerate(texts, 1)
    ]


def grid(change: Change, row: Row, column: Column, preprocessor: Preprocessor) -> list[Any]:
    """Return at most `POINTS` values of a column for a what-if, all of them valid in a row.

    Numbers go as far as the training rows do (two standard deviations), and no further than the
    schema allows.
    """
    now = row[change.column]
    if change.step != "value":
        return list(_moments(change, now, column)) if now is not None else []
    if column.type == "boolean":
        return [True, False] + [None] * column.nullable
    if column.values is not None:
        whole = column.type == "integer"
        return _levels(list(column.values) if whole else list(map(str, column.values)), now, column)
    if column.type in ("category", "string"):
        levels = next((list(i.levels) for i in preprocessor.inputs if i.name == change.column), [])
        return _levels(levels, now, column) if levels else []
    return _numbers(change.column, now, column, preprocessor)


def _numbers(name: str, now: Any, column: Column, preprocessor: Preprocessor) -> list[Any]:
    low, high = column.min, column.max
    item = next((i for i in preprocessor.inputs if i.name == name and i.source == "number"), None)
    ends = [float(edge) for edge in (low, high) if isinstance(edge, int | float)]
    if item is not None:
        reach = [item.mean - SPREAD * item.std, item.mean + SPREAD * item.std]
        if now is not None:
            reach.append(float(now))
        first, last = min(reach), max(reach)
        first = max(first, float(low)) if isinstance(low, int | float) else first
        last = min(last, float(high)) if isinstance(high, int | float) else last
    elif len(ends) == 2:
        first, last = ends
    else:
        return []
    if not -FARTHEST < first <= last < FARTHEST:
        return []
    steps = [first + (last - first) * i / (POINTS - 1) for i in range(POINTS)]
    if column.type == "integer":
        inside = (round(value) for value in steps)
        return sorted({value for value in inside if first <= value <= last})
    return steps if last > first else []


def _levels(known: list[Any], now: Any, column: Column) -> list[Any]:
    """Return the first levels, the present one among them."""
    first = [now] * (now is not None) + [level for level in known if level != now]
    return first[:LEVELS] + [None] * column.nullable


def _moments(change: Change, now: datetime, column: Column) -> Iterator[datetime]:
    low = column.min if isinstance(column.min, datetime) else datetime.min
    high = column.max if isinstance(column.max, datetime) else datetime.max
    for number in range(24) if change.step == "hour" else range(-WHOLE_DAYS, WHOLE_DAYS + 1):
        try:
            moment = now.replace(hour=number) if change.step == "hour" else now + timedelta(number)
        except OverflowError:
            continue
        if FIRST <= moment <= LAST and low.replace(tzinfo=None) <= moment <= high.replace(
            tzinfo=None
        ):
            yield moment


def _score(result: Mapping[str, Any], label: str | None) -> float:
    return float(result["prediction"] if label is None else result["probabilities"][label])


def _rank(prediction: Sequence[float]) -> tuple[int, float]:
    """Sort by the predicted number, by the second class's probability, or class by class."""
    if len(prediction) < 3:
        return 0, prediction[-1]
    best = max(range(len(prediction)), key=lambda number: prediction[number])
    return best, prediction[best]
