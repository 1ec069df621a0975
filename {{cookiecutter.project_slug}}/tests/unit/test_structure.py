"""No module or function grows beyond what a reader takes in at once."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import {{ cookiecutter.package_name }}

ROOT = Path(__file__).parents[2]
MODULE_LINES, FUNCTION_LINES = 300, 50  # a function's docstring does not count
FOLDERS = [folder for name in ("src", "app", "scripts") if (folder := ROOT / name).is_dir()]
MODULES = sorted(path for folder in FOLDERS for path in folder.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sizes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    assert lines <= MODULE_LINES, f"{path} has {lines} lines: give a part of it a file of its own"
    for name, length in functions(ast.parse(text)):
        assert length <= FUNCTION_LINES, f"{path}: {name} has {length} lines: take a step out of it"


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield each function with its number of lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            documented = ast.get_docstring(node) is not None
            docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - docstring


def test_every_module_has_its_line_in_the_architecture() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    shown = sorted(name for row in rows for name in re.findall(r"`([\w/]+\.py)`", row))
    package = Path(inspect.getfile({{ cookiecutter.package_name }})).parent
    here = {path: path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    here |= {path: path.relative_to(ROOT).as_posix() for path in (ROOT / "app").glob("*.py")}
    assert shown == sorted(name for path, name in here.items() if path.stem.strip("_") == path.stem)


def test_a_long_function_is_seen() -> None:
    body = "\n".join(["    x = 1"] * FUNCTION_LINES)
    assert list(functions(ast.parse(f"def f():\n{body}"))) == [("f", FUNCTION_LINES + 1)]
