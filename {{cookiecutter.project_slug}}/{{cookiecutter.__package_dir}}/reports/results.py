"""What an evaluation found, as plain data: plots, report and model card are made from it."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..preprocess.preprocessor import InputSpec
from ..tracking import RunRecord
from ..utils.metrics import METRICS, CalibrationBin, Comparison, Estimate, is_better


@dataclass(frozen=True)
class Slice:
    """The rows that share a value of one column.

    Attributes:
        column: The column.
        value: Its value, or the range of a number, as text.
        rows: Number of test rows.
        target: Share of the yes class, or mean of the target; NaN with more than two classes.
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
        confusion: (true, predicted) counts of the model; empty for regression.
        baseline_confusion: The same of the baseline.
        calibration: Of the model.
        baseline_calibration: Of the baseline.
        coverage: Of the prediction interval; empty for classification.
        importance: The most important input first.
        importance_rows: Number of test rows it was measured on.
        learning: From few to many training rows.
        notes: What a reader should know before trusting the numbers.
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
    confusion: list[list[int]] = field(default_factory=list)
    baseline_confusion: list[list[int]] = field(default_factory=list)
    calibration: list[CalibrationBin] = field(default_factory=list)
    baseline_calibration: list[CalibrationBin] = field(default_factory=list)
    coverage: list[CoverageBin] = field(default_factory=list)
    importance: list[Importance] = field(default_factory=list)
    importance_rows: int = 0
    learning: list[LearningPoint] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def report(self) -> Path:
        """The report to open in a browser."""
        return self.folder / "report.html"

    @property
    def better(self) -> bool | None:
        """Whether the model beats the baseline in the primary metric; None if not known."""
        return self.is_better(self.primary) if self.primary in self.metrics else None

    @property
    def weak(self) -> list[Slice]:
        """Slices on which the model does worse than on all rows, the worst first."""
        return [part for part in self.worst_first if part.weak]

    @property
    def worst_first(self) -> list[Slice]:
        """Slices on which the primary metric is defined, the worst first."""
        sign = 1 if METRICS[self.primary].higher_is_better else -1
        found = [part for part in self.slices if self.primary in part.metrics]
        return sorted(found, key=lambda part: sign * part.metrics[self.primary].model.value)

    def is_better(self, name: str) -> bool | None:
        """Whether the model beats the baseline in one metric; None if not known."""
        return is_better(self.metrics[name].difference, METRICS[name].higher_is_better)

    def lines(self) -> Iterator[str]:
        """Yield the evaluation as a few lines of text."""
        width = max(map(len, self.metrics))
        yield f"{self.version} on {self.rows:,} test rows (95% interval), beside the baseline"
        for name, found in self.metrics.items():
            beside = "" if math.isnan(found.baseline.value) else f"{found.baseline.value:10.4f}"
            model = found.model
            range_ = f"({model.low:.4f} to {model.high:.4f})" if model.low < model.high else ""
            yield f"{name:<{width}} {model.value:10.4f} {range_:<22}{beside}".rstrip()
        yield sentence(self)
        if self.weak:
            named = ", ".join(f"{part.column} = {part.value}" for part in self.weak[:6])
            yield f"weak slices: {named}" + ", ..." * (len(self.weak) > 6)
        for note in self.notes:
            yield f"note: {note}"

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values; what is undefined becomes null."""
        everything = asdict(self)
        del everything["folder"], everything["inputs"]
        for name, found in everything["metrics"].items():
            found["better"] = self.is_better(name)
        everything["better"] = self.better
        everything["metadata"] = self.metadata.model_dump(mode="json", exclude={"golden"})
        cleaned: dict[str, Any] = _clean(everything)
        return cleaned


def sentence(evaluation: Evaluation) -> str:
    """Say in one sentence whether the model is better than its baseline, and by how much."""
    name = evaluation.primary
    label = METRICS[name].label
    found = evaluation.metrics.get(name)
    if found is None:
        return f"{label} is undefined on these test rows, so nothing can be said."
    unit = f" {evaluation.unit}" if METRICS[name].in_target_unit and evaluation.unit else ""
    shown = {
        True: "better than the baseline",
        False: "worse than the baseline",
        None: "not shown to be better than the baseline",
    }[evaluation.better]
    gap = f"difference {number(found.difference.value, True)}{unit}"
    if interval(found.difference):
        gap += f", 95% interval {interval(found.difference, True)}"
    return (
        f"The model is {shown}: {label} {number(found.model.value)}{unit} against "
        f"{number(found.baseline.value)}{unit} ({gap})."
    )


def number(value: float, sign: bool = False) -> str:
    """Write a number with the digits that count; a dash where it is undefined."""
    if not math.isfinite(value):
        return "-"
    size = abs(value)
    if 0 < size < 0.0005:
        return f"{value:+.1e}" if sign else f"{value:.1e}"
    digits = 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    return f"{value:+,.{digits}f}" if sign else f"{value:,.{digits}f}"


def interval(estimate: Estimate, sign: bool = False) -> str:
    """Write an interval as "low to high"; empty where there is none or it has no width."""
    if not estimate.low < estimate.high:
        return ""
    return f"{number(estimate.low, sign)} to {number(estimate.high, sign)}"


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
