"""Evaluate a version: measure it, draw the plots, write the report and the pages."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..config import Config, Evaluate
from ..data import ingest
from ..data.lookups import open_store
from ..data.schema import Schema, load_schema
from ..errors import UserError
from ..models import behaviour, evaluate
from ..models.learning_curve import learning_curve
from ..models.model_io import ModelVersion
from ..models.promotion import DECISION
from ..models.registry import find_version
from ..models.slices import check_columns, check_limit
from ..models.thresholds import read_thresholds
from ..preprocess import processed
from ..preprocess.preprocessor import Preprocessor
from ..reports import documents, html_report, plots
from ..reports.behaviour import Behaviour
from ..reports.results import Evaluation
from ..tracking import runs
from ..utils.files import atomic_folder, write_json

ASK = "if it is known only afterwards, the numbers here are too good; give it role: leak."
log = logging.getLogger(__name__)


def run(config: Config, version: str | None = None) -> Evaluation:
    """Evaluate a version and write artifacts/<version>/ and the pages about it.

    Only rows of the test set are scored; the learning curve trains on parts of the training set
    and is scored on the validation set.

    Args:
        config: The configuration.
        version: Such as "v0.1"; None takes the newest.

    Raises:
        UserError: There is no such version, or what stands in data/processed is not what it was
            trained on, or a setting names a column that is no input or does not fit.
    """
    settings, folder = config.evaluate, config.paths.processed
    batch_rows, seed = config.data.batch_rows, config.train.seed
    model = find_version(config.paths.models, version)
    schema = load_schema(config.paths.schema_)
    preprocessor, summary = processed.load(folder)
    _check_processed(model, folder, preprocessor, summary)
    check_columns(settings.slices, model.preprocessor)
    check_limit(settings, model.preprocessor.task)
    settings = _with_threshold(settings, model)
    test = evaluate.read_test(model, folder, settings, batch_rows, seed)
    unit = schema.columns[schema.target].unit
    artifacts = config.paths.artifacts / model.version
    evaluation = evaluate.measure(model, test, settings, seed, unit, artifacts)
    found = _behaviour(config, model)
    points = learning_curve(model, folder, config.train, settings, batch_rows)
    weighed = read_thresholds(model, folder, test.predictions, settings, batch_rows)
    near = [f"{name} {note}: {ASK}" for name, note in summary.near_leaks.items()]
    notes = [*near, *evaluation.notes]
    evaluation = replace(
        evaluation, learning=points, thresholds=weighed, notes=notes, behaviour=found
    )
    _write(evaluation, plots.draw(evaluation), schema)
    documents.update_all(evaluation, schema)
    measured = {name: both.model.value for name, both in evaluation.metrics.items()}
    runs.add_metrics(config.paths.artifacts, model.version, measured)
    runs.tell_sinks(config)
    return evaluation


def check_demands(evaluation: Evaluation) -> None:
    """Raise where a slice breaks its floor or ceiling, or the model what the schema declares.

    Raises:
        UserError: Names each of them.
    """
    if evaluation.failures:
        raise UserError(f"{evaluation.version}: " + "\n".join(evaluation.failures))


def _behaviour(config: Config, model: ModelVersion) -> list[Behaviour]:
    """Look at what the schema declares of the model; the raw table is read only if it does."""
    if not any(behaviour.declared(model.metadata.columns)):
        return []
    path, _ = ingest.raw_table(config)
    store = open_store(config.features.lookups)
    rows = behaviour.read_rows(path, model, config.data.batch_rows, store)
    return behaviour.measure(model, rows)


def _check_processed(
    model: ModelVersion, folder: Path, preprocessor: Preprocessor, summary: processed.Summary
) -> None:
    """Check that the sets in a folder are those of the version's training."""
    if (
        preprocessor.hash != model.preprocessor.hash
        or summary.data_sha256 != model.metadata.data.sha256
        or summary.split != model.metadata.split
    ):
        raise UserError(
            f"{folder} was made from other data or settings than "
            f"{model.version} was trained on, so its test rows are not that model's. Train a "
            "new version, or run `preprocess` with the former data and settings."
        )


def _with_threshold(settings: Evaluate, model: ModelVersion) -> Evaluate:
    """Return the settings with the threshold that the version predicts classes by."""
    recorded = model.metadata.threshold
    if settings.threshold != recorded and model.preprocessor.classes is not None:
        log.warning(
            "evaluate.threshold is %g, but %s was trained to predict classes from %g up, and is "
            "measured so; train anew to change it",
            settings.threshold,
            model.version,
            recorded,
        )
    return settings.model_copy(update={"threshold": recorded})


def _write(evaluation: Evaluation, pictures: Mapping[str, bytes], schema: Schema) -> None:
    """Write the evaluation's folder; a former one is replaced when all is there.

    What was decided about the version stays.
    """
    page = html_report.render(evaluation, pictures, schema)
    with atomic_folder(evaluation.folder, replace=True) as folder:
        write_json(folder / "evaluation.json", evaluation.to_json())
        (folder / "report.html").write_text(page, encoding="utf-8", newline="\n")
        for name, picture in pictures.items():
            (folder / f"{name}.png").write_bytes(picture)
        if (decision := evaluation.folder / DECISION).exists():
            shutil.copy(decision, folder / DECISION)
