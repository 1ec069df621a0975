"""Fetch a file from wherever it is: a path, a URL or an object store; what goes wrong is named."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ..errors import UserError
from ..utils.files import ANY
from ..utils.progress import progress
from .parts import tables_in

EXTRAS = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
READ_SECONDS = 60.0  # without a byte from the server, until it is tried once more
ATTEMPTS = 2
STATUS = {
    401: "the server asks who you are (HTTP 401): data.source needs credentials",
    403: "the server refuses access (HTTP 403)",
    404: "no such file (HTTP 404)",
    429: "the server was asked too often (HTTP 429); try again later",
}


def fetch(source: str, target: Path) -> str:
    """Copy the source's bytes and return their SHA-256.

    Raises:
        UserError: It cannot be read; exit code 2 where `data.source` is wrong, else 1.
    """
    shown = without_secrets(source)
    for attempt in range(ATTEMPTS):
        try:
            return _copy(source, target)
        except Exception as error:  # each store's client has its own errors
            if not _is_timeout(error) or attempt + 1 == ATTEMPTS:
                raise _in_words(error, source, shown) from None
    raise AssertionError


def members(source: str) -> dict[str, str] | None:
    """Return the tables of a folder or a pattern: what to fetch, by its name in the folder.

    Args:
        source: A path or URL; `**` stands for any folders.

    Returns:
        None where the source is one file.

    Raises:
        UserError: There is none, or they cannot be listed; exit code 1 or 2.
    """
    import fsspec

    shown = without_secrets(source)
    if urlsplit(source).scheme in ("http", "https"):
        if ANY in source:
            raise UserError(f"{shown}: web servers do not list their files; name one file", 2)
        return None
    try:
        store, path = fsspec.core.url_to_fs(source)
        if ANY not in path and not store.isdir(path):
            return None
        found = [name for name in store.glob(path) if store.isfile(name)] if ANY in path else None
        root = path.partition(ANY)[0].rpartition("/")[0] if ANY in path else path.rstrip("/")
        files = {
            name[len(root) + 1 :]: store.unstrip_protocol(name)
            for name in (store.find(path) if found is None else found)
        }
    except Exception as error:  # each store's client has its own errors
        raise _in_words(error, source, shown) from None
    return {name: files[name] for name in tables_in(files, shown)}


def without_secrets(source: str) -> str:
    """Drop user, password and query (signed URLs) from what is shown and stored."""
    parts = urlsplit(source)
    if len(parts.scheme) < 2:  # a path, perhaps with a Windows drive
        return source
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _copy(source: str, target: Path) -> str:
    import fsspec

    digest = hashlib.sha256()
    with fsspec.open(source, "rb", **_options(source)) as file, target.open("wb") as out:
        with progress("fetch", getattr(file, "size", None), "B") as bar:
            while block := file.read(1 << 20):
                digest.update(block)
                out.write(block)
                bar.update(len(block))
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()


def _options(source: str) -> dict[str, Any]:
    """Return what fsspec is told: over HTTP a limit of silence, and none of the whole."""
    if urlsplit(source).scheme not in ("http", "https"):
        return {}
    import aiohttp

    limits = aiohttp.ClientTimeout(total=None, connect=READ_SECONDS, sock_read=READ_SECONDS)
    return {"client_kwargs": {"timeout": limits}}


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Give an error and its causes; fsspec tells most of HTTP's errors as a missing file."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _is_timeout(error: BaseException) -> bool:
    return any(isinstance(cause, TimeoutError) for cause in _chain(error))


def _in_words(error: Exception, source: str, shown: str) -> UserError:
    """Return the error for a source that cannot be read."""
    if isinstance(error, ImportError):
        scheme = urlsplit(source).scheme
        package = EXTRAS.get(scheme)
        hint = f"install {package}" if package else str(error)
        return UserError(f"{shown}: cannot read {scheme}://: {hint}", 2)
    if _is_timeout(error):
        silence = f"the server has sent nothing for {READ_SECONDS:g} s"
        return UserError(f"{shown}: {silence}, {ATTEMPTS} times; try again later")
    kinds = [type(cause).__name__ for cause in _chain(error)]
    if "TooManyRedirects" in kinds:
        return UserError(f"{shown}: the server redirects in a circle")
    if {"ClientPayloadError", "IncompleteRead"} & set(kinds):
        return UserError(f"{shown}: the server broke off in the middle of the file; try again")
    status = next(filter(None, (getattr(cause, "status", None) for cause in _chain(error))), None)
    if isinstance(status, int):
        what = STATUS.get(status) or f"the server answers with HTTP {status}"
        what += "; try again later" * (status >= 500)
        return UserError(f"{shown}: {what}", 2 if status == 404 else 1)
    if isinstance(error, FileNotFoundError):
        unreachable = any(kind.startswith("ClientConnector") for kind in kinds)
        what = "the server cannot be reached" if unreachable else "no such file"
        return UserError(f"{shown}: {what}. Mend data.source in the config.", 2)
    kind = "" if isinstance(error, OSError | ValueError) else f"{kinds[0]}: "
    return UserError(f"{shown}: cannot be read: {kind}{error}".replace(source, shown))
