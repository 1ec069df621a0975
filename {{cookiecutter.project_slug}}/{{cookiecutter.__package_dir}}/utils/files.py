"""Files that appear whole or not at all, and their checksums."""

import glob
import hashlib
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ANY = "*"  # stands in a pattern, and in no name of a file
PART = ".part"
A_DAY = 86_400  # seconds


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def name_of(source: str) -> str:
    """Return what a path or URL is called: its last part, of a pattern the last before any `*`."""
    path = source if ANY in source else source.split("?")[0].split("#")[0]
    parts = path.replace("\\", "/").rstrip("/").split("/")
    fixed = parts[: next((i for i, part in enumerate(parts) if ANY in part), len(parts))]
    return fixed[-1] if fixed and fixed[-1].strip(".") else "table"


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; it replaces `path` when the block ends well.

    A crash or an error leaves `path` as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    handle, name = tempfile.mkstemp(prefix=_prefix(path), suffix=PART, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _sync(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, replace: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside `path`; it becomes `path` when the block ends well.

    Args:
        path: The folder to make.
        replace: Take the place of a folder that is already there.

    Raises:
        FileExistsError: `path` exists and `replace` is false.
    """
    with temporary_folder(path) as temporary:
        yield temporary
        for file in temporary.iterdir():
            _sync(file)
        _sync(temporary)
        temporary.chmod(0o777 & ~_umask())
        if replace and path.exists():
            old = _make_folder(path)
            path.rename(old / path.name)
            temporary.rename(path)
            shutil.rmtree(old)
        elif path.exists():
            raise FileExistsError(path)
        else:
            temporary.rename(path)
        _sync(path.parent)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside `path`, on the same disk, and remove it when the block ends.

    What killed runs left of theirs goes first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    temporary = _make_folder(path)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sweep(path: Path) -> None:
    """Delete what runs that were killed while they wrote `path` have left beside it.

    A temporary name says which process of which machine made it: what a live one works on stays,
    as does for a day what another machine made.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{PART}"):
        owner = re.fullmatch(r"(.*)-(\d+)\..*", left.name[len(path.name) + 2 : -len(PART)])
        if owner is None:
            continue
        with suppress(OSError):
            ours = owner[1] == host()
            if (
                ours and not is_running(int(owner[2]))
            ) or time.time() - left.stat().st_mtime > A_DAY:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def _make_folder(path: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=_prefix(path), suffix=PART, dir=path.parent))


def _prefix(path: Path) -> str:
    return f".{path.name}.{host()}-{os.getpid()}."


def host() -> str:
    """Return this machine's name, in letters and digits."""
    return re.sub(r"[^A-Za-z0-9]", "", platform.node())[:24]


def is_running(pid: int) -> bool:
    """Tell whether a process of this machine runs; where that cannot be told, yes."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk, where the system can tell."""
    if path.is_dir() and sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with Unix line ends, whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON, whole or not at all. NaN is refused: it is not JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
