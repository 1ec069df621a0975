from types import SimpleNamespace

import numpy as np

from {{ cookiecutter.package_name }}.monitoring.comparison import Comparison, compare
from {{ cookiecutter.package_name }}.monitoring.settings import Drift


def compared(watched: SimpleNamespace, change: str = "", rows: float = 1) -> Comparison:
    """The reference against itself, with one of the watched turned round."""
    reference = watched.reference
    counts = [np.array(one.counts) // round(1 / rows) for one in reference.watched]
    fine = [np.array(one.fine_counts) for one in reference.watched]
    for i, one in enumerate(reference.watched):
        if one.name == change:
            counts[i] = np.eye(len(counts[i]), dtype=np.int64)[0] * counts[i].sum()
            fine[i] = np.eye(len(fine[i]), dtype=np.int64)[0] * fine[i].sum()
    counted = (int(reference.rows * rows), 0, counts, fine)
    return compare("v0.1", "table.csv", reference, Drift(minimum_rows=100), counted)


def test_the_reference_has_not_drifted_from_itself(watched: SimpleNamespace) -> None:
    found = compared(watched)
    assert not found.drifted
    assert all(one.psi == 0 and one.chi_squared_p > 0.9 for one in found.watched)


def test_what_has_moved_comes_first(watched: SimpleNamespace) -> None:
    found = compared(watched, "size")
    (cause,) = found.drifted
    assert found.watched[0] is cause
    assert cause.name == "size"
    assert cause.moved == 0
    assert cause.chi_squared_p < 1e-6
    assert cause.ks_p is not None
    assert cause.ks_p < 1e-6


def test_too_few_rows_tell_nothing(watched: SimpleNamespace) -> None:
    found = compared(watched, "size", rows=0.1)
    assert found.watched[0].psi > found.watched[0].critical
    assert not found.is_enough
    assert not found.drifted
