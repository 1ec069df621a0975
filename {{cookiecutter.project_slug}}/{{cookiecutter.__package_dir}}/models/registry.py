"""Where versions live and which one is the champion: a folder, or an object store through fsspec.

`champion.json` names the version to serve and the one before. It is written as a whole, so a
reader sees the old or the new one, never half of it.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..utils.files import atomic_file, atomic_folder, sha256, write_json

CHAMPION = "champion.json"
SERVED = ("model.onnx", "plan.json")
MEND = "restore the version, or train or promote another"


class Store:
    """Versions at a URL: a path, file://, s3://, gs:// or az://."""

    def __init__(self, url: str, cache: Path) -> None:
        """Open the store.

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
        for path in sorted(folder.iterdir(), key=lambda path: path.name == "metadata.json"):
            self._write(f"{folder.name}/{path.name}", path.read_bytes())

    def _download(self, version: str, folder: Path) -> None:
        with atomic_folder(folder) as temporary:
            for name in ("metadata.json", *SERVED):
                (temporary / name).write_bytes(self._read_file(version, name))
            verify(temporary)
        for old in sorted(self.cache.iterdir(), key=os.path.getmtime)[:-3]:
            shutil.rmtree(old, ignore_errors=True)  # the last few are enough to roll back to

    def _add(self, version: str, name: str, folder: Path) -> None:
        expected = _recorded(folder, [name])[1][name]
        with atomic_file(folder / name) as temporary:
            temporary.write_bytes(self._read_file(version, name))
            _hold(temporary, expected, f"{self.url}/{version}/{name}")

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


def verify(folder: Path, names: Iterable[str] = SERVED) -> dict[str, Any]:
    """Hold files of a version against the SHA-256 in its metadata, and return the metadata.

    Args:
        folder: The version's folder.
        names: The files to check.

    Raises:
        UserError: A file is missing, broken or not the one that was written.
    """
    metadata, expected = _recorded(folder, names)
    for name, checksum in expected.items():
        _hold(folder / name, checksum, str(folder / name))
    return metadata


def _recorded(folder: Path, names: Iterable[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the metadata, and the SHA-256 that it has for each of the names."""
    try:
        metadata: dict[str, Any] = json.loads((folder / "metadata.json").read_text("utf-8"))
        expected = {name: metadata["files"][name] for name in names}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder / 'metadata.json'}: missing or broken ({error}); {MEND}"
        ) from None
    return metadata, expected


def _hold(path: Path, checksum: str, shown: str) -> None:
    if not path.is_file():
        raise UserError(f"{shown} is missing; {MEND}")
    if sha256(path) != checksum:
        raise UserError(f"{shown} is not the file that training wrote; {MEND}")


def _is_local(url: str) -> bool:
    return "://" not in url or url.startswith("file://")
