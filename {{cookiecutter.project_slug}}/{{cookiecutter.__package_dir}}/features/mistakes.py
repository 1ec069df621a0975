"""A mistake in a derived feature, in one line: file, line, feature, what is wrong, what to write.

Features are the first thing that people write here, so nobody should have to read a traceback of
the tracer or of polars. `check_feature` tries both forms of a feature before any row is read.
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any

from ..errors import UserError
from . import helpers
from .compile import ResultError, Symbol
from .operations import ValueKind
from .registry import FEATURES, Feature

FILE = Path(__file__).with_name("feature_funcs.py")
HELPERS = [
    name
    for name, value in vars(helpers).items()
    if getattr(value, "__module__", None) == helpers.__name__ and not name.startswith("_")
]
PROBES: Mapping[ValueKind, tuple[Any, Any]] = {
    "number": (1.0, 2.0),
    "text": ("a", "b"),
    "datetime": (datetime(2024, 2, 29, 12), datetime(2025, 1, 1)),
}
PLAIN_FUNCTION = (
    "functions of Python, math and numpy take no column; use those of features/helpers.py, "
    "such as log(x), floor(x) or where(condition, then, otherwise)"
)
METHODS = {
    "log1p": "log(1 + x)",
    "expm1": "exp(x) - 1",
    "log10": "log(x) / 2.302585092994046",
    "abs": "abs(x)",
    "pow": "x**2",
    "mod": "modulo(x, period)",
    "is_in": 'one_of(x, ["a", "b"])',
    "isin": 'one_of(x, ["a", "b"])',
    "between": "(x >= low) & (x <= high)",
    "is_between": "(x >= low) & (x <= high)",
    "dt": "hour(x), weekday_name(x), month(x)",
    "total_seconds": "hours_between(start, end)",
    "fillna": "nothing: a missing value in gives one out",
    "fill_null": "nothing: a missing value in gives one out",
    "isna": "nothing: a missing value in gives one out",
    "is_null": "nothing: a missing value in gives one out",
} | dict.fromkeys(
    ("contains", "endswith", "lower", "replace", "split", "startswith", "str", "strip", "upper"),
    'one_of(x, ["a", "A"]): a text is taken as it stands',
)


def check_feature(feature: Feature, kinds: Mapping[str, ValueKind]) -> None:
    """Try a feature's form for single rows, then its form for tables.

    Args:
        feature: The feature.
        kinds: What the values of each column of the schema are.

    Raises:
        UserError: A column is not in the schema, or one of the forms does not work.
    """
    for column in feature.columns:
        if column not in kinds:
            hint = did_you_mean(column, kinds)
            raise _mistake(
                feature, None, f"it needs column {column!r}, which the schema lacks{hint}"
            )
    try:
        _try_row(feature, kinds)
    except Exception as error:
        raise _mistake(feature, error, _in_words(error, feature)) from None
    try:
        _try_table(feature, kinds)
    except Exception as error:
        what = f"it works for a single row, but not for a table: {_in_words(error, feature)}"
        raise _mistake(feature, error, what) from None


def unknown_feature(name: str) -> UserError:
    """Return the error for a name in `features.derived` that no feature has."""
    near = get_close_matches(name, FEATURES, 1)
    hint = f"; did you mean {near[0]!r} ({place(FEATURES[near[0]])})?" if near else ""
    return UserError(
        f"features.derived: no feature {name!r} in features/{FILE.name}{hint} "
        f"(there: {', '.join(FEATURES)})"
    )


def import_mistake(error: Exception) -> UserError:
    """Return the error for a feature_funcs.py that cannot be imported."""
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{_short(Path(error.filename))}:{error.lineno}"
        return UserError(f"{where}: not valid Python: {error.msg}{_source(error.text)}")
    line = _line_in(str(FILE), error.__traceback__)
    text = _one_line(error)
    if unknown := re.match(r"cannot import name '(\w+)' from '[\w.]+\.helpers'", text):
        text = f"helpers has no {unknown[1]!r}{did_you_mean(unknown[1], HELPERS)}"
    elif isinstance(error, NameError):
        text += did_you_mean(str(error.name), HELPERS)
    elif "feature() takes 0 positional arguments" in text:
        text = "write @feature() with its parentheses, not @feature"
    return UserError(f"{_short(FILE)}{f':{line}' if line else ''}: {text}")


def place(feature: Feature) -> str:
    """Return where a feature begins, such as features/feature_funcs.py:41."""
    code = _code(feature)
    return f"{_short(Path(code.co_filename))}:{code.co_firstlineno}"


def did_you_mean(name: str, names: Collection[str]) -> str:
    """Return `; did you mean 'distance'?` where a name is near, else nothing."""
    near = get_close_matches(name, names, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _try_row(feature: Feature, kinds: Mapping[str, ValueKind]) -> None:
    of_row = feature.row_function(kinds)
    for i in range(2):
        of_row({column: PROBES[kinds[column]][i] for column in feature.columns})


def _try_table(feature: Feature, kinds: Mapping[str, ValueKind]) -> None:
    import polars as pl

    table = pl.DataFrame({column: PROBES[kinds[column]] for column in feature.columns})
    result = table.select(feature.expression(kinds)).to_series()
    wanted = pl.String if feature.kind == "category" else pl.Float64
    if result.dtype not in (wanted, pl.Null):
        raise TypeError(f"the result must be {wanted}, not {result.dtype}")


def _mistake(feature: Feature, error: Exception | None, what: str) -> UserError:
    """Put a mistake in one line; its place is the line of the feature that the error came by."""
    where = place(feature)
    if error is not None and (line := _line_in(_code(feature).co_filename, error.__traceback__)):
        where = f"{where.rpartition(':')[0]}:{line}"
    return UserError(f"{where}: feature {feature.name!r}: {what}")


def _in_words(error: Exception, feature: Feature) -> str:
    """Say what was wrong, and the form to write where it is known."""
    text = _one_line(error)
    if isinstance(error, ResultError):
        return text.removeprefix(f"feature {feature.name}: ")
    if isinstance(error, AttributeError) and _is_column(error.obj):
        name = str(error.name)
        near = name if name in HELPERS else next(iter(get_close_matches(name, HELPERS, 1)), None)
        form = METHODS.get(name) or (near and f"{near}(x)")
        return f"a column has no .{name}; " + (
            f"write {form}" if form else "use the functions of features/helpers.py"
        )
    if isinstance(error, NameError):
        if error.name in HELPERS:
            return f"{text}; import it from .helpers"
        return text + did_you_mean(str(error.name), [*_code(feature).co_varnames, *HELPERS])
    if "Symbol" in text or "ufunc" in text:
        return PLAIN_FUNCTION
    return text if isinstance(error, TypeError) else f"{type(error).__name__}: {text}"


def _is_column(value: Any) -> bool:
    """Tell a column, of single rows or of a table, from other objects."""
    return isinstance(value, Symbol) or type(value).__module__.startswith("polars.")


def _code(feature: Feature) -> CodeType:
    code: CodeType = feature.function.__code__
    return code


def _line_in(file: str, trace: TracebackType | None) -> int | None:
    """Return the innermost line of a file that a traceback names."""
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _source(text: str | None) -> str:
    return f": {text.strip()}" if text and text.strip() else ""


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
