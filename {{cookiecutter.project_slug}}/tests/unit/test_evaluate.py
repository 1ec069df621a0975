"""Evaluation: on the test rows only, beside the baseline, with a report that stands alone."""

import html
import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as sk

from {{ cookiecutter.package_name }}.config import Config, load_config
from {{ cookiecutter.package_name }}.data import ingest
from {{ cookiecutter.package_name }}.data.schema import load_schema
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import evaluate
from {{ cookiecutter.package_name }}.models import train as training
from {{ cookiecutter.package_name }}.models.registry import versions
from {{ cookiecutter.package_name }}.preprocess import pipeline, processed
from {{ cookiecutter.package_name }}.reports import html_report as report
from {{ cookiecutter.package_name }}.reports import plots
from {{ cookiecutter.package_name }}.reports.results import Evaluation, Slice, sentence
from {{ cookiecutter.package_name }}.reports.results import interval as shown_interval
from {{ cookiecutter.package_name }}.reports.results import number as shown_number
from {{ cookiecutter.package_name }}.utils.metrics import METRICS, Comparison, Estimate
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml

Project = Callable[..., Config]
HOSTILE = "</td><script>alert(1)</script> $x^2$ | 100% \N{CJK UNIFIED IDEOGRAPH-6F22}"


class Page(HTMLParser):
    """Collects what a page would load from elsewhere, and checks that its tags are balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def run_all(config: Config) -> Evaluation:
    """Go from the raw table to the report."""
    ingest.run(config)
    pipeline.run(config)
    training.run(config)
    return evaluate.run(config)


def three_kinds(rows: int = 240) -> pl.DataFrame:
    """Return a table with three classes, odd names, and a column with missing values."""
    random = np.random.default_rng(0)
    kind = random.integers(0, 3, rows)
    size = kind + random.normal(0, 0.4, rows)
    place = random.choice(["here", "there", HOSTILE], rows)
    return pl.DataFrame(
        {
            "Größe $ <i>": size,
            "place": place,
            "maybe": pl.Series(np.where(random.random(rows) < 0.3, np.nan, size)).fill_nan(None),
            "kind": [f"kind {HOSTILE} {number}" for number in kind],
        }
    )


def test_metrics_are_those_of_the_test_rows(trained: SimpleNamespace) -> None:
    frame = processed.read_set(trained.config.paths.processed, "test")
    x, y = processed.arrays(frame, trained.model.preprocessor)
    said = trained.model.predictor.predict(x)
    found = trained.evaluation.metrics
    assert trained.evaluation.rows == len(y)
    if classes := trained.model.preprocessor.classes:
        loss = sk.log_loss(y, said, labels=list(range(len(classes))))
        assert found["log_loss"].model.value == pytest.approx(loss, rel=1e-5)
        right = sk.accuracy_score(y, said.argmax(axis=1))
        assert len(classes) == 2 or found["accuracy"].model.value == pytest.approx(right)
    else:
        assert found["mae"].model.value == pytest.approx(sk.mean_absolute_error(y, said))
        assert found["r2"].model.value == pytest.approx(sk.r2_score(y, said))


def test_every_metric_has_an_interval_and_stands_beside_the_baseline(
    trained: SimpleNamespace,
) -> None:
    for name, found in trained.evaluation.metrics.items():
        assert found.model.low <= found.model.value <= found.model.high, name
        if not name.startswith("interval"):
            difference = found.model.value - found.baseline.value
            assert found.difference.value == pytest.approx(difference)


def test_slices_cover_the_test_rows_or_say_what_is_left_out(trained: SimpleNamespace) -> None:
    evaluation = trained.evaluation
    for column in trained.config.evaluate.slices:
        parts = [part for part in evaluation.slices if part.column == column]
        counted = sum(part.rows for part in parts)
        assert counted == evaluation.rows or evaluation.left_out[column] > 0
        assert all(part.rows >= evaluate.SLICE_ROWS for part in parts)


def test_the_folder_holds_report_numbers_and_plots(trained: SimpleNamespace) -> None:
    folder = trained.evaluation.folder
    stored = json.loads(
        (folder / "evaluation.json").read_text(encoding="utf-8"),
        parse_constant=lambda name: pytest.fail(f"{name} is not JSON"),
    )
    found = trained.evaluation.metrics[trained.evaluation.primary]
    assert stored["metrics"][stored["primary"]]["model"]["value"] == found.model.value
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


def test_the_report_stands_alone_and_says_the_verdict_first(trained: SimpleNamespace) -> None:
    text = (trained.evaluation.folder / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert all(link.startswith(("data:image/png;base64,", "#")) for link in page.links)
    assert not re.search(r"url\(|@import|https?://", text)
    assert text.index(html.escape(sentence(trained.evaluation))) < text.index("<table")
    assert text.count("<img") == len(list(trained.evaluation.folder.glob("*.png")))


def test_permutation_importance_ranks_every_input(trained: SimpleNamespace) -> None:
    importance = trained.evaluation.importance
    assert {one.name for one in importance} == {i.name for i in trained.model.preprocessor.inputs}
    assert [one.mean for one in importance] == sorted((o.mean for o in importance), reverse=True)


def test_the_learning_curve_ends_with_all_training_rows(trained: SimpleNamespace) -> None:
    curve = trained.evaluation.learning
    rows = trained.model.metadata.data.rows.train
    assert curve[-1].rows == min(rows, evaluate.LEARNING_ROWS)
    validation = trained.model.metadata.metrics[trained.evaluation.primary]
    assert curve[-1].model == pytest.approx(validation, rel=0.1)


def test_three_classes_with_hostile_names(project: Project, folder: Path) -> None:
    config = project(three_kinds(), "kind", **{"evaluate.slices": ["place", "maybe"]})
    evaluation = run_all(config)
    assert evaluation.better is True
    assert evaluation.importance[0].name == "Größe $ <i>"
    assert evaluation.importance[0].mean > 0.1
    assert sum(map(sum, evaluation.confusion)) == evaluation.rows
    assert {part.column for part in evaluation.slices} <= {"place", "maybe"}
    text = evaluation.report.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert "script" not in page.tags
    assert "<i>" not in text
    card = (folder / "model_card.md").read_text(encoding="utf-8")
    assert "<script>" not in card


def test_a_number_sliced_by_flags_quarters_and_missing_values(project: Project) -> None:
    random = np.random.default_rng(1)
    size = random.normal(0, 1, 900)
    frame = pl.DataFrame(
        {
            "size": size,
            "flag": random.random(900) < 0.5,
            "gap": pl.Series(np.where(random.random(900) < 0.5, np.nan, size)).fill_nan(None),
            "cost": size * 3 + random.normal(0, 0.1, 900),
        }
    )
    config = project(
        frame, "cost", **{"task": "regression", "evaluate.slices": ["flag", "gap", "size"]}
    )
    evaluation = run_all(config)
    assert evaluation.task == "regression"
    assert {part.value for part in evaluation.slices if part.column == "flag"} <= {"false", "true"}
    assert "(missing)" in {part.value for part in evaluation.slices if part.column == "gap"}
    assert sum(part.rows for part in evaluation.coverage) == evaluation.rows


def test_slices_must_be_inputs(trained: SimpleNamespace) -> None:
    settings = trained.config.evaluate.model_copy(update={"slices": ("no such column",)})
    with pytest.raises(UserError, match=r"evaluate\.slices: 'no such column' is not an input"):
        evaluate.run(trained.config.model_copy(update={"evaluate": settings}))


def test_rows_that_the_version_was_not_trained_for_are_refused(
    project: Project, folder: Path
) -> None:
    config = project(three_kinds(), "kind")
    run_all(config)
    update_yaml(Path("configs/default.yml"), {"split.seed": 7})
    other = load_config(environ={})
    pipeline.run(other)
    with pytest.raises(UserError, match="made from other data or settings"):
        evaluate.run(other)


def test_an_interrupted_evaluation_leaves_the_former_one(
    project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project(three_kinds(), "kind")
    evaluation = run_all(config)
    before = {path.name: path.read_bytes() for path in evaluation.folder.iterdir()}

    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluate, "write_json", fail)
    with pytest.raises(KeyboardInterrupt):
        evaluate.run(config)
    assert {path.name: path.read_bytes() for path in evaluation.folder.iterdir()} == before
    assert [path.name for path in config.paths.artifacts.glob(".*.part")] == []


def test_twice_the_same(project: Project) -> None:
    config = project(three_kinds(), "kind")
    first = run_all(config)
    text = first.report.read_bytes()
    again = evaluate.run(config)
    assert again == first
    assert again.report.read_bytes() == text


def test_lines_for_the_terminal_name_every_metric(trained: SimpleNamespace) -> None:
    lines = list(trained.evaluation.lines())
    assert sum(line.split()[0] in METRICS for line in lines) == len(trained.evaluation.metrics)


def made_up(trained: SimpleNamespace, found: Comparison, **changes: Any) -> Evaluation:
    """Return the real evaluation with another result in the primary metric."""
    evaluation: Evaluation = trained.evaluation
    return replace(evaluation, metrics={evaluation.primary: found}, **changes)


@pytest.mark.parametrize(
    ("difference", "title"),
    [
        (Estimate(0.1, -0.1, 0.3), "Not shown to be better"),
        (Estimate(0.1), "no interval"),
        (Estimate(math.nan), "no interval"),
    ],
)
def test_an_open_verdict_is_called_open(
    trained: SimpleNamespace, difference: Estimate, title: str
) -> None:
    found = Comparison(Estimate(0.6, 0.4, 0.8), Estimate(0.5), difference)
    evaluation = made_up(trained, found)
    assert evaluation.better is None
    page = report.render(evaluation, {}, load_schema(trained.config.paths.schema_))
    assert title in page
    assert "not shown to be better" in sentence(evaluation)


def test_worse_is_called_worse(trained: SimpleNamespace) -> None:
    sign = -1 if METRICS[trained.evaluation.primary].higher_is_better else 1
    gap = Estimate(sign * 0.2, *sorted((sign * 0.1, sign * 0.3)))
    evaluation = made_up(trained, Comparison(Estimate(0.3), Estimate(0.5), gap))
    assert evaluation.better is False
    page = report.render(evaluation, {}, load_schema(trained.config.paths.schema_))
    assert "Worse than the baseline" in page


def test_nothing_defined_is_said_and_no_error(trained: SimpleNamespace) -> None:
    evaluation = replace(trained.evaluation, metrics={}, slices=[], importance=[], learning=[])
    page = report.render(evaluation, {}, load_schema(trained.config.paths.schema_))
    assert "undefined" in page
    assert json.dumps(evaluation.to_json(), allow_nan=False)


def test_a_slice_without_the_metric_is_drawn_and_listed(trained: SimpleNamespace) -> None:
    empty = Slice("carrier", HOSTILE, 40, math.nan, math.nan, {}, False)
    far = {
        trained.evaluation.primary: Comparison(Estimate(1, 0.9, 1.1), Estimate(90), Estimate(-89))
    }
    other = Slice("carrier", "other", 50, 0.1, 0.2, far, True)
    evaluation = replace(trained.evaluation, slices=[empty, other])
    picture = plots.slices(evaluation, "carrier")
    schema = load_schema(trained.config.paths.schema_)
    page = report.render(evaluation, {"slices_1": picture}, schema)
    assert "undefined" in page
    assert "<script" not in page
    assert [part.value for part in evaluation.weak] == ["other"]


def test_many_classes_are_merged_in_the_confusion_matrix(trained: SimpleNamespace) -> None:
    classes = tuple(f"class {number:02}" for number in range(30))
    counts = np.diag(np.arange(1, 31)).tolist()
    evaluation = replace(
        trained.evaluation, classes=classes, confusion=counts, baseline_confusion=counts
    )
    assert plots.confusion(evaluation).startswith(b"\x89PNG")
    table, names = plots._merged(classes, counts)
    assert len(names) == plots.LONGEST_MATRIX
    assert names[-1] == "19 others"
    assert table.sum() == np.sum(counts)


def test_numbers_are_written_with_the_digits_that_count() -> None:
    shown = [shown_number(x) for x in (0.12345, 12.345, 123.45, 12345.6, 0.0, 1e-7, math.nan)]
    assert shown == ["0.123", "12.35", "123.5", "12,346", "0.000", "1.0e-07", "-"]
    assert shown_number(0.5, sign=True) == "+0.500"
    assert shown_interval(Estimate(1, 0.5, 1.5)) == "0.500 to 1.500"
    assert shown_interval(Estimate(1)) == shown_interval(Estimate(1, 1, 1)) == ""


def test_the_version_is_chosen_by_name(trained: SimpleNamespace) -> None:
    with pytest.raises(UserError, match="no such version"):
        evaluate.run(trained.config, "v9.9")
    assert versions(trained.config.paths.models) == [trained.evaluation.version]
