"""The report: one page that stands alone, with its result first."""

import html
import math
import re
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from {{ cookiecutter.package_name }}.data.schema import load_schema
from {{ cookiecutter.package_name }}.reports import html_report, plots
from {{ cookiecutter.package_name }}.reports.results import Evaluation
from {{ cookiecutter.package_name }}.reports.wording import sentence
from {{ cookiecutter.package_name }}.utils.bootstrap import Comparison, Estimate
from {{ cookiecutter.package_name }}.utils.metrics import METRICS

Parse = Callable[[str], SimpleNamespace]
WithPrimary = Callable[[Comparison], Evaluation]


@pytest.fixture
def render(trained: SimpleNamespace) -> Callable[..., str]:
    """The report of an evaluation of the known table."""
    schema = load_schema(trained.config.paths.schema_)
    return lambda evaluation, pictures: html_report.render(evaluation, pictures, schema)


def test_the_report_stands_alone_and_says_the_result_first(
    trained: SimpleNamespace, parse: Parse
) -> None:
    text = (trained.evaluation.folder / "report.html").read_text(encoding="utf-8")
    page = parse(text)
    assert page.open == []
    assert all(link.startswith(("data:image/png;base64,", "#")) for link in page.links)
    assert not re.search(r"url\(|@import|https?://", text)
    assert text.index(html.escape(sentence(trained.evaluation))) < text.index("<table")
    assert text.count("<img") == len(list(trained.evaluation.folder.glob("*.png")))


@pytest.mark.parametrize(
    ("difference", "title"),
    [
        (Estimate(0.1, -0.1, 0.3), "Not shown to be better"),
        (Estimate(0.1), "no interval"),
        (Estimate(math.nan), "no interval"),
    ],
)
def test_an_open_comparison_is_named_open(
    with_primary: WithPrimary, render: Callable[..., str], difference: Estimate, title: str
) -> None:
    comparison = Comparison(Estimate(0.6, 0.4, 0.8), Estimate(0.5), difference)
    assert title in render(with_primary(comparison), {})


def test_worse_is_named_worse(
    trained: SimpleNamespace, with_primary: WithPrimary, render: Callable[..., str]
) -> None:
    sign = -1 if METRICS[trained.evaluation.primary].higher_is_better else 1
    gap = Estimate(sign * 0.2, *sorted((sign * 0.1, sign * 0.3)))
    evaluation = with_primary(Comparison(Estimate(0.3), Estimate(0.5), gap))
    assert evaluation.is_better is False
    assert "Worse than the baseline" in render(evaluation, {})


def test_nothing_defined_is_told_and_no_error(
    trained: SimpleNamespace, render: Callable[..., str]
) -> None:
    evaluation = replace(trained.evaluation, metrics={}, slices=[], importance=[], learning=[])
    assert "undefined" in render(evaluation, {})


def test_a_slice_without_the_metric_is_listed(
    odd_slices: Evaluation, render: Callable[..., str]
) -> None:
    page = render(odd_slices, {"slices_1": plots.slices(odd_slices, "carrier")})
    assert "undefined" in page
    assert "<script" not in page
