"""Slices: every row is in one, or it is told how many were left out."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from {{ cookiecutter.package_name }} import cli
from {{ cookiecutter.package_name }}.config import Config, Evaluate
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import slices
from {{ cookiecutter.package_name }}.reports.results import Evaluation, Slice
from {{ cookiecutter.package_name }}.utils.bootstrap import Comparison, Estimate
from {{ cookiecutter.package_name }}.utils.metrics import METRICS, PRIMARY
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml
from {{ cookiecutter.package_name }}.workflows import evaluation as evaluating


def test_slices_cover_the_test_rows_or_say_what_is_left_out(trained: SimpleNamespace) -> None:
    evaluation = trained.evaluation
    for column in trained.config.evaluate.slices:
        parts = [part for part in evaluation.slices if part.column == column]
        counted = sum(part.rows for part in parts)
        assert counted == evaluation.rows or evaluation.left_out[column] > 0
        assert all(part.rows >= slices.SLICE_ROWS for part in parts)


@pytest.mark.slow
def test_a_number_sliced_by_flags_quarters_and_missing_values(
    project: Callable[..., Config], run_all: Callable[[Config], Evaluation]
) -> None:
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
        evaluating.run(trained.config.model_copy(update={"evaluate": settings}))


def part(value: str, rows: int, metric: str, *estimate: float) -> Slice:
    none = Estimate(math.nan)
    compared = {metric: Comparison(Estimate(*estimate), none, none)} if estimate else {}
    return Slice("team", value, rows, 0.5, 0.5, compared, False)


@pytest.mark.parametrize(
    ("task", "kind", "limit", "sign"),
    [("classification", "floor", 0.6, 1), ("regression", "ceiling", 12.0, -1)],
)
def test_a_slice_fails_where_all_of_its_interval_is_beyond(
    task: str, kind: str, limit: float, sign: int
) -> None:
    """Lower is worse for a score, higher for a loss."""
    metric = PRIMARY[task][0]

    def around(value: float) -> tuple[float, float, float]:
        return value, value - 0.05, value + 0.05

    parts = [
        part("beyond", 100, metric, *around(limit - sign * 0.06)),
        part("far beyond", 100, metric, *around(limit - sign * 0.3)),
        part("in doubt", 100, metric, *around(limit - sign * 0.04)),
        part("fine", 100, metric, *around(limit + sign * 0.3)),
        part("too few rows", 99, metric, *around(limit - sign * 0.3)),
        part("no interval", 100, metric, limit - sign * 0.3),
        part("undefined", 100, metric),
    ]
    settings = Evaluate.model_validate({f"slice_{kind}": limit, "slices": ["team"]})
    held = slices.hold_to_limit(parts, settings, task)
    assert held is not None
    assert (held.kind, held.metric, held.slices) == (kind, metric, 5)
    assert [one.value for one in held.failed] == ["far beyond", "beyond"]
    said = held.message("min")
    assert f"evaluate.slice_{kind}" in said
    wrong = f"below the floor of {limit:g}" if sign > 0 else f"above the ceiling of {limit:g} min"
    assert f"{METRICS[metric].label} is {wrong} beyond doubt in 2 of 5 slices" in said
    assert "\n  team = beyond: " in said
    assert said.endswith("), 100 rows")
    assert slices.hold_to_limit(parts, Evaluate(), task) is None


@pytest.mark.parametrize(
    ("task", "settings", "message"),
    [
        ("regression", {"slice_floor": 0.6}, "less is better: set evaluate.slice_ceiling"),
        ("classification", {"slice_ceiling": 3}, "more is better: set evaluate.slice_floor"),
        ("classification", {"slice_floor": 0.6}, "name columns in evaluate.slices"),
        ("regression", {"slice_ceiling": 1, "slices": ["a"], "bootstrap": 0}, "set such as 500"),
    ],
)
def test_a_limit_that_says_nothing_is_refused(
    task: str, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message) as refused:
        slices.check_limit(Evaluate.model_validate(settings), task)
    assert refused.value.code == 2


def test_evaluate_and_all_stop_at_a_slice_beyond_the_limit(
    untrained: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, limit = ("ceiling", 0.001) if untrained.task == "regression" else ("floor", 0.999)
    changes = {f"evaluate.slice_{kind}": limit, "evaluate.slice_rows": 30}
    update_yaml(Path("configs/default.yml"), {**changes, "evaluate.slices": ["kind"]})
    for command in ("all", "evaluate"):
        monkeypatch.setattr("sys.argv", ["project", command])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert stopped.value.code == 1
        said = capsys.readouterr().err
        assert f"evaluate.slice_{kind}):\n  kind = " in said
    folder = untrained.paths.artifacts / "v0.1"
    stored = json.loads((folder / "evaluation.json").read_text("utf-8"))["slice_limit"]
    assert stored["failed"]
    assert (stored["kind"], stored["limit"]) == (kind, limit)
    for page in (folder / "report.html", Path("model_card.md")):
        assert f"evaluate.slice_{kind}" in page.read_text("utf-8").replace("\\", "")
    assert not (untrained.paths.models / "champion.json").exists()
