"""A table of one file or of many: which files they are, in which order, and how they are cut."""

import glob
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from ..errors import UserError
from ..utils.files import ANY

CSV_ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")
PARQUET_ENDINGS = (".parquet", ".pq")
KNOWN = ", ".join(CSV_ENDINGS + PARQUET_ENDINGS)
WHOLE = "."  # the name of a table that is one file, in its own folder
PART_ROWS = 1_000_000  # of a parquet file that are worked on at a time, at most


@dataclass(frozen=True)
class Part:
    """Consecutive rows of one file of a table.

    Attributes:
        index: Its place among the parts.
        path: The file.
        first: Row of the file at which it starts, from 0.
        rows: How many rows.
        start: Row of the whole table at which it starts, from 0.
    """

    index: int
    path: Path
    first: int
    rows: int
    start: int


def cut(files: Iterable[tuple[Path, int]]) -> list[Part]:
    """Cut a table into parts: a CSV file is one, a parquet file has one for each `PART_ROWS` rows.

    Args:
        files: The table's files in order, with their numbers of rows.
    """
    parts: list[Part] = []
    start = 0
    for path, rows in files:
        step = PART_ROWS if is_parquet(path) else max(rows, 1)
        for first in range(0, rows, step):
            end = min(first + step, rows)
            parts.append(Part(len(parts), path, first, end - first, start + first))
        start += rows
    return parts


def is_table(path: PurePath) -> bool:
    """Tell by its name whether a file is a table."""
    return path.name.lower().endswith(CSV_ENDINGS + PARQUET_ENDINGS)


def is_parquet(path: PurePath) -> bool:
    """Tell parquet from CSV by the file's name.

    Raises:
        UserError: The ending is neither; exit code 2.
    """
    if not is_table(path):
        raise UserError(f"{path}: unknown kind of table; the name must end in one of {KNOWN}", 2)
    return path.name.lower().endswith(PARQUET_ENDINGS)


def files_of(path: Path) -> list[Path]:
    """Return a table's files, as `named_files` does."""
    return list(named_files(path).values())


def named_files(path: Path) -> dict[str, Path]:
    """Return a table's files in the order of their names, by their place in its folder.

    Args:
        path: A file; a folder, of which all tables are meant; or a pattern with `*`.

    Raises:
        UserError: There is none; exit code 2.
    """
    if path.is_file():
        return {WHOLE: path}
    if ANY in str(path):
        root = Path(path.as_posix().partition(ANY)[0].rpartition("/")[0])
        found = [Path(name) for name in glob.glob(str(path), recursive=True)]
    elif path.is_dir():
        root, found = path, list(path.rglob("*"))
    else:
        raise UserError(f"{path}: no such file", 2)
    names = [file.relative_to(root).as_posix() for file in found if file.is_file()]
    return {name: root / name for name in tables_in(names, str(path))}


def tables_in(names: Iterable[str], shown: str) -> list[str]:
    """Return those of many files that are tables, sorted; hidden ones (`.`, `_`) are not.

    Args:
        names: Their paths, with `/`.
        shown: What to call the folder or the pattern.

    Raises:
        UserError: There is none, or folders have the names of columns and values; exit code 2.
    """
    paths = map(PurePosixPath, names)
    seen = [path for path in paths if not any(part[0] in "._" for part in path.parts)]
    tables = sorted(str(path) for path in seen if is_table(path))
    if not tables:
        raise UserError(f"{shown}: no table in it; names must end in one of {KNOWN}", 2)
    if named := [name for name in tables if "=" in name.rpartition("/")[0]]:
        raise UserError(
            f"{shown}: {named[0]} lies in a folder that holds a column's value in its name, which "
            "is not read; write that column into the files, and name the folders without =",
            2,
        )
    return tables
