"""Files to be written: shown as a diff, or written with the former ones kept beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from .files import write_text


@dataclass(frozen=True)
class Change:
    """A file's new text."""

    path: Path
    text: str

    @property
    def former(self) -> str:
        """Its text now; empty where it is not there."""
        return self.path.read_text(encoding="utf-8") if self.path.exists() else ""

    def diff(self) -> list[str]:
        """Return what would change, line by line."""
        name = self.path.as_posix()
        before, after = self.former.splitlines(), self.text.splitlines()
        return list(unified_diff(before, after, name, name, lineterm=""))


def write_changes(changes: Sequence[Change]) -> list[Path]:
    """Write the files, and return the copies of the former ones."""
    kept = [keep(change.path) for change in changes if change.path.exists()]
    for change in changes:
        write_text(change.path, change.text)
    return kept


def keep(path: Path, move: bool = False) -> Path:
    """Keep a file under the first free name that ends in .bak, .bak2, ..."""
    number = 1
    while (kept := path.with_name(f"{path.name}.bak{number if number > 1 else ''}")).exists():
        number += 1
    if move:
        return path.rename(kept)
    kept.write_bytes(path.read_bytes())
    return kept
