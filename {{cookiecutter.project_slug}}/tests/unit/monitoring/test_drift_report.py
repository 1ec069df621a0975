from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from {{ cookiecutter.package_name }}.monitoring.comparison import Comparison, compare
from {{ cookiecutter.package_name }}.monitoring.drift_report import lines, render, verdict
from {{ cookiecutter.package_name }}.monitoring.settings import Drift

HOSTILE = "</td><script>alert(1)</script>"


@pytest.fixture
def comparison(watched: SimpleNamespace) -> Comparison:
    """All rows in one bin."""
    reference = watched.reference
    counts = [np.eye(len(one.counts), dtype=np.int64)[0] * 900 for one in reference.watched]
    fine = [np.array(one.fine_counts) for one in reference.watched]
    return compare("v0.1", HOSTILE, reference, Drift(), (900, 3, counts, fine))


def test_causes_are_ranked_and_said(comparison: Comparison) -> None:
    said = lines(comparison)
    assert f"{len(comparison.drifted)} of {len(comparison.watched)}" in said[0]
    assert said[1].startswith(f"{comparison.watched[0].role} {comparison.watched[0].name}: PSI")
    assert "100.0% instead of" in said[1]


def test_the_page_is_whole_and_safe(comparison: Comparison, parse: Callable[[str], Any]) -> None:
    page = render(comparison)
    parsed = parse(page)
    assert not parsed.open
    assert not parsed.links, "nothing is loaded from elsewhere"
    assert "script" not in parsed.tags
    for one in comparison.watched:
        assert f"<td>{one.name} " in page
    assert "3 rows cannot be predicted" in page


def test_verdicts(comparison: Comparison) -> None:
    assert "too few rows" in verdict(replace(comparison, rows=3))
    assert verdict(replace(comparison, watched=())) == "no drift"
    quiet = replace(comparison, watched=(replace(comparison.watched[0], has_drifted=False),))
    assert "What has moved most" in render(quiet)
