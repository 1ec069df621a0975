"""Every benchmark runs on a small table (its figures mean nothing there)."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.baking import ROOT
from tests.slow.projects import Installer, run

TO_PARQUET = """
import sys, polars
table = polars.read_csv(sys.argv[1], try_parse_dates=True, infer_schema_length=None)
table.write_parquet(sys.argv[2])
"""
WITHOUT_WRK = (
    "preprocess train predict render startup gate leaks lookups drift tracking quality".split()
)


def why_no_wrk() -> str:
    """Return why `serve` cannot be measured, or an empty text; root on Debian can install wrk."""
    if sys.platform != "linux":
        return "it needs Linux"
    said = "this is not root on Debian"
    if shutil.which("wrk") is None and os.geteuid() == 0 and shutil.which("apt-get") is not None:
        for words in (["update"], ["install", "--yes", "wrk"]):
            done = subprocess.run(["apt-get", *words], capture_output=True, text=True)
            said = done.stderr[-500:]
    return "" if shutil.which("wrk") else f"wrk is missing and cannot be installed: {said}"


def test_benchmarks_run(installed: Installer, tmp_path: Path) -> None:
    project, python = installed({}), installed.bin / "python"
    (tmp_path / "tables").mkdir()
    table = tmp_path / "tables/8000.parquet"
    run(python, "-c", TO_PARQUET, project / "data/external/flights.csv", table, cwd=project)
    where = ("--project", project, "--python", python, "--build", tmp_path)
    options = ("--rows", "8000", "--repeat", "1", "--no-pandas", "--seconds", "1")
    reason = why_no_wrk()
    seen = set()
    for name in WITHOUT_WRK if reason else ("all",):
        run(sys.executable, ROOT / "benchmarks/run.py", name, *where, *options, cwd=tmp_path)
        results = json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
        assert not [figure for figure in results["ratios"] if "invalid" in figure[3]]
        seen |= {figure.split(",")[0].split(":")[0] for figure, *_ in results["ratios"]}
    if reason:
        assert seen == set(WITHOUT_WRK)
        pytest.skip(f"all benchmarks ran except `serve`: {reason}")
    assert seen == {*WITHOUT_WRK, "serve"}
