"""Bring the raw table in: from anywhere, checked, whole or not at all, never changed again."""

import hashlib
import json
import logging
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ..config import Config
from ..errors import UserError
from ..scale.engine import open_engine
from ..utils.files import ANY, sha256, temporary_folder, write_json
from . import tables
from .checks import validate
from .download import fetch, members, without_secrets
from .lookups import second_tables
from .parts import WHOLE, files_of, is_parquet, named_files
from .schema import Schema, load_schema
from .violations import Violations

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RawFile:
    """One of a table's files."""

    name: str  # in the table's folder
    bytes: int
    rows: int
    sha256: str


@dataclass(frozen=True)
class Ingested:
    """One line of data/raw/manifest.json: a table.

    The checksum of a table of many files is that of their lines "checksum, two blanks, name",
    sorted by name, as sha256sum writes them.
    """

    file: str  # or the folder
    source: str
    ingested_at: str  # UTC, ISO 8601
    bytes: int
    rows: int
    sha256: str
    schema_sha256: str = ""  # of the schema that it was checked against
    files: tuple[RawFile, ...] = ()  # of a folder

    def rows_of(self, raw: Path) -> list[tuple[Path, int]]:
        """Return the table's files in order, with their numbers of rows."""
        if not self.files:
            return [(raw / self.file, self.rows)]
        return [(raw / self.file / one.name, one.rows) for one in self.files]


def run(config: Config) -> Ingested:
    """Copy `data.source` into the raw folder and note it in the manifest; second tables come first.

    The copy is checked against `data.sha256` (where given) and the schema before anyone can see
    it, and is then read-only. The same bytes again change nothing, and are checked again where the
    schema is another. A folder may have got more files; those that are there never change.

    Raises:
        UserError: The source cannot be read, has another checksum, breaks the schema, or would
            replace a raw file by other bytes.
    """
    schema = load_schema(config.paths.schema_)
    second = second_tables(config.features.lookups, schema)
    if second.store is not None:
        for line in second.store.materialize(schema):
            log.info(line)
    raw = config.paths.raw
    name, shown = config.data.file_name, without_secrets(config.data.source)
    with temporary_folder(raw / "ingest") as folder:
        copy = folder / name
        files = _fetch(config.data.source, copy)
        digest = _digest(files)
        if config.data.sha256 not in (None, digest):
            raise UserError(
                f"{shown}: SHA-256 is {digest}, but data.sha256 in the config is "
                f"{config.data.sha256}. The file has changed or was cut off; if the new content "
                "is right, set data.sha256 to its checksum."
            )
        known = _manifest(raw).get(name)
        is_there = (raw / name).exists() and known is not None and known.sha256 == digest
        if is_there and known is not None and known.schema_sha256 == schema.hash:
            log.info("%s is already there, unchanged", raw / name)
            return known
        check = partial(
            _check, copy, schema=schema, batch_rows=config.data.batch_rows, looked_up=second.columns
        )
        rows = _validate(copy, shown, files, open_engine(config.scale).map(check, list(files)))
        if not is_there:
            _publish(copy, raw / name, files)
    parts = tuple(
        RawFile(file, (raw / name / file).stat().st_size, rows[file], digest)
        for file, digest in files.items()
    )
    entry = Ingested(
        file=name,
        source=shown,
        ingested_at=datetime.now(UTC).isoformat(timespec="seconds"),
        bytes=sum(part.bytes for part in parts),
        rows=sum(part.rows for part in parts),
        sha256=digest,
        schema_sha256=schema.hash,
        files=() if WHOLE in files else parts,
    )
    entries = _manifest(raw) | {name: entry}
    write_json(raw / "manifest.json", [asdict(entries[key]) for key in sorted(entries)])
    return entry


def raw_table(config: Config) -> tuple[Path, Ingested]:
    """Return the ingested table, a file or a folder of files, and its manifest entry.

    Raises:
        UserError: It has not been ingested, or was changed since.
    """
    path = config.paths.raw / config.data.file_name
    entry = _manifest(config.paths.raw).get(config.data.file_name)
    if not path.exists():
        raise UserError(f"{path} is not there yet: run `ingest` first")
    manifest = config.paths.raw / "manifest.json"
    if entry is None:
        raise UserError(f"{manifest} does not know {path.name}: delete {path} and run `ingest`")
    expected = {one.name: one.sha256 for one in entry.files} or {WHOLE: entry.sha256}
    there = named_files(path)
    for name in sorted(expected.keys() | there.keys()):
        if name not in there or expected.get(name) != sha256(there[name]):
            raise UserError(
                f"{path / name} was changed after it was ingested (its SHA-256 is not the one in "
                f"{manifest}). Delete it and run `ingest` again."
            )
    return path, entry


def local_table(config: Config) -> Path:
    """Return `data.source` where it is a file or folder here, else its copy in data/raw.

    Raises:
        UserError: Neither is there; exit code 2.
    """
    for path in (Path(config.data.source), config.paths.raw / config.data.file_name):
        if path.exists() or (ANY in str(path) and files_of(path)):
            return path
    shown = without_secrets(config.data.source)
    raise UserError(f"{shown} (data.source) is not here: name a FILE, or run `ingest` first", 2)


def known(raw: Path, name: str) -> Ingested | None:
    """Return what the manifest says of a file, without looking at the file; None if nothing."""
    return _manifest(raw).get(name)


def _fetch(source: str, copy: Path) -> dict[str, str]:
    """Copy a table; return the SHA-256 of each file by its name, `WHOLE` where it is one file."""
    if (found := members(source)) is None:
        is_parquet(copy)  # refuses unknown endings before anything is fetched
        return {WHOLE: fetch(source, copy)}
    digests = {}
    for name, url in found.items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        digests[name] = fetch(url, copy / name)
    return digests


def _digest(files: Mapping[str, str]) -> str:
    if WHOLE in files:
        return files[WHOLE]
    lines = (f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _check(
    copy: Path, name: str, schema: Schema, batch_rows: int, looked_up: Collection[str]
) -> Violations:
    shown = "" if name == WHOLE else name
    return validate(copy / name, schema, batch_rows, looked_up, shown)


def _validate(
    copy: Path, shown: str, names: Iterable[str], checked: Iterator[Violations]
) -> dict[str, int]:
    """Put together what the check of each file has found, and return their numbers of rows.

    Messages name the source, since the copy is gone when they are read.
    """
    whole, rows = Violations(), {}
    try:
        tables.column_names(copy)  # of all files the same
        for name, found in zip(names, checked, strict=True):
            rows[name] = found.rows
            whole.merge(found)
    except UserError as error:
        text = str(error).replace(str(copy), shown)
        name = shown.replace("\\", "/").rpartition("/")[2]
        raise UserError(text.replace(copy.name, name), error.code) from None
    if whole:
        raise UserError(whole.message(shown))
    if not whole.rows:
        raise UserError(f"{shown} has no rows")
    return rows


def _publish(copy: Path, target: Path, files: Mapping[str, str]) -> None:
    """Put the files of a checked copy beside those that are there, which must be the same."""
    there = named_files(target) if target.is_dir() else {}
    if gone := sorted(there.keys() - files.keys()):
        raise UserError(
            f"{target / gone[0]} is not in the source any more, and raw data is never removed by "
            "itself: delete it if it is to go, and run `ingest` again."
        )
    for name, digest in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (copy / name).chmod(0o444)
        try:
            os.link(copy / name, path)  # unlike a rename, never replaces
        except FileExistsError:
            if sha256(path) != digest:
                raise UserError(
                    f"{path} exists with other content, and raw data is never replaced. Give the "
                    f"new table another name and point data.source at it, or delete {path}."
                ) from None


def _manifest(raw: Path) -> dict[str, Ingested]:
    path = raw / "manifest.json"
    if not path.exists():
        return {}
    try:
        entries = [_entry(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is broken ({error}); delete it and run `ingest` again") from None
    return {entry.file: entry for entry in entries}


def _entry(files: Sequence[Mapping[str, Any]] = (), **others: Any) -> Ingested:
    return Ingested(**others, files=tuple(RawFile(**one) for one in files))
