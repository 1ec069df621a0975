"""Samples and counts: the same whatever the batches, and bounded."""

from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.data import statistics
from {{ cookiecutter.package_name }}.data.statistics import Counter, Sample


@settings(max_examples=100)
@given(cuts=st.lists(st.integers(1, 999), max_size=4, unique=True))
def test_sample_does_not_depend_on_batches(cuts: list[int]) -> None:
    frame = pl.DataFrame({"v": range(1000)})
    whole = Sample(size=50)
    whole.add(frame, frame["v"])
    parts = []
    edges = [0, *sorted(cuts), 1000]
    pieces = Sample(size=50)
    for start, end in pairwise(edges):
        piece = frame.slice(start, end - start)
        pieces.add(piece, piece["v"])
        part = Sample(size=50)
        part.add(piece, piece["v"])
        parts.append(part)
    merged = parts[0]
    for part in parts[1:]:
        merged.merge(part)
    assert whole.frame().equals(pieces.frame())
    assert whole.frame().equals(merged.frame())


def test_counter_is_bounded_and_keeps_the_frequent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "COUNTER_LIMIT", 100)
    counter = Counter()
    for start in range(0, 1000, 50):
        rare = [f"rare{i}" for i in range(start, start + 50)]
        counter.add(pl.Series("c", rare + ["often"] * 5 + [None]))
    assert len(counter.counts) <= 100
    assert counter.most_common(1) == ("often",)
