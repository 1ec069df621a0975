"""The benchmarks' command line answers; tests/slow/test_benchmarks.py runs it on a small table."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.baking import ROOT


def test_help_names_every_benchmark() -> None:
    command = [sys.executable, str(ROOT / "benchmarks/run.py"), "--help"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for name in ("preprocess", "train", "predict", "render", "startup", "serve"):
        assert name in said
    for name in ("--rows", "--data", "--peers", "--seconds"):
        assert name in said


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere `serve` stops before it needs wrk")
def test_without_wrk_serve_says_how_to_get_it(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks/run.py"), "serve", "--build", str(tmp_path)]
    done = subprocess.run(command, env={"PATH": ""}, capture_output=True, text=True)
    assert done.returncode == 1
    assert "apt-get install wrk" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("value", "limits", "expected"),
    [
        (1.1, {"at_most": 1.1}, ["<= 1.1x", "met"]),
        (1.2, {"at_most": 1.1}, ["<= 1.1x", "missed"]),
        (1.1, {"at_least": 1.1}, [">= 1.1x", "met"]),
        (1.0, {"at_least": 1.1}, [">= 1.1x", "missed"]),
        (1.2, {"at_least": 1.1, "invalid": "3 errors"}, [">= 1.1x", "invalid: 3 errors"]),
        (1.2, {}, ["", ""]),
    ],
)
def test_verdicts(
    value: float,
    limits: dict[str, object],
    expected: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    bench = importlib.import_module("bench").Bench(
        build=tmp_path,
        rows=[],
        repeat=1,
        data=None,
        pandas=False,
        peers=False,
        seconds=1,
        project=tmp_path,
        python=tmp_path,
        given=True,
    )
    bench.check("what", value, **limits)
    assert bench.ratios[0][2:] == expected
