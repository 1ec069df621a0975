"""The second tables for single rows: one SQLite file, read while it is written (WAL).

Each table has its keys, the time from which a row holds, and its values; a look-up is one step
down the primary key's tree.
"""

import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from ..data.lookups import Lookup, UnavailableError

log = logging.getLogger(__name__)

TABLES = "__tables"
TIME = "__time"
READERS: dict[str, Callable[[Any], Any]] = {"boolean": bool, "datetime": datetime.fromisoformat}
"""What SQLite has no type for."""


class OnlineStore:
    """Reads single rows from any thread or process; one process at a time writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._failed = ""

    def read(
        self, table: str, lookup: Lookup, keys: Sequence[Any], moment: datetime
    ) -> list[Any] | None:
        """Return the latest values that were known of an entity at a moment.

        Args:
            table: The table.
            lookup: How it is asked.
            keys: The entity's keys, in the lookup's order.
            moment: A row's time, without an offset.

        Returns:
            The values of `lookup.columns`; None where there are none, or they are too old.

        Raises:
            UnavailableError: The file is not there, or cannot be read.
        """
        try:
            as_of = moment - lookup.delay
            oldest = datetime.min if lookup.max_age is None else as_of - lookup.max_age
        except OverflowError:
            return None
        try:
            connection, kinds = self._open()
            # With `t.` a column that is not there is an error; without, SQLite takes it for a text.
            names = ", ".join(f"t.{_quoted(name)}" for name in lookup.columns)
            entity = "".join(f"t.{_quoted(name)} = ? AND " for name in lookup.keys)
            found = connection.execute(
                f"SELECT {names} FROM {_quoted(table)} AS t WHERE {entity}"
                f"t.{TIME} BETWEEN ? AND ? ORDER BY t.{TIME} DESC LIMIT 1",
                (*keys, _text(oldest), _text(as_of)),
            ).fetchone()
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            if self._failed != reason:  # once, not for each request
                self._failed = reason
                log.error("%s: %s", self.path, reason)
            raise UnavailableError(reason) from None
        if found is None:
            return None
        special = kinds.get(table, {})
        return [
            READERS[special[name]](value) if name in special and value is not None else value
            for name, value in zip(lookup.columns, found, strict=True)
        ]

    def write(
        self,
        table: str,
        keys: Sequence[str],
        columns: Mapping[str, str],
        rows: Sequence[Sequence[Any]],
        sha256: str,
    ) -> int:
        """Make a table equal to some rows, in one transaction.

        Args:
            table: The table.
            keys: Its keys.
            columns: Its values with their types.
            rows: n rows of keys, time and values; moments as texts.
            sha256: Of what they were made from.

        Returns:
            How many rows were not there before, or had other values.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        names = [*keys, TIME, *columns]
        shape = f"({', '.join(map(_quoted, names))}, PRIMARY KEY ({_list([*keys, TIME])}))"
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            run = connection.execute
            run("PRAGMA journal_mode = WAL")
            run("BEGIN IMMEDIATE")
            run(f"CREATE TABLE IF NOT EXISTS {TABLES} (name PRIMARY KEY, types, sha256)")
            there = [row[1] for row in run(f"PRAGMA table_info({_quoted(table)})")]
            if there and there != names:
                run(f"DROP TABLE {_quoted(table)}")
            run(f"CREATE TABLE IF NOT EXISTS {_quoted(table)} {shape} WITHOUT ROWID")
            run(f"CREATE TEMP TABLE incoming {shape} WITHOUT ROWID")
            marks = ", ".join("?" * len(names))
            connection.executemany(f"INSERT INTO incoming VALUES ({marks})", rows)
            same = " AND ".join(f"i.{_quoted(one)} = t.{_quoted(one)}" for one in [*keys, TIME])
            run(
                f"DELETE FROM {_quoted(table)} AS t "
                f"WHERE NOT EXISTS (SELECT 1 FROM incoming AS i WHERE {same})"
            )
            changed = run(
                f"INSERT OR REPLACE INTO {_quoted(table)} "
                f"SELECT * FROM incoming EXCEPT SELECT * FROM {_quoted(table)}"
            ).rowcount
            special = {name: kind for name, kind in columns.items() if kind in READERS}
            run(
                f"INSERT OR REPLACE INTO {TABLES} VALUES (?, ?, ?)",
                (table, json.dumps(special), sha256),
            )
            run("COMMIT")
            run("PRAGMA wal_checkpoint(TRUNCATE)")  # so that the file alone is the whole
        return changed

    def sha256(self, table: str) -> str:
        """Return what a table was made from; empty where it is not there."""
        try:
            self._open()
            return str(self._local.sha256.get(table, ""))
        except (OSError, sqlite3.Error):
            return ""

    def _open(self) -> tuple[sqlite3.Connection, dict[str, dict[str, str]]]:
        """Return this thread's connection to the file that is there now, and special types."""
        status = os.stat(self.path)
        identity = status.st_ino, status.st_mtime_ns, os.getpid()
        local = self._local
        if getattr(local, "identity", None) != identity:
            if (former := getattr(local, "connection", None)) is not None:
                former.close()
            # Where nothing can be written, as on a read-only mount, there is no WAL to follow.
            mode = "mode=ro" if os.access(self.path.parent, os.W_OK) else "immutable=1"
            local.connection = sqlite3.connect(
                f"{self.path.resolve().as_uri()}?{mode}", uri=True, check_same_thread=False
            )
            known = local.connection.execute(f"SELECT name, types, sha256 FROM {TABLES}").fetchall()
            local.kinds = {name: json.loads(types) for name, types, _ in known}
            local.sha256 = {name: digest for name, _, digest in known}
            local.identity = identity
            self._failed = ""
        return local.connection, local.kinds


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names))


def _text(moment: datetime) -> str:
    return moment.isoformat(" ", "microseconds")
