"""Which versions there are, and which one is the champion.

`champion.json` names the version to serve and those before. It is written as a whole, so a
reader sees the old or the new one, never half of it.
"""

import getpass
import hashlib
import os
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from ..errors import UserError
from ..tracking.records import Record
from ..utils.files import atomic_file, atomic_folder, sha256
from ..utils.yaml import explain
from .model_io import (
    MEND,
    METADATA,
    SERVED,
    Metadata,
    ModelVersion,
    open_version,
    verify,
    verify_file,
)
from .store import Store

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


class Promoted(Record):
    """A version, and the SHA-256 of its metadata.json, which has those of all other files."""

    version: Annotated[str, Field(pattern=VERSION.pattern)]
    metadata_sha256: str | None = None


class Pointer(Promoted):
    """champion.json: the version to serve, the champions before it, and how it came about."""

    previous: tuple[Promoted, ...] = ()  # the last the latest
    history: tuple[Change, ...] = ()  # the last the latest


class ModelRegistry:
    """The versions at a URL: a path, file://, s3://, gs:// or az://."""

    def __init__(self, url: str, cache: Path) -> None:
        """Open the registry.

        Args:
            url: Where the versions are.
            cache: A writable folder; versions of a remote store are kept there.
        """
        self.store, self.cache = Store(url), cache
        self.url, self.local = self.store.url, self.store.local

    def champion(self) -> Pointer | None:
        """Return what champion.json says, or None where nothing was promoted yet.

        Raises:
            UserError: The store cannot be read, or the pointer is broken.
        """
        try:
            return Pointer.model_validate_json(self.store.read(CHAMPION))
        except FileNotFoundError:
            return None
        except ValidationError as error:
            reason = "; ".join(explain(error)[:3])
            raise UserError(
                f"{self.url}/{CHAMPION} is broken ({reason}); run `models promote VERSION --force`"
            ) from None

    def needed_champion(self) -> Pointer:
        """Return what champion.json says.

        Raises:
            UserError: As `champion`, and where nothing was promoted yet.
        """
        pointer = self.champion()
        if pointer is None:
            raise UserError(TWO_WAYS_ON)
        return pointer

    def open_champion(self) -> ModelVersion:
        """Open the champion after checking what it needs to predict.

        Raises:
            UserError: There is none, or a file is missing or not the one that was written.
        """
        return open_version(self.fetch_promoted(self.needed_champion()), SERVED)

    def fetch_promoted(self, promoted: Promoted) -> Path:
        """Return the folder of a champion, its metadata the one that was promoted.

        Raises:
            UserError: A file is missing or not the one that was written.
        """
        folder = self.fetch(promoted.version)
        if promoted.metadata_sha256 not in (None, sha256(folder / METADATA)):
            self.forget(promoted.version)  # it may be mended by the next time
            raise UserError(f"{folder / METADATA} is not the file that was promoted; {MEND}")
        return folder

    def set_champion(self, folder: Path, reason: str) -> None:
        """Point at another version; readers see it at their next poll.

        Args:
            folder: The new champion's.
            reason: Why, for the history.
        """
        try:
            pointer = self.champion()
        except UserError:  # broken: it begins anew
            pointer = None
        before, history = (pointer.previous, pointer.history) if pointer else ((), ())
        if pointer is not None and pointer.version != folder.name:
            former = Promoted(version=pointer.version, metadata_sha256=pointer.metadata_sha256)
            before = (*before, former)
        new = Promoted(version=folder.name, metadata_sha256=sha256(folder / METADATA))
        self._point(new, before, history, reason)

    def roll_back(self) -> None:
        """Point at the champion before; the history notes it."""
        pointer = self.champion()
        assert pointer is not None
        reason = f"rolled back from {pointer.version}"
        *before, last = pointer.previous
        self._point(last, tuple(before), pointer.history, reason)

    def _point(
        self,
        champion: Promoted,
        previous: tuple[Promoted, ...],
        history: tuple[Change, ...],
        reason: str,
    ) -> None:
        when = datetime.now(UTC).isoformat(timespec="seconds")
        change = Change(version=champion.version, when=when, who=_user(), reason=reason)
        kept = (*history, change)[-MOST_CHANGES:]
        pointer = Pointer(**champion.model_dump(), previous=previous[-MOST_CHANGES:], history=kept)
        self.store.write(CHAMPION, pointer.model_dump_json(indent=2).encode() + b"\n")

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

    def fingerprint(self, version: str) -> str:
        """Return what changes when the files of a version do; empty where they are out of reach."""
        try:
            if self.local is None:
                return hashlib.sha256(self.store.read(f"{version}/{METADATA}")).hexdigest()
            stats = [(self.local / version / name).stat() for name in (METADATA, *SERVED)]
        except OSError:
            return ""
        return " ".join(f"{one.st_mtime_ns} {one.st_size}" for one in stats)

    def forget(self, version: str) -> None:
        """Drop a version of a remote store from the cache, so that it is fetched anew."""
        if self.local is None:
            shutil.rmtree(self.cache / version, ignore_errors=True)

    def upload(self, folder: Path) -> None:
        """Copy a version into a remote store, metadata last; a local store has it already."""
        if self.local is not None:
            return
        for path in sorted(folder.iterdir(), key=lambda path: path.name == METADATA):
            self.store.write(f"{folder.name}/{path.name}", path.read_bytes())

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
            return self.store.read(f"{version}/{name}")
        except FileNotFoundError:
            raise UserError(f"{self.url}/{version}/{name} is missing") from None


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
        UserError: The name is none of a version, or there is one of that name.
    """
    if name is None:
        known = versions(models)
        major, minor = _number(known[-1]) if known else (0, 0)
        name = f"v{major}.{minor + 1}"
    elif not VERSION.fullmatch(name):
        raise UserError(f"version {name!r}: write it like v1.0", 2)
    elif (models / name).exists():
        raise UserError(f"{models / name} exists; versions are never overwritten")
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
