"""Where versions live and which one is the champion: a folder, or an object store through fsspec.

`champion.json` names the version to serve and the one before. It is written as a whole, so a
reader sees the old or the new one, never half of it.
"""

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..utils.files import atomic_file, atomic_folder, write_json
from .model_io import METADATA, SERVED, Metadata, ModelVersion, open_version, verify, verify_file

CHAMPION = "champion.json"
VERSION = re.compile(r"v(\d+)\.(\d+)")


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

    def champion(self) -> dict[str, Any] | None:
        """Return {"version": ..., "previous": ...}, or None where nothing was promoted yet.

        Raises:
            UserError: The store cannot be read, or the pointer is broken.
        """
        try:
            text = self._read(CHAMPION)
        except FileNotFoundError:
            return None
        try:
            pointer: dict[str, Any] = json.loads(text)
            if not isinstance(pointer["version"], str):
                raise TypeError("version is no text")
            if pointer["version"] in ("", ".", "..") or set(pointer["version"]) & set("/\\:"):
                raise ValueError("version is no name of a folder")
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"{self.url}/{CHAMPION} is broken ({error}); run `models promote VERSION --force`"
            ) from None
        return pointer

    def set_champion(self, version: str, previous: str | None) -> None:
        """Point at another version; readers see it at their next look."""
        pointer = {"version": version, "previous": previous}
        if self.local is not None:
            write_json(self.local / CHAMPION, pointer)
        else:
            self._write(CHAMPION, json.dumps(pointer).encode())

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


def _is_local(url: str) -> bool:
    return "://" not in url or url.startswith("file://")
