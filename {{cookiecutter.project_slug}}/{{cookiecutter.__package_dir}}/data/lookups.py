"""Second tables: a row that comes without some columns finds them by its keys and its time.

Free of data frames, so that the server can use it too. What answers is a module that
`features.lookups` names; a version records how it was asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict

from ..utils.parts import load_part
from .schema import Schema

if TYPE_CHECKING:  # the server reads single rows and does without polars
    import polars as pl


class Lookup(BaseModel):
    """How rows are found in a second table: the latest one of their keys that was known by then."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[str, ...]  # columns of both tables
    time: str  # the column of the raw table that says when a row was known
    delay: timedelta  # from when a value holds to when it is known
    max_age: timedelta | None  # older ones count as missing
    columns: tuple[str, ...]  # what is looked up
    sha256: str  # of the second table, as it was; empty before it is materialized


class UnavailableError(Exception):
    """A second table cannot be read now."""


class LookupStore(Protocol):
    """What `store()` of such a module returns; any thread may call its methods."""

    def lookups(self, schema: Schema) -> dict[str, Lookup]:
        """Return how rows are found in each second table that the schema names.

        Raises:
            UserError: A table is not declared, or does not fit the schema.
        """

    def materialize(self, schema: Schema) -> list[str]:
        """Bring each table to where it is read, whole or not at all; return what was done."""

    def join(self, table: str, lookup: Lookup, rows: "pl.DataFrame") -> "pl.DataFrame":
        """Look up n typed rows that have the keys and the time.

        Returns:
            The looked-up columns, n rows in the same order; null where nothing was known.

        Raises:
            UserError: The table has not been materialized.
        """

    def read(
        self, table: str, lookup: Lookup, keys: Sequence[Any], moment: datetime
    ) -> Sequence[Any] | None:
        """Look up one row: the values that `join` gives, or None where nothing was known.

        Raises:
            UnavailableError: The table is not there, or broken.
        """


@dataclass(frozen=True)
class SecondTables:
    """How rows are completed: what is looked up where, and the store to ask.

    Attributes:
        lookups: By table.
        store: None where nothing is looked up; then rows must bring all columns.
    """

    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    store: LookupStore | None = None

    @property
    def columns(self) -> set[str]:
        """What a row may come without."""
        lookups = self.lookups.values() if self.store is not None else ()
        return {name for lookup in lookups for name in lookup.columns}

    @property
    def needed(self) -> set[str]:
        """What rows are found by: they must bring it, whatever the model sees."""
        return {name for lookup in self.lookups.values() for name in (*lookup.keys, lookup.time)}

    def complete(self, typed: "pl.DataFrame") -> "pl.DataFrame":
        """Add the columns that a typed batch lacks; what it has stays, missing or not."""
        for table, lookup in self.lookups.items():
            names = [name for name in lookup.columns if name not in typed.columns]
            if names and self.store is not None:
                typed = typed.hstack(self.store.join(table, lookup, typed).select(names))
        return typed


def open_store(name: str | None) -> LookupStore | None:
    """Return the store that `features.lookups` names; None where it names none."""
    if name is None:
        return None
    store: LookupStore = load_part(name, "features.lookups").store()
    return store


def second_tables(name: str | None, schema: Schema) -> SecondTables:
    """Return how the rows of a schema are completed.

    Args:
        name: The setting `features.lookups`.
        schema: Its columns with `lookup` name the tables.
    """
    store = open_store(name)
    if store is None or not any(column.lookup for column in schema.columns.values()):
        return SecondTables()
    return SecondTables(store.lookups(schema), store)
