"""Files at a URL: a folder, or an object store through fsspec."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..utils.files import atomic_file


class Store:
    """Reads and writes whole files below a path, file://, s3://, gs:// or az://.

    Attributes:
        url: Where it is.
        local: The folder, if it is one of this machine.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        is_local = "://" not in url or url.startswith("file://")
        self.local = Path(self.url.removeprefix("file://")) if is_local else None

    def read(self, name: str) -> bytes:
        """Return a file's content.

        Raises:
            FileNotFoundError: There is none.
            UserError: The store is out of reach.
        """
        if self.local is not None:
            return (self.local / name).read_bytes()
        with self._named_errors(name):
            content: bytes = self._remote().cat_file(self._key(name))
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all; UserError where the store is out of reach."""
        if self.local is not None:
            with atomic_file(self.local / name) as temporary:
                temporary.write_bytes(content)
            return
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
