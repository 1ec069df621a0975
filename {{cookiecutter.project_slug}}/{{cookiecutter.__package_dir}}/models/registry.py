"""Where versions live and which one is the champion: a folder, or an object store through fsspec.

`champion.json` names the version to serve and those before. It is written as a whole, so a
reader sees the old or the new one, never half of it.
"""

import getpass
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from ..errors import UserError
from ..tracking import Record
from ..utils.files import atomic_file, atomic_folder
from ..utils.yaml import explain
from .model_io import METADATA, SERVED, Metadata, ModelVersion, open_version, verify, verify_file

CHAMPION = "champion.json"
VERSION = re.compile(r"^v(\d+)\.(\d+)$")
MOST_CHANGES = 100
TWO_WAYS_ON = (
    "No version has been promoted yet; `models promote` says why. Either improve it (more data, "
    "other features, another model) and run `all` again, or take it as it is: "
    "`models promote VERSION --force`"
)


class Change(Record):
    """A change of the champion."""

    version: str
    when: str  # UTC, ISO 8601
    who: str
    reason: str


class Pointer(Record):
    """champion.json: the version to serve, the champions before it, and how it came about."""

    version: Annotated[str, Field(pattern=VERSION.pattern)]
    previous: tuple[Annotated[str, Field(pattern=VERSION.pattern)], ...] = ()  # the last the latest
    history: tuple[Change, ...] = ()  # the last the latest


class ModelRegistry:
    """The versions at a URL: a path, file://, s3://, gs:// or az://."""

    def __init__(self, url: str, cache: Path) -> None:
        """Open the registry.

        Args:
            url: Where the versions are.
            cache: A writable folder; versions of a remote store are kept there.
        """
        self.url, self.cache = url.rstrip("/"), cache
        self.local = Path(url.removeprefix("file://")) if _is_local(url) else None

    def champion(self) -> Pointer | None:
        """Return what champion.json says, or None where nothing was promoted yet.

        Raises:
            UserError: The store cannot be read, or the pointer is broken.
        """
        try:
            return Pointer.model_validate_json(self._read(CHAMPION))
        except FileNotFoundError:
            return None
        except ValidationError as error:
            reason = "; ".join(explain(error)[:3])
            raise UserError(
                f"{self.url}/{CHAMPION} is broken ({reason}); run `models promote VERSION --force`"
            ) from None

    def open_champion(self) -> ModelVersion:
        """Open the champion after checking what it needs to predict.

        Raises:
            UserError: There is none, or a file is missing or not the one that was written.
        """
        pointer = self.champion()
        if pointer is None:
            raise UserError(TWO_WAYS_ON)
        return open_version(self.fetch(pointer.version), SERVED)

    def set_champion(self, version: str, reason: str) -> None:
        """Point at another version; readers see it at their next poll.

        Args:
            version: The new champion.
            reason: Why, for the history.
        """
        try:
            pointer = self.champion()
        except UserError:  # broken: it begins anew
            pointer = None
        before, history = (pointer.previous, pointer.history) if pointer else ((), ())
        if pointer is not None and pointer.version != version:
            before = (*before, pointer.version)
        self._point(version, before, history, reason)

    def roll_back(self) -> None:
        """Point at the champion before; the history notes it."""
        pointer = self.champion()
        assert pointer is not None
        reason = f"rolled back from {pointer.version}"
        self._point(pointer.previous[-1], pointer.previous[:-1], pointer.history, reason)

    def _point(
        self, version: str, previous: tuple[str, ...], history: tuple[Change, ...], reason: str
    ) -> None:
        when = datetime.now(UTC).isoformat(timespec="seconds")
        change = Change(version=version, when=when, who=_user(), reason=reason)
        kept = (*history, change)[-MOST_CHANGES:]
        pointer = Pointer(version=version, previous=previous[-MOST_CHANGES:], history=kept)
        content = pointer.model_dump_json(indent=2).encode() + b"\n"
        if self.local is None:
            self._write(CHAMPION, content)
        else:
            with atomic_file(self.local / CHAMPION) as temporary:
                temporary.write_bytes(content)

    def fetch(self, version: str, names: Iterable[str] = SERVED) -> Path:
        """Return a folder with files of a version, each with the recorded SHA-256.

        Args:
            version: Its name, such as "v0.1".
            names: The files that must be there. What serving needs comes from a remote store at
                once, any other file when it is first asked for.

        Raises:
            UserError: A file is missing or not the one that was written.
        """
        names = tuple(names)
        if self.local is not None:
            folder = self.local / version
        else:
            folder = self.cache / version
            if not folder.is_dir():
                with suppress(FileExistsError):  # another process was first
                    self._download(version, folder)
            for name in names:
                if not (folder / name).is_file():
                    self._add(version, name, folder)
        verify(folder, names)
        return folder

    def upload(self, folder: Path) -> None:
        """Copy a version into a remote store, metadata last; a local store has it already."""
        if self.local is not None:
            return
        for path in sorted(folder.iterdir(), key=lambda path: path.name == METADATA):
            self._write(f"{folder.name}/{path.name}", path.read_bytes())

    def _download(self, version: str, folder: Path) -> None:
        with atomic_folder(folder) as temporary:
            for name in (METADATA, *SERVED):
                (temporary / name).write_bytes(self._read_file(version, name))
            verify(temporary, SERVED)
        for old in sorted(self.cache.iterdir(), key=os.path.getmtime)[:-3]:
            shutil.rmtree(old, ignore_errors=True)  # the last few are enough to roll back to

    def _add(self, version: str, name: str, folder: Path) -> None:
        metadata = Metadata.read(folder)
        with atomic_file(folder / name) as temporary:
            temporary.write_bytes(self._read_file(version, name))
            verify_file(temporary, metadata, f"{self.url}/{version}/{name}")

    def _read_file(self, version: str, name: str) -> bytes:
        try:
            return self._read(f"{version}/{name}")
        except FileNotFoundError:
            raise UserError(f"{self.url}/{version}/{name} is missing") from None

    def _read(self, name: str) -> bytes:
        if self.local is not None:
            return (self.local / name).read_bytes()
        with self._named_errors(name):
            content: bytes = self._remote().cat_file(self._key(name))
        return content

    def _write(self, name: str, content: bytes) -> None:
        with self._named_errors(name):
            self._remote().pipe_file(self._key(name), content)

    @contextmanager
    def _named_errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, UserError):
            raise
        except Exception as error:  # each store's client has its own errors
            kind = type(error).__name__
            raise UserError(f"{self.url}/{name}: out of reach: {kind}: {error}") from None

    def _remote(self) -> Any:
        import fsspec

        scheme = self.url.split("://")[0]
        try:
            return fsspec.filesystem(scheme, use_listings_cache=False)
        except ImportError as error:
            raise UserError(f"{self.url}: {error}", 2) from None

    def _key(self, name: str) -> str:
        return f"{self.url.split('://', 1)[1]}/{name}"


def versions(models: Path) -> list[str]:
    """Return the names of all versions in a folder, the oldest first."""
    names = [path.name for path in models.glob("v*") if VERSION.fullmatch(path.name)]
    return sorted(names, key=_number)


def new_version(models: Path, name: str | None = None) -> Path:
    """Return the folder of a version to be written.

    Args:
        models: The folder of all versions.
        name: Such as "v1.0"; None takes the next after the highest: v0.1, v0.2, ...

    Raises:
        UserError: The name is none of a version.
    """
    if name is None:
        known = versions(models)
        major, minor = _number(known[-1]) if known else (0, 0)
        name = f"v{major}.{minor + 1}"
    elif not VERSION.fullmatch(name):
        raise UserError(f"version {name!r}: write it like v1.0", 2)
    return models / name


def find_version(models: Path, name: str | None = None) -> ModelVersion:
    """Open a version with all its files checked.

    Args:
        models: The folder of all versions.
        name: Such as "v0.1"; None takes the newest.

    Raises:
        UserError: No such version, or a file is missing or not the one that was written.
    """
    known = versions(models)
    if not known:
        raise UserError(f"{models} has no model yet: run `train` first")
    name = name or known[-1]
    if name not in known:
        raise UserError(f"{models / name}: no such version (there: {', '.join(known)})", 2)
    return open_version(models / name)


def _number(name: str) -> tuple[int, int]:
    match = VERSION.fullmatch(name)
    assert match is not None, name
    return int(match[1]), int(match[2])


def _user() -> str:
    """Return who works here, as far as the system knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def _is_local(url: str) -> bool:
    return "://" not in url or url.startswith("file://")
