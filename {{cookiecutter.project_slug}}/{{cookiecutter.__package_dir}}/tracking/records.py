"""What is recorded of a training run: where it comes from, what it was told, what it measured."""

from bisect import bisect_right
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ..data.schema import Column
from ..preprocess.split import SplitRule

MODEL_CARD = Path("model_card.md")
DATASHEET = Path("docs/governance/datasheet.md")
AI_ACT = Path("docs/governance/ai_act.md")
DOCUMENTS = MODEL_CARD, DATASHEET, AI_ACT
"""Pages that each evaluation fills; they are about the version that was evaluated last."""


class Record(BaseModel):
    """Part of what is written down: complete, and never changed afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RowCounts(Record):
    """Rows of the raw table and of the sets made from it."""

    raw: int
    train: int
    val: int
    test: int


class DataRecord(Record):
    """The table that a model was trained on."""

    source: str
    sha256: str
    rows: RowCounts
    missing_target: int  # rows without a target: left out
    missing: dict[str, int] = {}  # raw rows without a value, by column of the schema


class BaselineRecord(Record):
    """The baseline that was trained beside the model."""

    model: str
    design_matrix: bool
    metrics: dict[str, float]  # on the validation rows


class ChoiceRecord(Record):
    """How `train.model: auto` came to its model."""

    metric: str
    scores: dict[str, float]  # by model, on rows that it was not fitted on
    rows: int
    folds: int  # 0: on the validation rows


class Interval(Record):
    """A prediction interval, as wide as predictions of that size ask for, in the target's unit."""

    level: float  # share of the true values that it is meant to hold
    edges: tuple[float, ...]  # growing predictions, each where the next half width begins
    half_widths: tuple[float, ...]  # one more than edges: prediction +- half width

    def half_width(self, prediction: float) -> float:
        """Return half the width of the interval about one prediction."""
        return self.half_widths[bisect_right(self.edges, prediction)]

    def half_widths_of(self, y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return half the width of the interval about each of n predictions."""
        groups = np.searchsorted(self.edges, y_pred, side="right")
        return np.asarray(self.half_widths)[groups]


class RefitRecord(Record):
    """The served model, where it was fitted again on all rows after its recipe was measured."""

    rows: int  # train, val and test
    interval: Interval | None  # from the recipe's residuals on rows it has not learned from


class RunRecord(Record):
    """A training run, as report, model card and experiment tracking show it."""

    name: str  # of the model, the same for all its versions
    created: str  # UTC, ISO 8601
    task: Literal["classification", "regression"]
    target: str
    classes: tuple[str, ...] | None  # None for regression
    columns: dict[str, Column]  # of the raw table, as the schema had them
    model: str  # a name in models/estimators.py
    design_matrix: bool  # whether it takes the design matrix; else the inputs as they are
    params: dict[str, Any]  # as they were set
    found_params: dict[str, Any] = {}  # and what the validation rows added, such as the rounds
    choice: ChoiceRecord | None = None  # None: the model was named
    baseline: BaselineRecord
    seed: int
    split: SplitRule
    commit: str | None  # None outside a git repository
    dirty: bool | None  # whether files differed from the commit
    config_hash: str
    schema_hash: str
    preprocessor_hash: str
    data: DataRecord
    metrics: dict[str, float]  # on the validation rows
    interval: Interval | None  # of the recipe, from val; None for classification
    refit: RefitRecord | None = None  # None: the recipe itself is served
    threshold: float  # two classes: from this probability on it is the positive class
    packages: dict[str, str]

    @property
    def unit(self) -> str | None:
        """The target's unit."""
        return self.columns[self.target].unit
