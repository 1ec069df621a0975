"""Measure a version on the test rows, beside its baseline, and write the report about it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..data import tables
from ..data.schema import load_schema
from ..errors import UserError
from ..preprocess import processed
from ..preprocess.preprocessor import InputSpec, Preprocessor
from ..preprocess.transforms import Floats
from ..reports import html_report as report
from ..reports import model_card, plots
from ..reports.results import CoverageBin, Evaluation, Importance, LearningPoint, Slice, number
from ..utils import metrics
from ..utils.files import atomic_folder, write_json
from ..utils.progress import progress
from . import scoring, train
from .model_io import ModelVersion
from .registry import find_version

Array = NDArray[np.float64]

MODEL_CARD = Path("model_card.md")
SLICE_ROWS = 30  # fewer say too little
SLICE_VALUES = 20  # the most frequent of a column
SLICE_RESAMPLES = 200
FEW_ROWS = 200
SHUFFLES = 5
SHUFFLED_CELLS = 400_000  # rows x inputs x shuffles of the permutation importance
LEARNING_ROWS = 100_000
LEARNING_VALIDATION_ROWS = 50_000
COVERAGE_BINS = 10
CLEAR = 3  # standard errors from which a mean error is worth a note


@dataclass(frozen=True)
class TestSet:
    """The test rows and what model and baseline say about them.

    Attributes:
        target: (n,) numbers or class indices.
        model: (n, classes) probabilities or (n,) predictions.
        baseline: The same of the baseline.
        columns: (n,) input values of each column to slice by.
        codes: (m, inputs) a random part of the rows, for the permutation importance.
        codes_target: (m,) their targets.
        period: First and last moment, if the table has times.
    """

    __test__ = False  # not a test case, whatever its name says

    target: Array
    model: Array
    baseline: Array
    columns: dict[str, Array]
    codes: Floats
    codes_target: Array
    period: tuple[str, str] | None


def run(config: Config, version: str | None = None) -> Evaluation:
    """Evaluate a version and write artifacts/<version>/ and the model card.

    Only rows of the test set are scored; the learning curve trains on parts of the training set
    and is scored on the validation set.

    Args:
        config: The configuration.
        version: Such as "v0.1"; None takes the newest.

    Raises:
        UserError: There is no such version, or what stands in data/processed is not what it was
            trained on, or a setting names a column that is no input.
    """
    model = find_version(config.paths.models, version)
    schema = load_schema(config.paths.schema_)
    preprocessor, summary = processed.load(config.paths.processed, schema.hash, config.task)
    if (
        preprocessor.hash != model.preprocessor.hash
        or summary.data_sha256 != model.metadata.data.sha256
    ):
        raise UserError(
            f"{config.paths.processed} was made from other data or settings than "
            f"{model.version} was trained on, so its test rows are not that model's. Train a "
            "new version, or run `preprocess` with the former data and settings."
        )
    _check_slices(config, preprocessor)
    test = read_test(config, model)
    evaluation, pictures = measure(config, model, test)
    evaluation = replace(evaluation, learning=learning_curve(config, model))
    if evaluation.learning:
        pictures["learning_curve"] = plots.learning_curve(evaluation)
    page = report.render(evaluation, pictures, schema)
    with atomic_folder(evaluation.folder, replace=True) as folder:
        write_json(folder / "evaluation.json", evaluation.to_json())
        (folder / "report.html").write_text(page, encoding="utf-8", newline="\n")
        for name, picture in pictures.items():
            (folder / f"{name}.png").write_bytes(picture)
    model_card.update(MODEL_CARD, evaluation, schema)
    return evaluation


def read_test(config: Config, model: ModelVersion) -> TestSet:
    """Predict the test set batch by batch; only targets, predictions and slices stay in memory."""
    preprocessor = model.preprocessor
    path = config.paths.processed / "test.parquet"
    names = [item.name for item in preprocessor.inputs]
    rows = tables.count_rows(path) or 0
    cells = max(1, len(names) * SHUFFLES)
    sample = min(rows, max(500, min(5000, SHUFFLED_CELLS // cells)))
    random = np.random.default_rng(config.train.seed)
    chosen = np.sort(random.choice(rows, sample, replace=False))
    targets, models, baselines, codes = [], [], [], []
    columns = [*names, processed.TARGET, *([preprocessor.time] if preprocessor.time else [])]
    slices: dict[str, list[Array]] = {name: [] for name in config.evaluate.slices}
    moments: list[datetime] = []
    start = 0
    with progress("predict the test set", rows, "rows") as bar:
        for frame in tables.iter_batches(path, config.data.batch_rows, columns=columns):
            x, y = processed.arrays(frame, preprocessor)
            targets.append(y)
            models.append(model.predictor.predict(x))
            baselines.append(model.baseline.predict(x))
            for name, parts in slices.items():
                parts.append(x[:, names.index(name)].astype(np.float64))
            inside = chosen[(chosen >= start) & (chosen < start + len(y))] - start
            codes.append(x[inside])
            if preprocessor.time is not None:
                when = frame[preprocessor.time]
                moments += [m for m in (when.min(), when.max()) if isinstance(m, datetime)]
            start += len(y)
            bar.update(len(y))
    target = np.concatenate(targets)
    return TestSet(
        target=target,
        model=np.concatenate(models).astype(np.float64),
        baseline=np.concatenate(baselines).astype(np.float64),
        columns={name: np.concatenate(parts) for name, parts in slices.items()},
        codes=np.concatenate(codes),
        codes_target=target[chosen],
        period=(min(moments).isoformat(" "), max(moments).isoformat(" ")) if moments else None,
    )


def measure(
    config: Config, model: ModelVersion, test: TestSet
) -> tuple[Evaluation, dict[str, bytes]]:
    """Return all that the test set tells about a version, and the plots as PNG by name."""
    preprocessor, settings = model.preprocessor, config.evaluate
    compared = _compare(model, test, settings.threshold, settings.bootstrap, config.train.seed)
    primary = _primary(preprocessor.task, compared)
    slices, left_out = _slices(config, model, test, primary, compared)
    metadata = model.metadata
    unit = load_schema(config.paths.schema_).columns[preprocessor.target].unit
    evaluation = Evaluation(
        version=model.version,
        folder=config.paths.artifacts / model.version,
        metadata=metadata,
        task=preprocessor.task,
        target=preprocessor.target,
        unit=unit,
        classes=preprocessor.classes,
        inputs=preprocessor.inputs,
        rows=len(test.target),
        period=test.period,
        threshold=settings.threshold,
        primary=primary,
        metrics=compared,
        slices=slices,
        left_out=left_out,
        importance=_importance(model, test, primary, settings.threshold, config.train.seed),
        importance_rows=len(test.codes),
    )
    pictures: dict[str, bytes] = {}
    if preprocessor.classes is not None:
        truth = test.target.astype(np.int64)
        evaluation = replace(
            evaluation,
            confusion=_confusion(truth, test.model, settings.threshold),
            baseline_confusion=_confusion(truth, test.baseline, settings.threshold),
            calibration=_calibration(truth, test.model),
            baseline_calibration=_calibration(truth, test.baseline),
        )
        pictures |= {
            "roc": plots.roc(preprocessor.classes, truth, test.model, test.baseline),
            "precision_recall": plots.precision_recall(
                preprocessor.classes, truth, test.model, test.baseline
            ),
            "confusion": plots.confusion(evaluation),
            "calibration": plots.calibration(evaluation),
            "scores": plots.scores(evaluation, truth, test.model, test.baseline),
        }
    else:
        half = model.half_width
        if half is not None:
            evaluation = replace(evaluation, coverage=_coverage(test, half))
        pictures |= {
            "predicted_true": plots.predicted_true(
                evaluation, test.target, test.model, test.baseline
            ),
            "residuals": plots.residuals(evaluation, test.target, test.model, test.baseline),
        }
        if evaluation.coverage:
            pictures["interval_coverage"] = plots.interval_coverage(evaluation)
    if evaluation.importance:
        pictures["importance"] = plots.importance(evaluation)
    for place, column in enumerate(dict.fromkeys(part.column for part in slices), start=1):
        pictures[f"slices_{place}"] = plots.slices(evaluation, column)
    return replace(evaluation, notes=list(_notes(evaluation, test))), pictures


def learning_curve(config: Config, model: ModelVersion) -> list[LearningPoint]:
    """Train model and baseline on growing random parts and score them on validation rows.

    At most LEARNING_ROWS training rows and LEARNING_VALIDATION_ROWS validation rows are used;
    each part holds the smaller ones.
    """
    preprocessor, settings = model.preprocessor, config.evaluate
    fractions = sorted(set(settings.learning_curve))
    if not fractions:
        return []
    random = np.random.default_rng(config.train.seed)
    x, y = _part(config, preprocessor, "train", LEARNING_ROWS, random)
    val_x, val_y = _part(config, preprocessor, "val", LEARNING_VALIDATION_ROWS, random)
    order = random.permutation(len(y))
    points = []
    with progress("learning curve", len(fractions), "fits") as bar:
        for fraction in fractions:
            rows = order[: max(1, round(fraction * len(y)))]
            bar.update(1)
            if preprocessor.classes is not None and len(np.unique(y[rows])) < len(
                preprocessor.classes
            ):
                continue  # too small a part to have every class
            scores = []
            metadata = model.metadata
            ours = config.train.model_copy(
                update={"model": metadata.model, "params": metadata.params}
            )
            baseline = config.train.model_copy(
                update={"model": metadata.baseline.model, "params": {}}
            )
            for chosen in (ours, baseline):
                fitted = train.fit(chosen, preprocessor, x[rows], y[rows])
                y_pred = train.predict(fitted, preprocessor, val_x)
                scores.append(
                    scoring.values(preprocessor.classes, val_y, y_pred, None, settings.threshold)
                )
            primary = metrics.PRIMARY[preprocessor.task]
            name = next((name for name in primary if name in scores[0]), primary[0])
            points.append(
                LearningPoint(
                    len(rows), scores[0].get(name, math.nan), scores[1].get(name, math.nan)
                )
            )
    return points


def _check_slices(config: Config, preprocessor: Preprocessor) -> None:
    known = [item.name for item in preprocessor.inputs]
    for name in config.evaluate.slices:
        if name not in known:
            raise UserError(
                f"evaluate.slices: {name!r} is not an input of the model "
                f"(there: {', '.join(known)})",
                2,
            )


def _scorer(
    model: ModelVersion, target: Array, said: Array, threshold: float, interval: bool = True
) -> metrics.Scorer:
    if model.preprocessor.classes is not None:
        return metrics.classification_metrics(target, said, threshold)
    return metrics.regression_metrics(target, said, model.half_width if interval else None)


def _compare(
    model: ModelVersion,
    test: TestSet,
    threshold: float,
    resamples: int,
    seed: int,
    rows: metrics.Rows | None = None,
) -> dict[str, metrics.Comparison]:
    """Compare model and baseline on all test rows, or on some."""
    members = np.arange(len(test.target)) if rows is None else rows
    found = metrics.compare(
        lambda part: _scorer(
            model, test.target[members[part]], test.model[members[part]], threshold
        ),
        lambda part: _scorer(
            model, test.target[members[part]], test.baseline[members[part]], threshold
        ),
        len(members),
        resamples,
        seed,
    )
    nothing = metrics.Estimate(math.nan)
    for name in ("interval_coverage", "interval_width"):  # the baseline has no interval
        if name in found:
            found[name] = metrics.Comparison(found[name].model, nothing, nothing)
    return found


def _primary(task: str, compared: dict[str, metrics.Comparison]) -> str:
    names = metrics.PRIMARY[task]
    return next((name for name in names if name in compared), names[-1])


def _slices(
    config: Config,
    model: ModelVersion,
    test: TestSet,
    primary: str,
    overall: dict[str, metrics.Comparison],
) -> tuple[list[Slice], dict[str, int]]:
    settings = config.evaluate
    inputs = {item.name: item for item in model.preprocessor.inputs}
    classes = model.preprocessor.classes
    found: list[Slice] = []
    left_out = {}
    if classes is None:
        actual, said = test.target, test.model
    elif len(classes) == 2:
        actual, said = test.target, test.model[:, 1]
    else:
        actual = said = np.full(len(test.target), math.nan)
    for column, values in test.columns.items():
        groups = sorted(_groups(inputs[column], values), key=lambda pair: -len(pair[1]))
        if inputs[column].kind == "number":
            groups = list(_groups(inputs[column], values))
        kept = [pair for pair in groups if len(pair[1]) >= SLICE_ROWS][:SLICE_VALUES]
        if len(kept) < len(groups):
            left_out[column] = len(groups) - len(kept)
        for value, rows in kept:
            part = _compare(
                model,
                test,
                settings.threshold,
                min(settings.bootstrap, SLICE_RESAMPLES),
                config.train.seed,
                rows,
            )
            found.append(
                Slice(
                    column=column,
                    value=value,
                    rows=len(rows),
                    target=float(actual[rows].mean()),
                    predicted=float(said[rows].mean()),
                    metrics=part,
                    weak=_is_weak(part, overall, primary),
                )
            )
    return found, left_out


def _groups(item: InputSpec, values: Array) -> Iterator[tuple[str, metrics.Rows]]:
    """Yield each value (or quarter of a number's range) with the rows that have it."""
    missing = np.isnan(values)
    if item.kind == "category":
        for code in np.unique(values[~missing]):
            yield item.levels[int(code)], np.flatnonzero(values == code)
        if missing.any():
            yield "(missing or rare)", np.flatnonzero(missing)
        return
    known = values[~missing]
    if item.source == "boolean":
        for value, name in ((0.0, "false"), (1.0, "true")):
            if (values == value).any():
                yield name, np.flatnonzero(values == value)
    elif len(known):
        edges = np.unique(np.quantile(known, [0.25, 0.5, 0.75], method="inverted_cdf"))
        quarter = np.searchsorted(edges, values, side="left")
        for number in np.unique(quarter[~missing]):
            rows = np.flatnonzero((quarter == number) & ~missing)
            low, high = values[rows].min(), values[rows].max()
            shown = _number(item, low)
            yield shown if low == high else f"{shown} to {_number(item, high)}", rows
    if missing.any():
        yield "(missing)", np.flatnonzero(missing)


def _number(item: InputSpec, value: float) -> str:
    if item.source == "datetime":  # days since 1970
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=value)).date().isoformat()
    return f"{value:.4g}"


def _is_weak(
    part: dict[str, metrics.Comparison], overall: dict[str, metrics.Comparison], primary: str
) -> bool:
    if primary not in part or primary not in overall:
        return False
    whole, here = overall[primary].model.value, part[primary].model
    if metrics.METRICS[primary].higher_is_better:
        return here.high < whole
    return here.low > whole


def _confusion(truth: metrics.Rows, said: Array, threshold: float) -> list[list[int]]:
    classes = said.shape[1]
    called = (said[:, 1] >= threshold).astype(int) if classes == 2 else said.argmax(axis=1)
    counts = np.bincount(truth * classes + called, minlength=classes**2)
    rows: list[list[int]] = counts.reshape(classes, classes).tolist()
    return rows


def _calibration(truth: metrics.Rows, said: Array) -> list[metrics.CalibrationBin]:
    if said.shape[1] == 2:
        return metrics.calibration_bins(truth == 1, said[:, 1])
    return metrics.calibration_bins(truth == said.argmax(axis=1), said.max(axis=1))


def _coverage(test: TestSet, half_width: float) -> list[CoverageBin]:
    """Cut rows by prediction; the interval of a share is Wilson's (1927), 95 %."""
    z = 1.96
    order = np.argsort(test.model, kind="stable")
    bins = []
    for rows in np.array_split(order, min(COVERAGE_BINS, max(1, len(order) // SLICE_ROWS))):
        n = len(rows)
        if not n:
            continue
        share = float((np.abs(test.target[rows] - test.model[rows]) <= half_width).mean())
        middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        reach = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
        covered = metrics.Estimate(share, max(0.0, middle - reach), min(1.0, middle + reach))
        bins.append(CoverageBin(n, float(test.model[rows].mean()), covered))
    return bins


def _importance(
    model: ModelVersion, test: TestSet, primary: str, threshold: float, seed: int
) -> list[Importance]:
    """Shuffle one input at a time (Breiman, 2001) and see how much worse the metric gets."""
    codes = test.codes
    ones = np.ones(len(codes))
    sign = 1 if metrics.METRICS[primary].higher_is_better else -1

    def value(x: Floats) -> float:
        said = model.predictor.predict(x).astype(np.float64)
        return _scorer(model, test.codes_target, said, threshold, False)(ones)[primary]

    whole = value(codes)
    if math.isnan(whole):
        return []
    random = np.random.default_rng(seed)
    found = []
    shuffled = codes.copy()
    with progress("permutation importance", len(model.preprocessor.inputs), "inputs") as bar:
        for position, item in enumerate(model.preprocessor.inputs):
            drops = []
            for _ in range(SHUFFLES):
                shuffled[:, position] = random.permutation(codes[:, position])
                drops.append(sign * (whole - value(shuffled)))
            shuffled[:, position] = codes[:, position]
            found.append(Importance(item.name, float(np.mean(drops)), float(np.std(drops))))
            bar.update(1)
    return sorted(found, key=lambda one: -one.mean)


def _notes(evaluation: Evaluation, test: TestSet) -> Iterator[str]:
    """Yield what a reader should know before trusting the numbers."""
    labels = metrics.METRICS
    if evaluation.rows < FEW_ROWS:
        yield f"The test set has {evaluation.rows} rows only: take its numbers as rough."
    if evaluation.classes is not None:
        seen = {number for number, row in enumerate(evaluation.confusion) if sum(row)}
        absent = [name for i, name in enumerate(evaluation.classes) if i not in seen]
        if absent:
            yield (
                f"No test row is of class {', '.join(absent)}, so some metrics are undefined or "
                "leave it out."
            )
    yield from _bias(evaluation, test)
    worse = [
        labels[name].label for name in evaluation.metrics if evaluation.is_better(name) is False
    ]
    if worse:
        yield f"The baseline is better in: {', '.join(worse)}."
    if evaluation.metadata.dirty:
        yield "Trained with uncommitted changes: the commit alone does not reproduce this version."
    interval = evaluation.metadata.interval
    if interval and "interval_coverage" in evaluation.metrics:
        level, covered = interval.level, evaluation.metrics["interval_coverage"].model
        if covered.high < level or covered.low > level:
            narrow = "narrow" if covered.high < level else "wide"
            yield (
                f"The {level:.0%} prediction interval holds {covered.value:.1%} of the true "
                f"values: it is too {narrow} for rows like these."
            )
        uneven = [part for part in evaluation.coverage if part.covered.high < level]
        if uneven:
            worst = min(uneven, key=lambda part: part.covered.value)
            yield (
                f"The {level:.0%} prediction interval is too narrow for some predictions: about "
                f"{number(worst.predicted)} it holds {worst.covered.value:.0%}."
            )


def _bias(evaluation: Evaluation, test: TestSet) -> Iterator[str]:
    """Say it where predictions are too high or too low on average, beyond chance."""
    if evaluation.classes is not None and len(evaluation.classes) > 2:
        return
    said = test.model if evaluation.classes is None else test.model[:, 1]
    gap = said - test.target
    mean, error = float(gap.mean()), float(gap.std()) / math.sqrt(len(gap))
    if abs(mean) <= CLEAR * error:
        return
    way = "high" if mean > 0 else "low"
    if evaluation.classes is None:
        unit = f" {evaluation.unit}" if evaluation.unit else ""
        yield f"Predictions are too {way} on average, by {number(abs(mean))}{unit}."
    else:
        yield (
            f"Probabilities are too {way} on average: {said.mean():.1%} said, "
            f"{test.target.mean():.1%} seen. The test rows differ from the training rows."
        )


def _part(
    config: Config, preprocessor: Preprocessor, split: str, limit: int, random: np.random.Generator
) -> tuple[Floats, Array]:
    """Return inputs and targets of at most `limit` random rows of a set, in its order."""
    path = config.paths.processed / f"{split}.parquet"
    rows = tables.count_rows(path) or 0
    chosen = np.sort(random.choice(rows, min(rows, limit), replace=False))
    names = [item.name for item in preprocessor.inputs]
    parts = []
    start = 0
    for frame in tables.iter_batches(
        path, config.data.batch_rows, columns=[*names, processed.TARGET]
    ):
        inside = chosen[(chosen >= start) & (chosen < start + frame.height)] - start
        parts.append(processed.arrays(frame[inside], preprocessor))
        start += frame.height
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])
