"""The benchmarks' command line answers; tests/slow/test_benchmarks.py runs it on a small table."""

import subprocess
import sys

from tests.baking import ROOT


def test_help_names_every_benchmark() -> None:
    command = [sys.executable, str(ROOT / "benchmarks/run.py"), "--help"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for name in ("preprocess", "train", "predict", "render", "startup", "--rows", "--data"):
        assert name in said
