from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from typer.testing import CliRunner

from {{ cookiecutter.package_name }}.cli import app
from {{ cookiecutter.package_name }}.config import DEFAULT
from {{ cookiecutter.package_name }}.monitoring.rules import PATH, rules
from {{ cookiecutter.package_name }}.monitoring.settings import Monitoring


@pytest.fixture
def config(watched: SimpleNamespace, folder: Path) -> Path:
    """A configuration file of the watched version."""
    # JSON is YAML.
    DEFAULT.write_text(watched.config.model_dump_json(by_alias=True), encoding="utf-8")
    return DEFAULT


def test_drift_ends_with_1_where_there_is_some(
    watched: SimpleNamespace, config: Path, tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, ["drift", str(watched.table)])
    assert done.exit_code in (0, 1), done.output
    assert "report: " in done.output
    rows = pl.read_csv(watched.table, infer_schema=False)
    rows.with_columns(kind=pl.lit("rough")).write_csv(tmp_path / "rough.csv")
    done = CliRunner().invoke(app, ["drift", "rough.csv"])
    assert done.exit_code == 1, done.output
    assert "input kind: PSI" in done.output


def test_rules_are_written(folder: Path) -> None:
    done = CliRunner().invoke(app, ["monitoring", "rules"])
    assert done.exit_code == 0, done.output
    assert (folder / PATH).read_text(encoding="utf-8") == rules(Monitoring())
