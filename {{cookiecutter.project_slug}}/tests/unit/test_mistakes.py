"""A mistake in a feature: one line with its place and the form to write, before a row is read."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

import {{ cookiecutter.package_name }}
from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.features import helpers
from {{ cookiecutter.package_name }}.features.known import FEATURES
from {{ cookiecutter.package_name }}.features.registry import feature
from {{ cookiecutter.package_name }}.preprocess import pipeline

PACKAGE = {{ cookiecutter.package_name }}
Make = Callable[..., Config]

# The line that the message must name ends in `# here`. The table has team (texts), x (numbers) and
# when (datetimes). Where no decorator is written, it is @feature().
MISTAKES = {
    "if": (
        "def f(team):\n    if team == 'a':  # here\n        return 1\n    return 0",
        "write where(",
    ),
    "and": ("def f(x):\n    return where((x > 0) and (x < 1), 1, 0)  # here", "combine conditions"),
    "or": ("def f(x):\n    return where((x > 0) or (x < 1), 1, 0)  # here", "with & and |"),
    "not": ("def f(x):\n    return where(not x > 0, 1, 0)  # here", "write where("),
    "chain": ("def f(x):\n    return where(0 < x < 1, 1, 0)  # here", "write where("),
    "invert": ("def f(x):\n    return where(~(x > 0), 1, 0)  # here", "swap `then` and"),
    "modulo": ("def f(x):\n    return x % 60  # here", "write modulo(a, b)"),
    "floor": ("def f(x):\n    return x // 60  # here", "write floor(a / b)"),
    "method": ("def f(x):\n    return x.log1p()  # here", "no .log1p; write log(1 + x)"),
    "helper as method": ("def f(x):\n    return x.sqrt()  # here", "no .sqrt; write sqrt(x)"),
    "attribute": ("def f(when):\n    return when.dt.hour()  # here", "no .dt; write hour(x)"),
    "other method": (
        "def f(team):\n    return team.qqq()  # here",
        "use the functions of features/helpers.py",
    ),
    "text method": ("def f(team):\n    return team.lower()  # here", 'write one_of(x, ["a", "A"])'),
    "in": ("def f(team):\n    return where(team in ['a'], 1, 0)  # here", "write one_of(x, "),
    "print": ("def f(x):\n    print(x)  # here\n    return x", "leave print out"),
    "math": ("def f(x):\n    y = x + 1\n    return math.log(y)  # here", "such as log(x)"),
    "numpy": ("def f(x):\n    return np.log1p(x)  # here", "math and numpy take no column"),
    "float": ("def f(x):\n    return float(x)  # here", "functions of Python"),
    "text with a column in it": ("def f(x):\n    return f'<{x}>'  # here", "write join("),
    "text for a number": (
        "@feature()  # here\ndef f(team):\n    return team",
        'write @feature(kind="category")',
    ),
    "number for a text": (
        "@feature(kind='category')  # here\ndef f(x):\n    return x + 1",
        "must be text, not number: write @feature() above it",
    ),
    "text + number": (
        "def f(team, x):\n    return team + x  # here",
        "a + b takes a number, not a text",
    ),
    "text == number": (
        "def f(team):\n    return where(team == 1, 1, 0)  # here",
        "a == b takes a text",
    ),
    "where of two kinds": ("def f(x):\n    return where(x > 0, 1, 'b')  # here", "do not mix"),
    "datetime + number": ("def f(when):\n    return when + 1  # here", "hours_between(start, end)"),
    "hour of a number": ("def f(x):\n    return hour(x)  # here", "takes a datetime, not a number"),
    "unknown column": ("@feature()  # here\ndef f(tem):\n    return tem", "did you mean 'team'?"),
    "no return": ("@feature()  # here\ndef f(x):\n    x + 1", "end the function with `return ...`"),
    "misspelt helper": ("def f(x):\n    return flor(x)  # here", "did you mean 'floor'?"),
    "misspelt argument": ("def f(team, x):\n    return xx + 1  # here", "name 'xx' is not defined"),
    "helper not imported": ("def f(x):\n    return exp(x)  # here", "import it from .helpers"),
    "any other error": ("def f(x):\n    return x + [1][7]  # here", "IndexError: list index"),
}


@pytest.fixture
def write_feature(tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """Register a feature `f` from a file of its own; gives the line that is marked."""
    before = dict(FEATURES)

    def write(source: str) -> int:
        path = tmp_path / "features" / "feature_funcs.py"
        path.parent.mkdir()
        text = source if source.startswith("@") else f"@feature()\n{source}"
        text = f"import math\nimport numpy as np\n\n\n{text}\n"
        path.write_text(text, encoding="utf-8")
        known = {name: getattr(helpers, name) for name in ("where", "floor", "hour", "log")}
        exec(compile(text, str(path), "exec"), {"feature": feature, **known})
        return line_of(text)

    yield write
    FEATURES.clear()
    FEATURES.update(before)


def line_of(text: str) -> int:
    """Return the number of the line that ends in `# here`."""
    return [line.endswith("# here") for line in text.split("\n")].index(True) + 1


def written() -> list[Path]:
    return list(Path("data").rglob("*"))


@pytest.mark.slow
@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_in_one_line_before_a_row_is_read(
    project: Make, frame: pl.DataFrame, write_feature: Callable[[str], int], case: str
) -> None:
    source, message = MISTAKES[case]
    line = write_feature(source)
    config = project(frame, "y", **{"features.derived": ["f"]})  # not ingested: no row to read
    with pytest.raises(UserError) as caught:
        pipeline.run(config)
    text = str(caught.value)
    assert text.startswith(f"features/feature_funcs.py:{line}: feature 'f': ")
    assert message in text
    assert "\n" not in text
    assert "Symbol" not in text
    assert caught.value.code == 1
    assert not written()


def test_a_feature_that_is_right_is_traced_and_passes(
    project: Make, frame: pl.DataFrame, write_feature: Callable[[str], int]
) -> None:
    write_feature("def f(x, team):  # here\n    return where(team == 'a', log(1 + abs(x)), 0)")
    config = project(frame, "y", **{"features.derived": ["f"]})
    with pytest.raises(UserError, match="run `ingest` first"):
        pipeline.run(config)


def test_the_nearest_feature_is_suggested(
    project: Make, frame: pl.DataFrame, write_feature: Callable[[str], int]
) -> None:
    line = write_feature("@feature()  # here\ndef double(x):\n    return x * 2")
    config = project(frame, "y", **{"features.derived": ["doubel"]})
    with pytest.raises(UserError) as caught:
        pipeline.run(config)
    assert str(caught.value).startswith(
        "features.derived: no feature 'doubel' in features/feature_funcs.py; did you mean 'double' "
        f"(features/feature_funcs.py:{line})?"
    )
    assert caught.value.code == 1
    assert not written()


FILES = {
    "if": ("@feature()\ndef f(team):\n    return 1 if team == 'a' else 0  # here", "write where("),
    "syntax": ("def f(x)  # here\n    return x", "not valid Python: expected ':': def f(x)"),
    "import": ("from .helpers import flor  # here", "helpers has no 'flor'; did you mean 'floor'?"),
    "name": ("@featur()  # here\ndef f(x):\n    return x", "name 'featur' is not defined"),
    "no parentheses": ("@feature  # here\ndef f(x):\n    return x", "write @feature() with its"),
    "two of one name": (
        "def f(x):\n    return x\n\n\nfeature()(f)\nfeature()(f)  # here",
        "two features are named f",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", FILES)
def test_the_command_line_prints_the_line_and_exits_with_1(
    project: Make, frame: pl.DataFrame, case: str
) -> None:
    project(frame, "y", **{"features.derived": ["f"]})
    source, message = FILES[case]
    here = Path(PACKAGE.__name__)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(PACKAGE.__path__[0]), here, ignore=ignore)
    path = here / "features" / "feature_funcs.py"
    text = f"{path.read_text(encoding='utf-8')}\n\n{source}\n"
    path.write_text(text, encoding="utf-8")
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(  # `-m` finds the package of the working directory first
        [sys.executable, "-m", PACKAGE.__name__, "preprocess"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )
    assert done.stderr.startswith(f"error: features/feature_funcs.py:{line_of(text)}: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert (done.returncode, done.stdout) == (1, "")
    assert not written()
