"""Bring the raw table in: from anywhere, checked, whole or not at all, never changed again."""

import hashlib
import json
import logging
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from ..config import Config
from ..errors import UserError
from ..utils.files import sha256, temporary_folder, write_json
from ..utils.progress import progress
from .checks import validate
from .schema import load_schema
from .tables import is_parquet

log = logging.getLogger(__name__)
EXTRAS = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}


@dataclass(frozen=True)
class Ingested:
    """One line of data/raw/manifest.json."""

    file: str
    source: str
    ingested_at: str  # UTC, ISO 8601
    bytes: int
    rows: int
    sha256: str


def run(config: Config) -> Ingested:
    """Copy `data.source` into the raw folder and note it in the manifest.

    The copy is checked against `data.sha256` (where given) and the schema before anyone can see
    it, and is then read-only. The same bytes again change nothing.

    Raises:
        UserError: The source cannot be read, has another checksum, breaks the schema, or would
            replace a raw file by other bytes.
    """
    schema = load_schema(config.paths.schema_)
    raw = config.paths.raw
    name = config.data.file_name
    is_parquet(Path(name))  # refuses unknown endings before anything is fetched
    with temporary_folder(raw / "ingest") as folder:
        temporary = folder / name
        digest = _copy(config.data.source, temporary)
        if config.data.sha256 is not None and digest != config.data.sha256:
            raise UserError(
                f"{config.data.source}: SHA-256 is {digest}, but data.sha256 in the config is "
                f"{config.data.sha256}. The file has changed or was cut off; if the new content "
                "is right, set data.sha256 to its checksum."
            )
        known = _manifest(raw).get(name)
        if (raw / name).exists() and known is not None and known.sha256 == digest:
            log.info("%s is already there, unchanged", raw / name)
            return known
        rows = validate(temporary, schema, config.data.batch_rows, config.data.source)
        _publish(temporary, raw / name, digest)
    entry = Ingested(
        file=name,
        source=_without_secrets(config.data.source),
        ingested_at=datetime.now(UTC).isoformat(timespec="seconds"),
        bytes=(raw / name).stat().st_size,
        rows=rows,
        sha256=digest,
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
    if entry is None or not path.is_file():
        raise UserError(f"{path} is not there yet: run `ingest` first")
    if path.stat().st_size != entry.bytes or sha256(path) != entry.sha256:
        raise UserError(
            f"{path} was changed after it was ingested (its SHA-256 is not the one in "
            f"{config.paths.raw / 'manifest.json'}). Delete it and run `ingest` again."
        )
    return path, entry


def _copy(source: str, target: Path) -> str:
    """Copy the source's bytes and return their SHA-256."""
    import fsspec

    digest = hashlib.sha256()
    try:
        with fsspec.open(source, "rb") as file, target.open("wb") as out:
            with progress("fetch", getattr(file, "size", None), "B") as bar:
                while block := file.read(1 << 20):
                    digest.update(block)
                    out.write(block)
                    bar.update(len(block))
            out.flush()
            os.fsync(out.fileno())
    except ImportError as error:
        scheme = urlsplit(source).scheme
        package = EXTRAS.get(scheme)
        hint = f"install {package}" if package else str(error)
        raise UserError(f"{_without_secrets(source)}: cannot read {scheme}://: {hint}", 2) from None
    except FileNotFoundError as error:
        unreachable = type(error.__cause__).__name__.startswith("ClientConnector")
        what = "the server cannot be reached" if unreachable else "no such file"
        raise UserError(
            f"{_without_secrets(source)}: {what}. Mend data.source in the config.", 2
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{_without_secrets(source)}: cannot be read: {error}") from None
    except Exception as error:  # each store's client has its own errors
        kind = type(error).__name__
        raise UserError(f"{_without_secrets(source)}: cannot be read: {kind}: {error}") from None
    return digest.hexdigest()


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


def known(raw: Path, name: str) -> Ingested | None:
    """Return what the manifest says of a file, without looking at the file; None if nothing."""
    return _manifest(raw).get(name)


def _manifest(raw: Path) -> dict[str, Ingested]:
    path = raw / "manifest.json"
    if not path.exists():
        return {}
    try:
        entries = [Ingested(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is broken ({error}); delete it and run `ingest` again") from None
    return {entry.file: entry for entry in entries}


def _without_secrets(source: str) -> str:
    """Drop user, password and query (signed URLs) from what is shown and stored."""
    parts = urlsplit(source)
    if len(parts.scheme) < 2:  # a path, perhaps with a Windows drive
        return source
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
