"""YAML that people write: read with clear errors, edited with its comments kept."""

import re
from collections.abc import Collection, Mapping
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import UserError
from .files import write_text

DEEPEST = 100  # lists and mappings in each other
TOO_DEEP = f"more than {DEEPEST} levels in each other"
DATE = re.compile(r"\b\d{4}-\d\d?-\d\d?\b")


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML 1.2 file that holds a mapping.

    Raises:
        UserError: No such file, not YAML, or not a mapping; exit code 2.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file. Run from the project's folder, or name another file.", 2
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}", 2) from None
    values = parse_yaml(text, str(path))
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected `key: value` lines", 2)
    return values


def parse_yaml(text: str, where: str) -> Any:
    """Return the value of a YAML text; UserError that names `where` if it is none."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        if _may_be_deep(text):
            _refuse_deep(text, where)
        return YAML(typ="safe", pure=True).load(text)
    except RecursionError:
        raise UserError(f"{where}: not valid YAML: {TOO_DEEP}", 2) from None
    except (YAMLError, ValueError) as error:
        reason = _no_date(text) or error
        raise UserError(f"{where}: not valid YAML: {reason}", 2) from None


def _no_date(text: str) -> str:
    """Name the line with what looks like a date and is none: YAML's reader does not."""
    for number, line in enumerate(text.splitlines(), 1):
        for match in DATE.finditer(line):
            try:
                date(*map(int, match[0].split("-")))
            except ValueError as error:
                return f"line {number}, {match[0]} is no date: {error}"
    return ""


def _refuse_deep(text: str, where: str) -> None:
    """Raise UserError where lists stand in lists without end: reading them would take minutes."""
    from ruamel.yaml import YAML

    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        name = type(event).__name__
        depth += name.endswith("StartEvent") - name.endswith("EndEvent")
        if depth > DEEPEST:
            raise UserError(f"{where}: not valid YAML: {TOO_DEEP}", 2)


def _may_be_deep(text: str) -> bool:
    """Look for many levels cheaply; brackets in texts and comments count too."""
    depth = 0
    for bracket in re.findall(r"[][{}]", text):
        depth = depth + 1 if bracket in "[{" else max(depth - 1, 0)
        if depth > DEEPEST:
            return True
    return re.search(r"(?:[-?]\s+){" + str(DEEPEST) + "}", text) is not None


def update_yaml(path: Path, values: Mapping[str, Any]) -> None:
    """Set keys such as "data.source" in a YAML file and keep its comments and order.

    A value of `None` removes the key.
    """
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 100
    text = StringIO()
    document = yaml.load(path.read_text(encoding="utf-8"))
    for dotted, value in values.items():
        *sections, key = dotted.split(".")
        target = document
        for section in sections:
            target = target.setdefault(section, {})
        if value is None:
            target.pop(key, None)
        else:
            target[key] = value
    yaml.dump(document, text)
    write_text(path, text.getvalue())


def explain(error: ValidationError, secrets: Collection[str] = ()) -> list[str]:
    """Put what pydantic found into words, a line for each problem.

    Args:
        error: What it found.
        secrets: Dotted keys whose values are not shown.
    """
    lines = []
    for problem in error.errors(include_url=False):
        key = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            lines.append(f"unknown key `{key}`")
        elif problem["type"] == "missing":
            lines.append(f"`{key}` is missing")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            given = problem["input"]
            hidden = isinstance(given, dict | bytes) or key in secrets
            lines.append(f"`{key}`: {message}" + ("" if hidden else f" (it is {given!r})"))
    return lines
