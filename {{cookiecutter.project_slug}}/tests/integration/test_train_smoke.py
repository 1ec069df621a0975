"""The whole way, by the commands a person types: for a known table and for this project."""

import json
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from typer.testing import CliRunner

from {{ cookiecutter.package_name }}.cli import app
from {{ cookiecutter.package_name }}.config import Config


def test_model_beats_its_baseline(trained: SimpleNamespace) -> None:
    metadata = trained.model.metadata
    metric = "log_loss" if trained.model.preprocessor.classes else "mae"
    assert metadata.metrics[metric] < metadata.baseline.metrics[metric]


def test_golden_rows_predict_what_was_recorded(trained: SimpleNamespace) -> None:
    from {{ cookiecutter.package_name }}.data.checks import cast

    model = trained.model
    golden = model.metadata.golden
    typed, failed = cast(pl.DataFrame([entry.row for entry in golden]), model.preprocessor.columns)
    assert not failed
    predicted = model.predictor.predict_frame(typed)
    for entry, value in zip(golden, predicted.reshape(len(golden), -1), strict=True):
        assert value.tolist() == pytest.approx(entry.prediction, abs=1e-6)


def test_report_stands_alone(own: SimpleNamespace) -> None:
    folder = own.config.paths.artifacts / "v0.1"
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in html
    assert 'src="http' not in html
    assert 'href="http' not in html
    assert json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))


def test_commands_say_what_comes_next(untrained: Config) -> None:
    raw = untrained.paths.raw / untrained.data.file_name
    for arguments in (
        ["ingest"],
        ["preprocess"],
        ["train"],
        ["evaluate"],
        ["models", "promote"],
        ["predict", str(raw), "--out", "predictions.csv"],
    ):
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        expected = {"models": "v0.1: promote", "predict": "rows predicted by v0.1"}
        assert expected.get(arguments[0], "Next: ") in result.output
    assert Path("model_card.md").is_file()
    assert Path("predictions.csv").is_file()


def test_this_project_goes_all_the_way(own_untrained: Config) -> None:
    """Whether its model is good is for its data to say, not for its tests."""
    for arguments in (
        ["all"],
        ["models", "promote", "--force"],
        ["predict", own_untrained.data.source, "--out", "predictions.csv"],
    ):
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    predicted = pl.read_csv("predictions.csv", infer_schema=False)
    assert predicted.height == pl.read_csv("own.csv", infer_schema=False).height
    assert predicted["prediction"].null_count() == 0
