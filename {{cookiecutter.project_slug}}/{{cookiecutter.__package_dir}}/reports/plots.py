"""The plots of an evaluation, each as the bytes of a PNG; the baseline stands beside the model."""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..utils.metrics import (
    METRICS,
    CalibrationBin,
    Estimate,
    precision_recall_points,
    roc_points,
)
from .results import Evaluation

Axes: TypeAlias = Any  # matplotlib is loaded when something is drawn, not before
Png: TypeAlias = Callable[[], bytes]
Array = NDArray[np.float64]
Rows = NDArray[np.int64]

MODEL, BASELINE, OTHER, INK, FAINT = "#2563c9", "#8b93a1", "#d9772b", "#242a33", "#dfe3e8"
CLASS_COLORS = (MODEL, OTHER, "#2f9467", "#a3489b", "#b3392f", "#6b5bd2", "#8a6d1f", "#2494a8")
STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": BASELINE,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "font.size": 10,
    "grid.color": FAINT,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.9,
    "text.color": INK,
    "text.parse_math": False,  # names of columns and classes may hold dollar signs
    "xtick.color": INK,
    "ytick.color": INK,
}
MOST_CURVES = len(CLASS_COLORS)
LABEL_LENGTH = 26
WIDTH = 5.6  # inches of a plot that takes one column of the report
LONGEST_MATRIX = 12  # classes
MOST_CLASSES_WITH_BASELINE = 6
MOST_INPUTS = 20
MOST_POINTS = 4000


def roc(classes: Sequence[str], truth: Rows, model: Array, baseline: Array) -> bytes:
    """True against false positive rate; one curve for each class if there are more than two."""
    with _figure(WIDTH, 4.7) as (axes, png):
        for name, number, color in _curves(classes, truth):
            x, y = _thin_curve(*roc_points(truth == number, model[:, number]))
            axes.plot(x, y, color=color, label=name, lw=1.8)
        for label, number in _once(classes, truth):
            x, y = _thin_curve(*roc_points(truth == number, baseline[:, number]))
            axes.plot(x, y, color=BASELINE, label=label, lw=1.4, ls=(0, (4, 2)))
        axes.set(xlabel="False positive rate", ylabel="True positive rate (recall)")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), title="ROC")
        axes.set_aspect("equal")
        _legend(axes, "lower right")
        return png()


def precision_recall(classes: Sequence[str], truth: Rows, model: Array, baseline: Array) -> bytes:
    """Precision against recall; one curve for each class if there are more than two."""
    with _figure(WIDTH, 4.7) as (axes, png):
        for name, number, color in _curves(classes, truth):
            x, y = _thin_curve(*precision_recall_points(truth == number, model[:, number]))
            x, y = np.append(np.zeros(min(1, len(x))), x), np.append(y[:1], y)
            axes.plot(x, y, color=color, label=name, lw=1.8, drawstyle="steps-pre")
        for label, number in _once(classes, truth):
            x, y = _thin_curve(*precision_recall_points(truth == number, baseline[:, number]))
            if len(x) == 1:  # one score for all rows: one point, drawn as its level
                x, y = np.array([0.0, 1.0]), np.repeat(y, 2)
            axes.plot(x, y, color=BASELINE, label=label, lw=1.4, ls=(0, (4, 2)))
        axes.set(xlabel="Recall", ylabel="Precision", title="Precision and recall")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))
        _legend(axes, "upper right" if len(classes) == 2 else "center left")
        return png()


def confusion(evaluation: Evaluation) -> bytes:
    """Counts of true and predicted classes; shades are shares of the true class."""
    counts, names = _merged(evaluation.classes or (), evaluation.confusion)
    beside, _ = _merged(evaluation.classes or (), evaluation.baseline_confusion)
    size = len(names)
    both = size <= MOST_CLASSES_WITH_BASELINE
    tables = [("Model", counts), ("Baseline", beside)] if both else [("Model", counts)]
    two = len(evaluation.classes or ()) == 2
    how = f"threshold {evaluation.threshold:g}" if two else "most probable class"
    width = WIDTH if two else max(WIDTH, 1.8 + 0.62 * size * len(tables), 8.6 * both)
    height = 3.9 if two else max(4.0, 1.5 + 0.52 * size)
    with panels(width, height, len(tables), sharey=True) as (all_axes, png):
        for axes, (name, table) in zip(all_axes, tables, strict=True):
            _matrix(axes, table, names)
            axes.set(xlabel="Predicted", title=name if both else f"Confusion ({how})")
        all_axes[0].set_ylabel("True")
        if both:
            all_axes[0].figure.suptitle(f"Confusion ({how})", fontsize=11)
        return png()


def calibration(evaluation: Evaluation) -> bytes:
    """Share seen against probability said, in bins of equal size."""
    two = len(evaluation.classes or ()) == 2
    with _figure(WIDTH, 4.7) as (axes, png):
        axes.plot([0, 1], [0, 1], color=INK, lw=0.8, ls=":", label="perfect")
        both = [*evaluation.calibration, *evaluation.baseline_calibration]
        for bins, color, name, mark in (
            (evaluation.baseline_calibration, BASELINE, "baseline", "s"),
            (evaluation.calibration, MODEL, "model", "o"),
        ):
            x = [one.predicted for one in bins]
            y = [one.observed for one in bins]
            reach = [1.96 * math.sqrt(_variance(one)) for one in bins]
            axes.errorbar(
                x, y, reach, color=color, marker=mark, ms=5, lw=1.4, capsize=2, label=name
            )
        top = max([one.predicted for one in both] + [one.observed for one in both], default=1.0)
        limit = 1.01 if top > 0.6 or not two else min(1.01, top * 1.25 + 0.02)
        low = 0.0 if two else max(0.0, min((b.predicted for b in both), default=0.0) - 0.05)
        axes.set(xlim=(low, limit), ylim=(0.0 if two else min(low, _lowest(both)), limit))
        what = "positive class" if two else "most probable class"
        axes.set(xlabel=f"Predicted probability of the {what}", title="Calibration")
        axes.set_ylabel("Share seen" if two else "Share of right predictions")
        _legend(axes, "upper left")
        return png()


def scores(evaluation: Evaluation, truth: Rows, model: Array, baseline: Array) -> bytes:
    """Where the predicted probabilities lie, by true class (or by right and wrong)."""
    classes = evaluation.classes or ()
    if len(classes) == 2:
        score, reference = model[:, 1], baseline[:, 1]
        groups = [(truth == 0, short(classes[0]), MODEL), (truth == 1, short(classes[1]), OTHER)]
        label = f"Predicted probability of {short(classes[1])}"
    else:
        score, reference = model.max(axis=1), baseline.max(axis=1)
        right = model.argmax(axis=1) == truth
        groups = [(right, "right", MODEL), (~right, "wrong", OTHER)]
        label = "Probability of the most probable class"
    with _figure(WIDTH if len(classes) == 2 else 2 * WIDTH, 4.0) as (axes, png):
        edges = np.linspace(0, 1, 51)
        if len(score):
            low, high = math.floor(20 * score.min()) / 20, math.ceil(20 * score.max()) / 20
            edges = np.linspace(max(0.0, min(low, high - 0.2)), min(1.0, max(high, low + 0.2)), 51)
        for mask, name, color in groups:
            if mask.any():
                weights = np.full(int(mask.sum()), 100 / mask.sum())
                shown = f"{name} ({int(mask.sum()):,})"
                axes.hist(score[mask], edges, weights=weights, color=color, alpha=0.55, label=shown)
        if len(reference):
            _rule(axes, float(np.median(reference)), BASELINE, "baseline (median)")
        if len(classes) == 2 and edges[0] <= evaluation.threshold <= edges[-1]:
            _rule(axes, evaluation.threshold, INK, f"threshold {evaluation.threshold:g}")
        axes.set(xlabel=label, ylabel="Share of the group, %", title="Scores")
        _legend(axes, "upper right" if len(classes) == 2 else "upper center")
        return png()


def predicted_true(evaluation: Evaluation, truth: Array, model: Array, baseline: Array) -> bytes:
    """True value against prediction, for the model and for the baseline."""
    part = _thin(len(truth))
    unit = _unit(evaluation)
    with panels(8.6, 4.4, 2, sharey=True) as (all_axes, png):
        both = np.concatenate([truth, model]) if len(truth) else np.array([0.0, 1.0])
        low, high = float(both.min()), float(both.max())
        pad = 0.03 * (high - low) or 1.0
        for axes, said, name, color in zip(
            all_axes, (model, baseline), ("Model", "Baseline"), (MODEL, BASELINE), strict=True
        ):
            axes.plot([low, high], [low, high], color=INK, lw=0.8, ls=":")
            axes.scatter(said[part], truth[part], s=9, color=color, alpha=0.35, lw=0)
            axes.set(xlim=(low - pad, high + pad), ylim=(low - pad, high + pad))
            axes.set(xlabel=f"Predicted {short(evaluation.target)}{unit}", title=name)
        all_axes[0].set_ylabel(f"True {short(evaluation.target)}{unit}")
        return png()


def residuals(evaluation: Evaluation, truth: Array, model: Array, baseline: Array) -> bytes:
    """Distribution of true - predicted, and how it changes with the prediction."""
    unit = _unit(evaluation)
    part = _thin(len(truth))
    with panels(8.6, 4.0, 2) as ((left, right), png):
        ours, theirs = truth - model, truth - baseline
        both = np.concatenate([ours, theirs]) if len(truth) else np.zeros(2)
        low, high = (float(edge) for edge in np.quantile(both, [0.005, 0.995]))
        edges = np.linspace(low, high, 51) if high > low else np.linspace(low - 1, low + 1, 51)
        for values, color, name in ((theirs, BASELINE, "baseline"), (ours, MODEL, "model")):
            inside = np.clip(values, edges[0], edges[-1])
            left.hist(inside, edges, color=color, alpha=0.6, label=name)
        left.axvline(0, color=INK, lw=0.8, ls=":")
        left.set(xlabel=f"True - predicted{unit}", ylabel="Rows", title="Residuals")
        _legend(left, "upper right")
        right.axhline(0, color=INK, lw=0.8, ls=":")
        right.scatter(model[part], ours[part], s=9, color=MODEL, alpha=0.35, lw=0)
        if (interval := evaluation.metadata.interval) is not None:
            half, level = interval.half_width, interval.level
            right.axhline(half, color=OTHER, lw=1.2, ls=(0, (4, 2)))
            right.axhline(-half, color=OTHER, lw=1.2, ls=(0, (4, 2)), label=f"{level:.0%} interval")
            _legend(right, "upper left")
        right.set(xlabel=f"Predicted{unit}", ylabel=f"True - predicted{unit}")
        right.set_title("Residuals of the model by prediction")
        return png()


def interval_coverage(evaluation: Evaluation) -> bytes:
    """Share of true values inside the prediction interval, by size of the prediction."""
    with _figure(WIDTH, 4.0) as (axes, png):
        assert evaluation.metadata.interval is not None  # else there is no coverage
        level = evaluation.metadata.interval.level
        axes.axhline(level, color=INK, lw=1.0, ls=":", label=f"promised: {level:.0%}")
        x = [one.predicted for one in evaluation.coverage]
        covered = [one.covered for one in evaluation.coverage]
        y = [one.value for one in covered]
        axes.errorbar(x, y, _reach(covered), color=MODEL, marker="o", ms=5, lw=1.4, capsize=2)
        axes.set_ylim(min(0.5, min(one.low for one in covered) - 0.03), 1.01)
        axes.set(xlabel=f"Predicted{_unit(evaluation)}", ylabel="Share inside the interval")
        axes.set_title("Interval coverage by prediction")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        _legend(axes, "lower left")
        return png()


def importance(evaluation: Evaluation) -> bytes:
    """How much worse the primary metric gets when one input is shuffled."""
    shown = evaluation.importance[:MOST_INPUTS][::-1]
    with _figure(WIDTH, 1.4 + 0.27 * len(shown)) as (axes, png):
        places = np.arange(len(shown))
        means = [one.mean for one in shown]
        axes.barh(places, means, xerr=[one.spread for one in shown], color=MODEL, height=0.68,
                  error_kw={"ecolor": INK, "elinewidth": 0.9, "capsize": 2})  # fmt: skip
        axes.axvline(0, color=INK, lw=0.8)
        axes.set_yticks(places, [short(one.name) for one in shown])
        axes.grid(visible=False, axis="y")
        label = METRICS[evaluation.primary].label
        axes.set_xlabel(f"{label} lost when the input is shuffled")
        axes.locator_params(axis="x", nbins=6)
        more = len(evaluation.importance) - len(shown)
        axes.set_title("Permutation importance" + f" (first {MOST_INPUTS})" * (more > 0))
        return png()


def slices(evaluation: Evaluation, column: str) -> bytes:
    """The primary metric for each value of a column, with its interval."""
    name = evaluation.primary
    metric = METRICS[name]
    shown = [part for part in evaluation.slices if part.column == column][::-1]
    found = [part.metrics.get(name) for part in shown]
    ours = [one.model for one in found if one is not None]
    theirs = [one.baseline for one in found if one is not None]
    apart = _far(ours, theirs)
    with panels(
        WIDTH,
        1.5 + 0.31 * len(shown),
        1 + apart,
        sharey=True,
        width_ratios=[3, 2] if apart else [1],
    ) as (all_axes, png):
        left, right = all_axes[0], all_axes[-1]
        if name in evaluation.metrics:
            whole = evaluation.metrics[name].model.value
            left.axvline(whole, color=MODEL, lw=1.0, ls=":", label="model, all rows")
        shift = 0.0 if apart else 0.14
        marks: dict[str, tuple[Axes, str, str, list[tuple[float, Estimate]]]] = {
            "baseline": (right, BASELINE, "s", []),
            "model": (left, MODEL, "o", []),
            "model, weak slice": (left, OTHER, "o", []),
        }
        for place, (part, one) in enumerate(zip(shown, found, strict=True)):
            if one is None:
                left.text(
                    0.02,
                    place,
                    "undefined: one class only",
                    va="center",
                    fontsize=8,
                    color=BASELINE,
                    transform=left.get_yaxis_transform(),
                )
                continue
            marks["model, weak slice" if part.weak else "model"][3].append(
                (place + shift, one.model)
            )
            marks["baseline"][3].append((place - shift, one.baseline))
        for label, (axes, color, mark, points) in marks.items():
            defined = [(y, one) for y, one in points if math.isfinite(one.value)]
            if defined:
                axes.errorbar(
                    [one.value for _, one in defined],
                    [y for y, _ in defined],
                    xerr=_reach([one for _, one in defined]),
                    color=color,
                    marker=mark,
                    ms=5,
                    lw=1.4,
                    capsize=2,
                    ls="",
                    label=label,
                )
        left.set_yticks(range(len(shown)), [f"{short(s.value)}  ({s.rows:,})" for s in shown])
        left.set_ylim(-0.7, len(shown) - 0.3)
        better = "higher is better" if metric.higher_is_better else "lower is better"
        unit = _unit(evaluation) if metric.in_target_unit else ""
        for axes in all_axes:
            axes.grid(visible=False, axis="y")
            axes.set_xlabel(metric.label + unit if apart else f"{metric.label}{unit}, {better}")
        title = f"By {short(column)} (rows)"
        if apart:
            left.set_title("Model")
            right.set_title("Baseline (another scale)")
            left.figure.suptitle(f"{title}, {better}", fontsize=11)
        else:
            left.set_title(title)
        _below(all_axes)
        return png()


def learning_curve(evaluation: Evaluation) -> bytes:
    """The primary metric on validation rows against the number of training rows."""
    with _figure(WIDTH, 4.0) as (axes, png):
        rows = [point.rows for point in evaluation.learning]
        for values, color, name, mark in (
            ([p.baseline for p in evaluation.learning], BASELINE, "baseline", "s"),
            ([p.model for p in evaluation.learning], MODEL, "model", "o"),
        ):
            axes.plot(rows, values, color=color, marker=mark, ms=5, lw=1.6, label=name)
        axes.set_xlim(0, max(rows) * 1.04)
        metric = METRICS[evaluation.primary]
        unit = _unit(evaluation) if metric.in_target_unit else ""
        axes.set(xlabel="Training rows", ylabel=f"{metric.label}{unit}, validation")
        axes.set_title("Learning curve")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        _legend(axes, "best")
        return png()


@contextmanager
def panels(
    width: float, height: float, columns: int, **options: Any
) -> Iterator[tuple[list[Axes], Png]]:
    """Give a figure in the house style, which matplotlib has for all threads until it is drawn."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: Any = STYLE
    with mpl.rc_context(style), warnings.catch_warnings():
        # Names in scripts that the font lacks are drawn as boxes; that is no reason to stop.
        warnings.filterwarnings("ignore", "Glyph")
        figure = Figure(figsize=(width, height), dpi=130, layout="constrained", facecolor="white")
        axes = figure.subplots(1, columns, squeeze=False, **options)

        def png() -> bytes:
            file = BytesIO()
            figure.savefig(file, format="png", metadata={"Software": None})
            return file.getvalue()

        yield list(axes[0]), png


@contextmanager
def _figure(width: float, height: float) -> Iterator[tuple[Axes, Png]]:
    with panels(width, height, 1) as ((axes,), png):
        yield axes, png


def _curves(classes: Sequence[str], truth: Rows) -> Iterator[tuple[str, int, str]]:
    """Yield label, class number and colour of each curve: the most frequent classes."""
    if len(classes) == 2:
        yield "model", 1, MODEL
        return
    counts = np.bincount(truth, minlength=len(classes))
    frequent = np.argsort(-counts, kind="stable")[:MOST_CURVES]
    for number, color in zip(sorted(frequent), CLASS_COLORS, strict=False):
        if counts[number]:
            yield short(classes[number]), int(number), color


def _once(classes: Sequence[str], truth: Rows) -> Iterator[tuple[str | None, int]]:
    """Yield the same classes for the baseline; only the first has a label."""
    for place, (_, number, _) in enumerate(_curves(classes, truth)):
        yield "baseline" if place == 0 else None, number


def _matrix(axes: Axes, counts: Array, names: list[str]) -> None:
    """Draw one confusion matrix."""
    size = len(names)
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    for (i, j), value in np.ndenumerate(counts):
        text = f"{int(value):,}"
        if size <= MOST_CLASSES_WITH_BASELINE and total[i, 0]:
            text += f"\n{share[i, j]:.0%}"
        color = "white" if share[i, j] > 0.6 else INK
        axes.text(j, i, text, ha="center", va="center", color=color, fontsize=9)
    axes.set_yticks(range(size), names)
    if max(map(len, names)) <= 60 / max(6, 2 * size):
        axes.set_xticks(range(size), names)
    else:
        axes.set_xticks(range(size), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.grid(visible=False)


def _merged(classes: Sequence[str], confusion: list[list[int]]) -> tuple[Array, list[str]]:
    """Return the confusion matrix of the most frequent classes, the rest merged into one."""
    counts = np.asarray(confusion, dtype=np.float64)
    names = [short(name) for name in classes]
    if len(names) <= LONGEST_MATRIX:
        return counts, names
    kept = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[: LONGEST_MATRIX - 1])
    groups = np.full(len(names), len(kept))
    groups[kept] = np.arange(len(kept))
    table = np.zeros((len(kept) + 1, len(kept) + 1))
    np.add.at(table, (groups[:, None], groups[None, :]), counts)
    return table, [*(names[number] for number in kept), f"{len(names) - len(kept)} others"]


def _variance(one: CalibrationBin) -> float:
    return one.observed * (1 - one.observed) / one.rows


def _lowest(bins: Sequence[CalibrationBin]) -> float:
    return min((one.observed for one in bins), default=0.0) - 0.05


def _reach(estimates: Sequence[Estimate]) -> Array:
    """Return (2, n) distances down and up to the bounds; 0 where there is none."""
    down = [one.value - one.low for one in estimates]
    up = [one.high - one.value for one in estimates]
    return np.array(np.maximum(np.nan_to_num(np.array([down, up])), 0))


def _thin(rows: int) -> Rows:
    """Choose rows to draw; every one where they are few."""
    if rows <= MOST_POINTS:
        return np.arange(rows)
    return np.random.default_rng(0).choice(rows, MOST_POINTS, replace=False)


def _thin_curve(x: Array, y: Array) -> tuple[Array, Array]:
    """Keep the first, the last and evenly many points between them."""
    if len(x) <= MOST_POINTS:
        return x, y
    kept = np.linspace(0, len(x) - 1, MOST_POINTS).astype(np.int64)
    return x[kept], y[kept]


def short(name: str) -> str:
    """Cut a long name to what fits beside an axis."""
    line = " ".join(name.split())
    return line if len(line) <= LABEL_LENGTH else line[: LABEL_LENGTH - 3] + "..."


def _unit(evaluation: Evaluation) -> str:
    return f" ({evaluation.unit})" if evaluation.unit else ""


def _rule(axes: Axes, x: float, color: str, label: str) -> None:
    axes.axvline(x, color=color, lw=1.4, ls=(0, (4, 2)), label=label)


def _legend(axes: Axes, place: str) -> None:
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc=place, fontsize=9)


def _below(all_axes: Sequence[Axes]) -> None:
    """Put the legend under the plot, where no row of it can be covered."""
    pairs = [
        pair for axes in all_axes for pair in zip(*axes.get_legend_handles_labels(), strict=True)
    ]
    if pairs:
        handles, labels = zip(*pairs, strict=True)
        all_axes[0].figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)


def _far(ours: Sequence[Estimate], theirs: Sequence[Estimate]) -> bool:
    """Tell whether the baseline is so far off that one scale would hide the model's slices."""
    near = [x for one in ours for x in (one.value, one.low, one.high) if math.isfinite(x)]
    far = [one.value for one in theirs if math.isfinite(one.value)]
    if not near or not far:
        return False
    span = max(near) - min(near)
    return max(*near, *far) - min(*near, *far) > 4 * span > 0
