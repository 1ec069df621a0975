"""Every benchmark runs on a small table (its figures mean nothing there)."""

import json
import sys
from pathlib import Path

from tests.baking import ROOT
from tests.slow.projects import Installer, run

TO_PARQUET = """
import sys, polars
table = polars.read_csv(sys.argv[1], try_parse_dates=True, infer_schema_length=None)
table.write_parquet(sys.argv[2])
"""


def test_benchmarks_run(installed: Installer, tmp_path: Path) -> None:
    project, python = installed({}), installed.bin / "python"
    (tmp_path / "tables").mkdir()
    table = tmp_path / "tables/8000.parquet"
    run(python, "-c", TO_PARQUET, project / "data/external/flights.csv", table, cwd=project)
    where = ("--project", project, "--python", python, "--build", tmp_path)
    options = ("--rows", "8000", "--repeat", "1", "--no-pandas")
    run(sys.executable, ROOT / "benchmarks/run.py", "all", *where, *options, cwd=tmp_path)
    results = json.loads((tmp_path / "all.json").read_text("utf-8"))
    seen = {figure.split(",")[0].split(":")[0] for figure, *_ in results["ratios"]}
    assert seen == {"preprocess", "train", "predict", "render", "startup"}
