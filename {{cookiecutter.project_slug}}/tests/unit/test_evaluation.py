"""The evaluation of a version: its folder is complete, or the former one stays."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from {{ cookiecutter.package_name }}.config import Config, load_config
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models.registry import versions
from {{ cookiecutter.package_name }}.preprocess import pipeline
from {{ cookiecutter.package_name }}.reports.results import Evaluation
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml
from {{ cookiecutter.package_name }}.workflows import evaluation as evaluating

Project = Callable[..., Config]
RunAll = Callable[[Config], Evaluation]


def test_the_folder_holds_report_numbers_and_plots(trained: SimpleNamespace) -> None:
    folder = trained.evaluation.folder
    stored = json.loads(
        (folder / "evaluation.json").read_text(encoding="utf-8"),
        parse_constant=lambda name: pytest.fail(f"{name} is not JSON"),
    )
    comparison = trained.evaluation.metrics[trained.evaluation.primary]
    assert stored["metrics"][stored["primary"]]["model"]["value"] == comparison.model.value
    assert stored["metadata"]["data"]["sha256"] == trained.model.metadata.data.sha256
    for path in folder.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG"), path
    names = {path.stem for path in folder.glob("*.png")}
    wanted = {
        "classification": {"roc", "precision_recall", "confusion", "calibration", "scores"},
        "regression": {"predicted_true", "residuals", "interval_coverage"},
    }[trained.evaluation.task]
    if trained.config.evaluate.slices:
        wanted.add("slices_1")
    assert names >= wanted | {"importance", "learning_curve"}


@pytest.mark.slow
def test_three_classes_with_hostile_names(
    project: Project,
    folder: Path,
    run_all: RunAll,
    three_kinds: pl.DataFrame,
    parse: Callable[[str], SimpleNamespace],
) -> None:
    config = project(three_kinds, "kind", **{"evaluate.slices": ["place", "maybe"]})
    evaluation = run_all(config)
    assert evaluation.is_better is True
    assert evaluation.importance[0].name == "Größe $ <i>"
    assert evaluation.importance[0].mean > 0.1
    assert sum(map(sum, evaluation.confusion)) == evaluation.rows
    assert {part.column for part in evaluation.slices} <= {"place", "maybe"}
    text = evaluation.report.read_text(encoding="utf-8")
    page = parse(text)
    assert page.open == []
    assert "script" not in page.tags
    assert "<i>" not in text
    card = (folder / "model_card.md").read_text(encoding="utf-8")
    assert "<script>" not in card


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{"split.seed": 7}, {"split.val_fraction": 0.05, "split.test_fraction": 0.25}]
)
def test_rows_that_the_version_was_not_trained_for_are_refused(
    project: Project,
    folder: Path,
    run_all: RunAll,
    three_kinds: pl.DataFrame,
    changes: dict[str, Any],
) -> None:
    """Another cut between validation and test leaves the training rows as they are."""
    cut = {"split.val_fraction": 0.15, "split.test_fraction": 0.15}
    config = project(three_kinds, "kind", **cut)
    run_all(config)
    update_yaml(Path("configs/default.yml"), changes)
    other = load_config(environ={})
    pipeline.run(other)
    with pytest.raises(UserError, match="made from other data or settings"):
        evaluating.run(other)


def test_it_is_measured_by_the_threshold_that_it_predicts_by(
    trained: SimpleNamespace, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = trained.config.evaluate.model_copy(update={"threshold": 0.3})
    paths = trained.config.paths.model_copy(update={"artifacts": folder / "artifacts"})
    config = trained.config.model_copy(update={"evaluate": settings, "paths": paths})
    evaluation = evaluating.run(config)
    assert evaluation.threshold == trained.model.metadata.threshold != 0.3
    assert ("predict classes from 0.5 up" in caplog.text) is (evaluation.classes is not None)


@pytest.mark.slow
def test_an_interrupted_evaluation_leaves_the_former_one(
    project: Project,
    folder: Path,
    run_all: RunAll,
    three_kinds: pl.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = project(three_kinds, "kind")
    evaluation = run_all(config)
    decided = evaluation.folder / "decision.json"
    decided.write_text("{}", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in evaluation.folder.iterdir()}

    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(evaluating, "write_json", fail)
        with pytest.raises(KeyboardInterrupt):
            evaluating.run(config)
    assert {path.name: path.read_bytes() for path in evaluation.folder.iterdir()} == before
    assert [path.name for path in config.paths.artifacts.glob(".*.part")] == []
    evaluating.run(config)
    assert decided.read_text(encoding="utf-8") == "{}"  # what was decided stays


@pytest.mark.slow
def test_twice_the_same(project: Project, run_all: RunAll, three_kinds: pl.DataFrame) -> None:
    config = project(three_kinds, "kind")
    first = run_all(config)
    text = first.report.read_bytes()
    again = evaluating.run(config)
    assert again == first
    assert again.report.read_bytes() == text


def test_the_version_is_chosen_by_name(trained: SimpleNamespace) -> None:
    with pytest.raises(UserError, match="no such version"):
        evaluating.run(trained.config, "v9.9")
    assert versions(trained.config.paths.models) == [trained.evaluation.version]
