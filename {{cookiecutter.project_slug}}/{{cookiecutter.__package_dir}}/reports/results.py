"""The results of an evaluation as plain data: plots, report and model card are made from them."""

import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..preprocess.preprocessor import InputSpec
from ..tracking.records import RunRecord
from ..utils.bootstrap import Comparison, Estimate, is_better
from ..utils.calibration import CalibrationBin
from ..utils.metrics import METRICS
from .behaviour import Behaviour
from .slice_limit import SliceLimit
from .thresholds import Thresholds

LEARNING_ROUNDS = 100  # of boosting at most, in each point of the learning curve
MOST_CURVES = 8  # classes with curves of their own; style.CLASS_COLORS has as many


@dataclass(frozen=True)
class Slice:
    """The rows that share a value of one column.

    Attributes:
        column: The column.
        value: Its value, or the range of a number, as text.
        rows: Number of test rows.
        target: Share of the positive class, or mean of the target; NaN with more than two classes.
        predicted: Mean prediction of the model, as `target`.
        metrics: As for the whole test set; some may be undefined and missing.
        weak: The primary metric is worse than on all rows by more than chance explains.
    """

    column: str
    value: str
    rows: int
    target: float
    predicted: float
    metrics: dict[str, Comparison]
    weak: bool


@dataclass(frozen=True)
class Importance:
    """How much worse the primary metric gets when one input's values are shuffled."""

    name: str
    mean: float
    spread: float  # standard deviation over the shuffles
    contribution: float | None = None  # mean absolute one to a prediction; None: not to be told


@dataclass(frozen=True)
class LearningPoint:
    """Primary metric on the validation rows after training on part of the training rows."""

    rows: int
    model: float
    baseline: float


@dataclass(frozen=True)
class CoverageBin:
    """Share of rows whose true value lies in the interval, among rows of similar prediction."""

    rows: int
    predicted: float
    covered: Estimate


@dataclass(frozen=True)
class Points:
    """The points of a curve, as many x as y; none where it is undefined."""

    x: list[float]
    y: list[float]


@dataclass(frozen=True)
class Curves:
    """How well one class is told from the rest, at every threshold.

    Attributes:
        class_index: Position in the classes.
        roc: False (x) and true (y) positive rates of the model.
        baseline_roc: Of the baseline.
        precision_recall: Recall (x) and precision (y) of the model, from the strictest threshold
            down.
        baseline_precision_recall: Of the baseline.
    """

    class_index: int
    roc: Points
    baseline_roc: Points
    precision_recall: Points
    baseline_precision_recall: Points


@dataclass(frozen=True)
class Scores:
    """Histograms of the predicted probabilities, one for each of two groups of rows.

    Two classes: the probability of the positive class, of the negative and of the positive rows.
    More: the probability of the most probable class, of right and of wrong predictions.

    Attributes:
        edges: Of the bins, one more than there are bins.
        rows: How many rows each group has.
        percent: For each group the share of its rows by bin, in percent.
        baseline_median: Median probability of the baseline; None without rows.
    """

    edges: list[float]
    rows: list[int]
    percent: list[list[float]]
    baseline_median: float | None


@dataclass(frozen=True)
class Residuals:
    """A sample of true and predicted values, and histograms of true - predicted of all rows.

    Attributes:
        y_true: True values of the sample.
        y_pred: The model's predictions for it.
        baseline: The baseline's.
        smallest: Of all rows' true values and predictions.
        largest: Of the same.
        edges: Of the bins; the outermost take what lies beyond.
        rows: Rows by bin, model.
        baseline_rows: Rows by bin, baseline.
    """

    y_true: list[float]
    y_pred: list[float]
    baseline: list[float]
    smallest: float
    largest: float
    edges: list[float]
    rows: list[int]
    baseline_rows: list[int]


@dataclass(frozen=True)
class Evaluation:
    """Everything about one version on the test set.

    Attributes:
        version: The version's name.
        folder: Where report, plots and evaluation.json are.
        metadata: What was recorded when it was trained.
        task: "classification" or "regression".
        target: The target column.
        unit: Its unit, if the schema has one.
        classes: The class labels; None for regression.
        inputs: What the model sees.
        rows: Number of test rows.
        period: First and last moment of the test rows, if the table has times.
        primary: The metric that decides.
        metrics: By name, in the order of METRICS.
        slices: In the order of the configuration, the most frequent value first.
        left_out: Slices with fewer rows than were asked for, by column.
        slice_limit: The floor or ceiling of the slices; None if none is set.
        behaviour: Whether the model behaves as the schema declares.
        confusion: (true, predicted) counts of the model; empty for regression.
        baseline_confusion: The same of the baseline.
        calibration: Of the model.
        baseline_calibration: Of the baseline.
        coverage: Of the prediction interval; empty for classification.
        importance: The most important input first.
        importance_rows: Number of test rows it was measured on.
        learning: From few to many training rows.
        thresholds: None unless there are two classes.
        notes: What a reader should know before trusting the numbers.
        curves: For the plots only, as the two below: evaluation.json does without them. One of the
            positive class, or one of each of the most frequent classes; empty for regression.
        scores: None for regression.
        residuals: None for classification.
    """

    version: str
    folder: Path
    metadata: RunRecord
    task: str
    target: str
    unit: str | None
    classes: tuple[str, ...] | None
    inputs: tuple[InputSpec, ...]
    rows: int
    period: tuple[str, str] | None
    threshold: float
    primary: str
    metrics: dict[str, Comparison]
    slices: list[Slice]
    left_out: dict[str, int]
    slice_limit: SliceLimit | None = None
    behaviour: list[Behaviour] = field(default_factory=list)
    confusion: list[list[int]] = field(default_factory=list)
    baseline_confusion: list[list[int]] = field(default_factory=list)
    calibration: list[CalibrationBin] = field(default_factory=list)
    baseline_calibration: list[CalibrationBin] = field(default_factory=list)
    coverage: list[CoverageBin] = field(default_factory=list)
    importance: list[Importance] = field(default_factory=list)
    importance_rows: int = 0
    learning: list[LearningPoint] = field(default_factory=list)
    thresholds: Thresholds | None = None
    notes: list[str] = field(default_factory=list)
    curves: list[Curves] = field(default_factory=list)
    scores: Scores | None = None
    residuals: Residuals | None = None

    @property
    def report(self) -> Path:
        """The report to open in a browser."""
        return self.folder / "report.html"

    @property
    def is_better(self) -> bool | None:
        """Whether the model beats the baseline in the primary metric; None if not known."""
        return self.is_better_in(self.primary) if self.primary in self.metrics else None

    @property
    def failures(self) -> list[str]:
        """What the version was asked for and is not, in words: it is not to be promoted."""
        limit = self.slice_limit
        slices = [limit.message(self.unit)] if limit is not None and limit.failed else []
        return slices + [str(one) for one in self.behaviour if not one.holds]

    @property
    def weak(self) -> list[Slice]:
        """Slices on which the model does worse than on all rows, the worst first."""
        return [part for part in self.worst_first if part.weak]

    @property
    def worst_first(self) -> list[Slice]:
        """Slices on which the primary metric is defined, the worst first."""
        sign = 1 if METRICS[self.primary].higher_is_better else -1
        defined = [part for part in self.slices if self.primary in part.metrics]
        return sorted(defined, key=lambda part: sign * part.metrics[self.primary].model.value)

    def is_better_in(self, name: str) -> bool | None:
        """Whether the model beats the baseline in one metric; None if not known."""
        return is_better(self.metrics[name].difference, METRICS[name].higher_is_better)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values; what is undefined becomes null."""
        everything = asdict(replace(self, curves=[], scores=None, residuals=None))
        for name in ("folder", "inputs", "curves", "scores", "residuals"):
            del everything[name]
        for name, comparison in everything["metrics"].items():
            comparison["better"] = self.is_better_in(name)
        everything |= {"better": self.is_better, "failures": self.failures}
        everything["metadata"] = self.metadata.model_dump(mode="json", exclude={"golden"})
        cleaned: dict[str, Any] = _clean(everything)
        return cleaned


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
