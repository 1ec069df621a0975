"""The measures against SciPy's, and against what chance really does."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from {{ cookiecutter.package_name }}.monitoring.measures import (
    chance,
    chi_squared_tail,
    chi_squared_test,
    critical_psi,
    ks_test,
    psi,
    shares,
)

COUNTS = st.lists(st.integers(0, 10_000), min_size=2, max_size=20)


@given(COUNTS)
def test_shares_add_up_and_none_is_0(counts: list[int]) -> None:
    found = shares(counts)
    assert found.sum() == pytest.approx(1)
    assert (found > 0).all()


@given(COUNTS, st.randoms(use_true_random=False))
def test_psi_is_0_for_equals_and_the_same_both_ways(counts: list[int], draw: object) -> None:
    other = counts[::-1]
    assert psi(counts, counts) == 0
    assert psi(counts, other) == pytest.approx(psi(other, counts))
    assert psi(counts, other) >= 0


def test_psi_of_a_known_case() -> None:
    seen, reference = [200_000, 800_000], [500_000, 500_000]
    assert psi(seen, reference) == pytest.approx(0.3 * math.log(4), abs=1e-4)


@pytest.mark.parametrize("bins", [4, 6, 12, 22])
@pytest.mark.parametrize("share", [0.05, 1e-3, 1e-5])
def test_chance_is_the_chi_squared_distribution(bins: int, share: float) -> None:
    exact = stats.chi2.isf(share, bins - 1)
    assert 0.97 * exact <= chance(bins, share) <= 1.06 * exact


@pytest.mark.parametrize("statistic", [1.0, 8.0, 25.0])
def test_the_tail_is_the_chi_squared_distribution(statistic: float) -> None:
    expected = stats.chi2.sf(statistic, 9)
    assert chi_squared_tail(statistic, 9) == pytest.approx(expected, abs=0.003)


def test_the_test_of_two_samples_is_that_of_their_table() -> None:
    seen, reference = [30, 50, 0, 20], [400, 300, 0, 300]
    expected = stats.chi2_contingency([[30, 50, 20], [400, 300, 300]], correction=False)
    statistic, p = chi_squared_test(seen, reference)
    assert statistic == pytest.approx(expected.statistic)
    assert p == pytest.approx(expected.pvalue, abs=1e-3)


def test_ks_is_that_of_the_values() -> None:
    draw = np.random.default_rng(0)
    a, b = draw.integers(0, 50, 400), draw.integers(5, 55, 900)
    expected = stats.ks_2samp(a, b, method="asymp")
    distance, p = ks_test(np.bincount(a, minlength=55), np.bincount(b, minlength=55))
    assert distance == pytest.approx(expected.statistic)
    assert p == pytest.approx(expected.pvalue, rel=0.3)
    assert ks_test([5, 5], [50, 50]) == (0, 1)


def test_nothing_seen_is_no_difference() -> None:
    assert chi_squared_test([0, 0], [5, 5]) == (0, 1)
    assert ks_test([0, 0], [5, 5]) == (0, 1)


@pytest.mark.parametrize("n", [500, 2_000])
def test_chance_alone_stays_below_what_is_critical(n: int) -> None:
    """10,000 windows without drift: one in a thousand is allowed, and no floor helps."""
    draw = np.random.default_rng(1)
    true = np.array([0.3, 0.2, 0.2, 0.1, 0.08, 0.06, 0.04, 0.02])
    reference = draw.multinomial(3_000, true)
    limit = critical_psi(chance(len(true), 0.001), n, 3_000, 0)
    over = sum(
        psi(draw.multinomial(n, true), draw.multinomial(3_000, true)) > limit for _ in range(10_000)
    )
    assert over <= 30
    assert psi(draw.multinomial(n, true[::-1]), reference) > limit
    assert critical_psi(chance(len(true), 0.001), 10**9, 10**9, 0.1) == 0.1
