"""What the page knows about the model, free of widgets: examples, predictions, what-ifs.

A prediction takes the way of the API: the form becomes a JSON body that `RequestSchema.read` and
`build_response` handle. So page and API say the same, mistakes included. Nothing is logged.
"""

import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.data.schema import Column
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models.explain import Contributions, Explainer
from {{ cookiecutter.package_name }}.models.model_io import ModelVersion
from {{ cookiecutter.package_name }}.predict.reload import ChampionReloader, ServedModel
from {{ cookiecutter.package_name }}.predict.request_schema import RequestSchema
from {{ cookiecutter.package_name }}.predict.response import build_response

from .form import Field, Row, choices, json_value, make_field, missing_text
from .what_if import Change, WhatIf, changes_of, grid

CARD = Path("model_card.md")
EXAMPLES = 6


@dataclass(frozen=True)
class Prediction:
    """What the model predicts for one row.

    Attributes:
        model: The version that predicted.
        row: The row as the request schema read it.
        result: As the API responds, without the id.
    """

    model: ModelVersion
    row: Row
    result: dict[str, Any]

    @property
    def explained_class(self) -> str | None:
        """The class whose probability contributions and what-ifs are about; None for a number.

        Of two classes the positive one, whichever was predicted; of more the predicted one.
        """
        classes = self.model.preprocessor.classes
        if classes is None:
            return None
        return classes[1] if len(classes) == 2 else str(self.result["prediction"])


class Demo:
    """The champion of the store, with a form for its rows. Safe to use from several threads."""

    def __init__(self, config: Config) -> None:
        """Load the champion and verify it, as the server does.

        Raises:
            UserError: A file is wrong, or there is no champion that can predict.
        """
        self._champion = ChampionReloader(config.serve)
        self._poll_seconds = config.serve.poll_seconds
        self._next_refresh = 0.0
        self._lock = threading.Lock()
        self._explainer: tuple[ModelVersion, Explainer] | None = None
        self._changes: tuple[ModelVersion, list[Change]] | None = None
        self.served()

    @property
    def target(self) -> str:
        """The name of what is predicted."""
        return self.model().metadata.target

    @property
    def target_column(self) -> Column:
        """What was known of the target when the model was trained."""
        return self.model().metadata.columns[self.target]

    @property
    def request_schema(self) -> RequestSchema:
        """What a request to the champion must look like."""
        return self.served().request_schema

    def model(self) -> ModelVersion:
        """Return the champion, as `served` does."""
        return self.served().model

    def served(self) -> ServedModel:
        """Return the champion; look for a new one at most every `serve.poll_seconds`.

        Raises:
            UserError: There is none that can predict.
        """
        with self._lock:
            if time.monotonic() >= self._next_refresh:
                self._champion.refresh()
                self._next_refresh = time.monotonic() + self._poll_seconds
            if self._champion.served is None:
                raise UserError(f"no model can answer: {self._champion.reason}")
            return self._champion.served

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

    def predict(self, typed: Mapping[str, Any]) -> Prediction:
        """Predict for what was filled in.

        Args:
            typed: Texts, numbers or None by column name; what is left out counts as empty.

        Raises:
            InvalidError: It does not fit; the mistakes name the columns.
            UserError: There is no model, or its columns are others than the form's.
        """
        served = self.served()
        model, columns = served.model, served.request_schema.columns
        if not set(typed) <= set(columns):
            raise UserError(f"{model.version} has other columns than this form: start it again")
        body = {}
        for name, column in columns.items():
            missing = missing_text(choices(name, column, model.preprocessor))
            value = json_value(column, typed.get(name), missing)
            if value is not None or column.may_be_missing:
                body[name] = value
        (row,), _ = served.request_schema.read(msgspec.json.encode(body))
        result = predict_rows(model, [row])[0]
        if warnings := served.request_schema.warnings(row):
            result["warnings"] = warnings
        return Prediction(model, row, result)

    def contributions(self, prediction: Prediction) -> Contributions:
        """Split a prediction into what each input adds to it, for the class that is explained.

        Raises:
            UserError: The model gives no contributions.
        """
        model, label = prediction.model, prediction.explained_class
        with self._lock:
            if self._explainer is None or self._explainer[0] is not model:
                self._explainer = model, Explainer(model, self._champion.registry)
            classes = model.preprocessor.classes
            index = classes.index(label) if classes is not None and label is not None else None
            return self._explainer[1].contributions(prediction.row, index)

    def changes(self) -> list[Change]:
        """Return what `what_if` can be asked; first what changes most for the first example."""
        model, row = self.model(), self.examples()[0]
        if self._changes is not None and self._changes[0] is model:
            return self._changes[1]
        start = Prediction(model, row, predict_rows(model, [row])[0])
        spread = {}
        for name, column in self.request_schema.columns.items():
            for change in changes_of(name, column):
                what_if = self.what_if(start, change)
                if what_if is not None:
                    spread[change] = max(what_if.predicted) - min(what_if.predicted)
        self._changes = model, sorted(spread, key=lambda change: -spread[change])
        return self._changes[1]

    def what_if(self, prediction: Prediction, change: Change) -> WhatIf | None:
        """Predict a row again and again with one value changed; the others stay as they are.

        None where there is nothing to compare, as with a date that is missing.
        """
        model, row, name = prediction.model, prediction.row, change.column
        values = grid(change, row[name], self.request_schema.columns[name], model.preprocessor)
        if len(values) < 2:
            return None
        results = predict_rows(model, [row | {name: value} for value in values])
        label, classes = prediction.explained_class, model.preprocessor.classes
        predicted = [_plotted(result, label) for result in results]
        return WhatIf(
            change,
            values,
            predicted=predicted,
            half_widths=None
            if label is not None or model.interval is None
            else [model.interval.half_width(value) for value in predicted],
            current=(row[name], _plotted(prediction.result, label)),
            label=label,
            threshold=model.metadata.threshold if classes and len(classes) == 2 else None,
        )

    def about(self, prediction: Prediction) -> str:
        """Name what contributions and what-ifs are about: the target, or one of its classes."""
        label = prediction.explained_class
        return self.target if label is None else f"{self.target} = {label}"

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


def predict_rows(model: ModelVersion, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Predict rows as the API does; nobody gives feedback to the page, so there are no ids."""
    results = build_response(model, rows, lambda *_: "")
    return [{key: result[key] for key in result if key != "prediction_id"} for result in results]


def _plotted(result: Mapping[str, Any], label: str | None) -> float:
    """Return the number of a result that a what-if shows."""
    return float(result["prediction"] if label is None else result["probabilities"][label])


def _rank(prediction: Sequence[float]) -> tuple[int, float]:
    """Sort by the predicted number, by the positive class's probability, or class by class."""
    if len(prediction) < 3:
        return 0, prediction[-1]
    best = max(range(len(prediction)), key=lambda number: prediction[number])
    return best, prediction[best]
