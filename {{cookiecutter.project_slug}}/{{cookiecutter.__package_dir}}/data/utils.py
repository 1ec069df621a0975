"""What reading and counting share: work done ahead, rows as JSON, a hash that never changes."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import polars as pl

T = TypeVar("T")


def ahead(items: Iterable[T], depth: int = 1) -> Iterator[T]:
    """Compute the next `depth` items in another thread while the present one is used."""
    iterator = iter(items)
    end: Any = object()
    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(next, iterator, end) for _ in range(depth)]
        try:
            while (item := waiting.pop(0).result()) is not end:
                waiting.append(pool.submit(next, iterator, end))
                yield item
        finally:
            for future in waiting:
                future.cancel()


def plain_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON takes them: datetimes as texts."""
    return [
        {k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in row.items()}
        for row in frame.iter_rows(named=True)
    ]


def stable_hash(frame: pl.DataFrame, seed: int = 0) -> np.ndarray:
    """Hash each row's content to 64 bits, the same on every machine and in every release.

    Numbers count by value (1 and 1.0 are equal), texts by their UTF-8 bytes, missing by its own
    value. The mixing step is SplitMix64 (Steele, Lea and Flood, 2014).

    Args:
        frame: n rows of numbers, booleans, texts or datetimes.
        seed: Another seed gives independent hashes.

    Returns:
        Array of n uint64.
    """
    total = np.full(frame.height, seed, dtype=np.uint64)
    for column in frame:
        total = _mix(total ^ _column_bits(column))
    return total


def _column_bits(column: pl.Series) -> np.ndarray:
    missing = column.is_null().to_numpy()
    if column.dtype == pl.String:
        distinct = column.unique().drop_nulls().sort()
        table = np.array([_text_bits(text) for text in distinct] or [0], dtype=np.uint64)
        position = column.cast(pl.Enum(distinct)).to_physical().fill_null(0).to_numpy()
        bits = table[position.astype(np.int64)]
    else:
        if column.dtype.is_temporal():
            column = column.cast(pl.Datetime("us")).cast(pl.Int64)
        numbers = column.cast(pl.Float64).fill_null(0.0).to_numpy() + 0.0  # -0.0 becomes 0.0
        bits = np.ascontiguousarray(numbers).view(np.uint64)
    result: np.ndarray = np.where(missing, np.uint64(0x9E3779B97F4A7C15), bits)
    return result


def _text_bits(text: str) -> int:
    from hashlib import blake2b

    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def _mix(x: np.ndarray) -> np.ndarray:
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = x ^ (x >> np.uint64(31))
    return mixed
