"""How a CSV file is written: its encoding, the mark between its columns, their names."""

import codecs
import csv
import gzip
import logging
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any

from ..errors import UserError

HEADER_CHARACTERS = 1 << 20
BLOCK = 1 << 20
WESTERN = ("cp1252", "latin-1")  # what a file is in that is no UTF-8; the second takes any byte
_several_bytes = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{1,3}")
_other_bytes = re.compile(rb"[\x80-\xff]")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CsvFormat:
    """How a CSV file is written.

    Attributes:
        names: Of its columns.
        delimiter: What stands between them.
        encoding: Of its text, as Python names it.
        head: Lines up to the first row.
    """

    names: list[str]
    delimiter: str
    encoding: str
    head: int


def csv_format(path: Path) -> CsvFormat:
    """Find out how a CSV file is written.

    Raises:
        UserError: It cannot be read, is UTF-8 with faults, or has a first line of a megabyte.
    """
    try:
        status = path.stat()
        encoding = _encoding(path, status.st_mtime_ns, status.st_size)
        with _opener(path)(path, "rt", encoding=encoding, newline="") as file:
            text = file.read(HEADER_CHARACTERS)  # no more, whatever a small .gz would unpack to
        is_cut = len(text) == HEADER_CHARACTERS
        line, _, rest = text.partition("\n")
        told = re.fullmatch(r"sep=(.)\r?", line)  # a line that Excel reads and writes
        text = rest if told else text
        line = text.partition("\n")[0]
        delimiter = told[1] if told else ","
        if not told and line.strip():
            delimiter = max(",;\t|", key=line.count)
        reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
        names = next(reader, [])
        if is_cut and next(reader, None) is None:
            raise UserError(f"{path}: the first line has over {HEADER_CHARACTERS:,} characters")
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise UserError(f"{path}: cannot be read: {str(error).lower()}") from None
    return CsvFormat(names, delimiter, encoding, 2 if told else 1)


def _opener(path: Path) -> Callable[..., Any]:
    return gzip.open if path.name.lower().endswith(".gz") else open


@lru_cache(maxsize=64)
def _encoding(path: Path, changed: int, size: int) -> str:
    """Return a file's encoding; one that is no UTF-8 is said once, as long as it is the same."""
    with _opener(path)(path, "rb") as file:
        first = file.read(4)
        if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        fault = _fault(file, first)
    if fault is None:
        return "utf-8-sig"
    block, where = fault
    several = sum(len(found) for found in _several_bytes.findall(block))
    if 2 * several > len(_other_bytes.findall(block)):
        raise UserError(f"{path}: UTF-8 with a fault, near byte {where:,}; write that text anew")
    with _opener(path)(path, "rb") as file:
        decoder = codecs.getincrementaldecoder(WESTERN[0])()
        try:
            while block := file.read(BLOCK):
                decoder.decode(block)
            encoding = WESTERN[0]
        except UnicodeDecodeError:
            encoding = WESTERN[1]
    log.warning("%s is not UTF-8, and is read as %s: check its accents", path.name, encoding)
    return encoding


def _fault(file: Any, first: bytes) -> tuple[bytes, int] | None:
    """Return the first block that is no UTF-8 and where it breaks; None where all is."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    start, block, last = 0, first, first
    while block:
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            return block, start + error.start
        start += len(block)
        block, last = file.read(BLOCK), block
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return last, start
    return None
