"""Requests that leave out what a second table has: each row gets it by its keys and its time."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import UNSET

from ..data.lookups import Lookup, LookupStore, SecondTables, UnavailableError

Row = dict[str, Any]
Count = Callable[[str, str], None]
FOUND, MISSING, UNAVAILABLE = "found", "missing", "unavailable"
RULES = {
    MISSING: "nothing is known for this row; what it has counts as missing",
    UNAVAILABLE: "cannot be read now; what it has counts as missing",
}


def fill_absent(
    second: SecondTables, rows: Sequence[Row], count: Count
) -> dict[int, list[dict[str, str]]]:
    """Look up what rows leave out, and write it into them; what is not found becomes None.

    Args:
        second: The second tables of the version that predicts.
        rows: n rows as `RequestSchema.read` gives them.
        count: Is told a table and an outcome for each row that is looked up.

    Returns:
        Warnings by the position of their row, where nothing was found.
    """
    warnings: dict[int, list[dict[str, str]]] = {}
    if second.store is None:
        return warnings
    for table, lookup in second.lookups.items():
        for i, row in enumerate(rows):
            if UNSET not in map(row.get, lookup.columns):
                continue
            values, outcome = _find(second.store, table, lookup, row)
            count(table, outcome)
            for name, value in zip(lookup.columns, values, strict=True):
                if row[name] is UNSET:
                    row[name] = value
            if outcome != FOUND:
                warnings.setdefault(i, []).append({"field": table, "rule": RULES[outcome]})
    return warnings


def _find(store: LookupStore, table: str, lookup: Lookup, row: Row) -> tuple[Sequence[Any], str]:
    nothing = [None] * len(lookup.columns)
    keys = [row[name] for name in lookup.keys]
    if row[lookup.time] is None or None in keys:
        return nothing, MISSING
    try:
        found = store.read(table, lookup, keys, row[lookup.time])
    except UnavailableError:
        return nothing, UNAVAILABLE
    return (nothing, MISSING) if found is None else (found, FOUND)
