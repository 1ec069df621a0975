"""Second tables by entity and time: offline in parquet, online in SQLite.

configs/features.yml declares them, and columns with `lookup` in the schema are found in them. Both
stores answer as of a row's time: the latest value of its keys that was known by then, if it is not
too old. So training never sees what a request could not have seen.
"""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..data.lookups import Lookup
from ..data.schema import Schema
from ..errors import UserError
from .feature_settings import PATH, Settings, Table, check_table, load_settings, looked_up
from .online_store import TIME, OnlineStore

if TYPE_CHECKING:  # the server reads single rows and does without polars
    import polars as pl

AS_OF, ROW = "__as_of", "__row"
READY = "ready"


def store() -> "FeatureStore":
    """Return the store; `features.lookups` names this module."""
    return FeatureStore(load_settings())


class TableStatus(NamedTuple):
    """How a second table stands."""

    rows: int
    newest: str
    state: str

    @property
    def is_ready(self) -> bool:
        """Whether both stores can be read, and agree."""
        return self.state == READY


class FeatureStore:
    """Reads and writes the second tables; see `LookupStore` for what each method promises."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.online = OnlineStore(settings.folder / "online.db")
        self._offline: dict[str, tuple[tuple[int, int], pl.DataFrame]] = {}

    def lookups(self, schema: Schema) -> dict[str, Lookup]:
        """Return how rows are found in each second table that the schema names."""
        found = {}
        for name, columns in looked_up(schema).items():
            table = self._table(name)
            check_table(name, table, schema)
            assert schema.time is not None
            found[name] = Lookup(
                keys=table.keys,
                time=schema.time,
                delay=table.delay,
                max_age=table.max_age,
                columns=columns,
                sha256=self._written(name),
            )
        return found

    def materialize(self, schema: Schema) -> list[str]:
        """Bring each table to both stores; one that is as it was costs its checksum only."""
        from .materialize import materialize

        self.lookups(schema)  # refuses what is wrong before anything is fetched
        return [
            materialize(self.path(name), self.online, name, self._table(name), schema, columns)
            for name, columns in looked_up(schema).items()
        ]

    def join(self, table: str, lookup: Lookup, rows: "pl.DataFrame") -> "pl.DataFrame":
        """Look up n typed rows in the offline store."""
        import polars as pl

        right = self._read_offline(table)
        if missing := [name for name in lookup.columns if name not in right.columns]:
            raise UserError(f"{self.path(table)} lacks {', '.join(missing)}: run `ingest` again")
        left = rows.select(
            *lookup.keys, (pl.col(lookup.time) - lookup.delay).alias(AS_OF)
        ).with_row_index(ROW)
        found = (
            left.drop_nulls()
            .sort(AS_OF)
            .join_asof(
                right.select(*lookup.keys, TIME, *lookup.columns),
                left_on=AS_OF,
                right_on=TIME,
                by=list(lookup.keys),
                strategy="backward",
                tolerance=lookup.max_age,
                check_sortedness=False,  # of each key it is: `materialize` sorts by time
            )
        )
        whole = left.select(ROW).join(found, on=ROW, how="left", maintain_order="left")
        return whole.select(lookup.columns)

    def read(
        self, table: str, lookup: Lookup, keys: Sequence[Any], moment: datetime
    ) -> Sequence[Any] | None:
        """Look up one row in the online store."""
        return self.online.read(table, lookup, keys, moment)

    def status(self, schema: Schema) -> dict[str, "TableStatus"]:
        """Return how far each second table reaches, and whether both stores have the same."""
        import polars as pl

        found = {}
        for name, lookup in self.lookups(schema).items():
            if not lookup.sha256:
                found[name] = TableStatus(0, "", "not there yet")
                continue
            rows, newest = (
                pl.scan_parquet(self.path(name))
                .select(pl.len(), pl.col(TIME).max())
                .collect()
                .row(0)
            )
            same = self.online.sha256(name) == lookup.sha256
            found[name] = TableStatus(
                rows, f"{newest:%Y-%m-%d %H:%M}", READY if same else "not the same online"
            )
        return found

    def path(self, table: str) -> Path:
        """Return where a table is offline."""
        return self.settings.folder / f"{table}.parquet"

    def _table(self, name: str) -> Table:
        if name not in self.settings.tables:
            known = ", ".join(self.settings.tables) or "none"
            raise UserError(f"lookup: {PATH} has no table {name!r} (it has: {known})", 2)
        return self.settings.tables[name]

    def _written(self, name: str) -> str:
        """Return the SHA-256 of what a table was made from; empty where it is not there."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            metadata = pq.read_schema(self.path(name)).metadata or {}
        except (OSError, pa.ArrowInvalid):
            return ""
        return str(metadata.get(b"source_sha256", b"").decode())

    def _read_offline(self, name: str) -> "pl.DataFrame":
        """Read a table, once as long as its file is the same."""
        import polars as pl

        path = self.path(name)
        try:
            status = os.stat(path)
        except FileNotFoundError:
            raise UserError(f"{path} is not there yet: run `ingest` first") from None
        state = status.st_mtime_ns, status.st_size
        if name not in self._offline or self._offline[name][0] != state:
            self._offline[name] = state, pl.read_parquet(path, memory_map=False)
        return self._offline[name][1]
