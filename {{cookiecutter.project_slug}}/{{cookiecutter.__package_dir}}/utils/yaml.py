"""YAML that people write: read with clear errors, edited with its comments kept."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from ..errors import UserError
from .files import write_text

BRANCHES = {"bool", "int", "float", "str", "date", "datetime"}  # of a value of several types
OF_KEYS = {"missing", "extra_forbidden", "model_type"}
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
    except UnicodeDecodeError:
        raise UserError(f"{path}: is not UTF-8 text", 2) from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}", 2) from None
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
        reason = _no_date(text) or _first_problem(error)
        raise UserError(f"{where}: not valid YAML: {reason}", 2) from None


def _first_problem(error: Exception) -> str:
    """Say in one line what ruamel says in several."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or not problem:
        return " ".join(str(error).split())
    what = " ".join(str(problem).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {what}"


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
    keys = {tuple(dotted.split(".")): value for dotted, value in values.items()}
    write_text(path, edited_yaml(path.read_text(encoding="utf-8"), keys))


def edited_yaml(text: str, values: Mapping[tuple[str, ...], Any]) -> str:
    """Return YAML with other values at some paths of keys, its comments and order kept.

    A value of `None` removes the key.
    """
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 100
    out = StringIO()
    document = yaml.load(text)
    for (*sections, key), value in values.items():
        target = document
        for section in sections:
            target = target.setdefault(section, {})
        if value is None:
            target.pop(key, None)
        else:
            target[key] = value
        comments = getattr(target, "ca", None)  # a section that is new has none
        if comments is not None and key in comments.items:
            comments.items[key][3] = None  # before a former list's items; ruamel would tear lines
    yaml.dump(document, out)
    return out.getvalue()


def explain(error: ValidationError, secrets: Collection[str] = (), model: Any = None) -> list[str]:
    """Put what pydantic found into words, a line for each problem; arguments as of `problems`."""
    return [line for _, line in problems(error, secrets, model)]


def problems(
    error: ValidationError, secrets: Collection[str] = (), model: Any = None
) -> list[tuple[str, str]]:
    """Return the dotted key of each problem that pydantic found, and a line that says what it is.

    Args:
        error: What it found.
        secrets: Dotted keys whose values are not shown.
        model: The pydantic model that was made: to name the key that an unknown one may mean.
    """
    found: dict[str, str] = {}
    for problem in error.errors(include_url=False):
        where = problem["loc"]
        if where and where[-1] in BRANCHES and problem["type"] not in OF_KEYS:
            where = where[:-1]
        key = ".".join(map(str, where))
        line = _in_words(problem, key, secrets, _known(model, where[:-1]))
        found[key] = f"{found[key]}; or {_message(problem)}" if key in found else line
    return list(found.items())


def _in_words(problem: Any, key: str, secrets: Collection[str], known: Collection[str]) -> str:
    if problem["type"] == "extra_forbidden":
        near = get_close_matches(str(problem["loc"][-1]), known, 1)
        return f"unknown key `{key}`" + (f"; did you mean `{near[0]}`?" if near else "")
    if problem["type"] == "missing":
        return f"`{key}` is missing"
    given = problem["input"]
    shown = "" if isinstance(given, dict | bytes) or key in secrets else f" (it is {given!r})"
    message = _message(problem)
    if key in secrets:
        message = message.replace("items", "characters")
    return (f"`{key}`: " if key else "") + message + shown


def _message(problem: Any) -> str:
    message: str = problem["msg"].removeprefix("Value error, ")
    if problem["type"].startswith("datetime"):
        return "must be a date, with or without a time, such as 2024-01-31 or 2024-01-31 08:30"
    return message


def _known(model: Any, where: Sequence[Any]) -> list[str]:
    """Return the keys that a model takes at a place."""
    for part in where:
        if fields := getattr(model, "model_fields", None):
            names = {field.alias or name: field for name, field in fields.items()}
            model = names[part].annotation if part in names else None
        else:  # a mapping's values
            model = next(iter(get_args(model)[1:]), None)
    fields = getattr(model, "model_fields", None) or {}
    return [field.alias or name for name, field in fields.items()]


def read_extended(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return the values of a file, and those of the file it `extends` where it has none.

    Args:
        path: The file; the one it names is relative to it.
        seen: Files that led here.

    Raises:
        UserError: As `read_yaml`, or `extends` leads back to a file; exit code 2.
    """
    values = read_yaml(path)
    base = values.pop("extends", None)
    if base is None:
        return values
    parent = path.parent / str(base)
    if parent in (*seen, path):
        raise UserError(f"{path}: `extends` leads back to {parent}", 2)
    return _merge(read_extended(parent, (*seen, path)), values)


def _merge(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: _merge(base[key], value)
        for key, value in top.items()
        if isinstance(value, dict) and isinstance(base.get(key), dict)
    }
    return base | top | both
