"""Filters that write exact versions, with hashes or without, of what some requirements need.

locks.json, which scripts/lock.py writes, has one version of each package that any set of answers
can need, its hashes, and which requirement needs it where. A set of answers gets its part of it.
"""

import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

LOCKS = Path(__file__).with_name("locks.json")


@lru_cache
def locks() -> list[dict[str, Any]]:
    """Return the packages: `pin`, `hashes`, and `needed`, the requirements by their marker."""
    found: list[dict[str, Any]] = json.loads(LOCKS.read_text(encoding="utf-8"))
    return found


def requirements(text: str) -> list[str]:
    """Return the lines of requirement lists, which may stand one after the other."""
    lines = (line.strip() for line in text.splitlines())
    return list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def chosen(text: str) -> list[tuple[str, list[str]]]:
    """Return what the requirements need: pins with their markers, and the hashes of each."""
    wanted = set(requirements(text))
    known = {need for package in locks() for needs in package["needed"].values() for need in needs}
    if unknown := wanted - known:
        sys.exit(f"{', '.join(sorted(unknown))}: not in locks.json. Run: python scripts/lock.py")
    found = []
    for package in locks():
        markers = [marker for marker, needs in package["needed"].items() if wanted & set(needs)]
        if markers:
            found.append((package["pin"] + where(markers), package["hashes"]))
    return found


def where(markers: list[str]) -> str:
    """Put markers together: a package is needed where one of them holds, "" holds everywhere."""
    if "" in markers:
        return ""
    return " ; " + (markers[0] if len(markers) == 1 else " or ".join(f"({m})" for m in markers))


def pins(text: str) -> str:
    return "\n".join(pin for pin, _ in chosen(text))


def locked(text: str) -> str:
    return "\n".join(
        " \\\n".join([pin, *(f"    --hash={value}" for value in hashes)])
        for pin, hashes in chosen(text)
    )


FILTERS = {function.__name__: function for function in (pins, locked)}
