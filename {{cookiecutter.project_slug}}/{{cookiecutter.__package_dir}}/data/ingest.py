"""Bring the raw table in: from anywhere, checked, whole or not at all, never changed again."""

import json
import logging
import os
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..config import Config
from ..errors import UserError
from ..utils.files import sha256, temporary_folder, write_json
from .checks import validate
from .download import fetch, without_secrets
from .lookups import second_tables
from .schema import Schema, load_schema
from .tables import is_parquet

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ingested:
    """One line of data/raw/manifest.json."""

    file: str
    source: str
    ingested_at: str  # UTC, ISO 8601
    bytes: int
    rows: int
    sha256: str
    schema_sha256: str = ""  # of the schema that it was checked against


def run(config: Config) -> Ingested:
    """Copy `data.source` into the raw folder and note it in the manifest; second tables come first.

    The copy is checked against `data.sha256` (where given) and the schema before anyone can see
    it, and is then read-only. The same bytes again change nothing, and are checked again where the
    schema is another.

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
    is_parquet(Path(name))  # refuses unknown endings before anything is fetched
    with temporary_folder(raw / "ingest") as folder:
        temporary = folder / name
        digest = fetch(config.data.source, temporary)
        if config.data.sha256 is not None and digest != config.data.sha256:
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
        rows = _validate(temporary, schema, config.data.batch_rows, shown, second.columns)
        if not is_there:
            _publish(temporary, raw / name, digest)
    entry = Ingested(
        file=name,
        source=shown,
        ingested_at=datetime.now(UTC).isoformat(timespec="seconds"),
        bytes=(raw / name).stat().st_size,
        rows=rows,
        sha256=digest,
        schema_sha256=schema.hash,
    )
    entries = _manifest(raw) | {name: entry}
    write_json(raw / "manifest.json", [asdict(entries[key]) for key in sorted(entries)])
    return entry


def raw_file(config: Config) -> tuple[Path, Ingested]:
    """Return the ingested table and its manifest entry.

    Raises:
        UserError: It has not been ingested, or was changed since.
    """
    path = config.paths.raw / config.data.file_name
    entry = _manifest(config.paths.raw).get(config.data.file_name)
    if not path.is_file():
        raise UserError(f"{path} is not there yet: run `ingest` first")
    if entry is None:
        manifest = config.paths.raw / "manifest.json"
        raise UserError(f"{manifest} does not know {path.name}: delete {path} and run `ingest`")
    if path.stat().st_size != entry.bytes or sha256(path) != entry.sha256:
        raise UserError(
            f"{path} was changed after it was ingested (its SHA-256 is not the one in "
            f"{config.paths.raw / 'manifest.json'}). Delete it and run `ingest` again."
        )
    return path, entry


def local_table(config: Config) -> Path:
    """Return `data.source` where it is a file, else its copy in data/raw.

    Raises:
        UserError: Neither is there; exit code 2.
    """
    for path in (Path(config.data.source), config.paths.raw / config.data.file_name):
        if path.is_file():
            return path
    shown = without_secrets(config.data.source)
    raise UserError(f"{shown} (data.source) is not here: name a FILE, or run `ingest` first", 2)


def known(raw: Path, name: str) -> Ingested | None:
    """Return what the manifest says of a file, without looking at the file; None if nothing."""
    return _manifest(raw).get(name)


def _validate(
    temporary: Path, schema: Schema, batch_rows: int, shown: str, looked_up: Collection[str]
) -> int:
    """Check the copy; messages name the source, since the copy is gone when they are read."""
    try:
        return validate(temporary, schema, batch_rows, shown, looked_up)
    except UserError as error:
        text = str(error).replace(str(temporary), shown)
        name = shown.replace("\\", "/").rpartition("/")[2]
        raise UserError(text.replace(temporary.name, name), error.code) from None


def _publish(temporary: Path, path: Path, digest: str) -> None:
    temporary.chmod(0o444)
    try:
        os.link(temporary, path)  # unlike a rename, never replaces
    except FileExistsError:
        if sha256(path) != digest:
            raise UserError(
                f"{path} exists with other content, and raw data is never replaced. Give the new "
                f"table another file name and point data.source at it, or delete {path}."
            ) from None


def _manifest(raw: Path) -> dict[str, Ingested]:
    path = raw / "manifest.json"
    if not path.exists():
        return {}
    try:
        entries = [Ingested(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is broken ({error}); delete it and run `ingest` again") from None
    return {entry.file: entry for entry in entries}
