"""The rendered project's rules of structure hold, and each has been seen to fail."""

from pathlib import Path

import pytest

from tests.slow.projects import Installer, run

ANSWERS = {"project_slug": "structure", "package_name": "structure", "demo_app": "none"}
UP = "One way down: a floor imports the floors below it BROKEN"
CIRCLE = "No circle between the modules of a room BROKEN"
SERVER = "The server imports nothing of training BROKEN"
PLANTED = [
    ("data/utils.py", "from ..models import train", UP),
    ("utils/files.py", "from ..config import Config", UP),
    ("features/scalars.py", "from .registry import Feature", CIRCLE),
    ("predict/response.py", "from ..models import onnx_export", SERVER),
    ("errors.py", "from .cli import main", "Only python -m imports the command line BROKEN"),
]


def plant(path: Path, line: str) -> None:
    """Put an import after the others of a module."""
    text = path.read_text("utf-8")
    head, quotes, rest = text.partition('"""\n')
    path.write_text(f"{head}{quotes}\n{line}{rest}", "utf-8")


def test_planted_faults_are_found(installed: Installer) -> None:
    project = installed(ANSWERS)
    package = project / "src/structure"
    assert "4 kept, 0 broken" in run(installed.bin / "lint-imports", cwd=project)
    for name, line, said in PLANTED:
        path = package / name
        before = path.read_text("utf-8")
        plant(path, line)
        assert said in run(installed.bin / "lint-imports", cwd=project, code=1)
        path.write_text(before, "utf-8")

    (package / "long.py").write_text('"""Long."""\n' + "x = 1\n" * 300, "utf-8")
    pytest_ = (installed.bin / "pytest", "-q", "tests/unit/test_structure.py")
    assert "give a part of it a file of its own" in run(*pytest_, cwd=project, code=1)
    branches = "".join(f"    if x == {n}:\n        return {n}\n" for n in range(13))
    complicated = f'"""Long."""\n\n\ndef f(x: int) -> int:\n    """F."""\n{branches}    return 0\n'
    (package / "long.py").write_text(complicated, "utf-8")
    assert "C901" in run(installed.bin / "ruff", "check", cwd=project, code=1)


@pytest.mark.release
def test_a_random_forest_as_the_page_says(installed: Installer) -> None:
    """docs/own_model.md, by hand: a class and a line in one file, two lines of configuration."""
    import re

    project = installed(ANSWERS)
    page = (project / "docs/own_model.md").read_text("utf-8")
    definition, line = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    path = project / "src/structure/models/estimators.py"
    text = path.read_text("utf-8")
    text = text.replace("ESTIMATORS: ", f"{definition}\n\nESTIMATORS: ")
    path.write_text(text.replace('    "dummy": Dummy,\n', f'    "dummy": Dummy,\n{line}'), "utf-8")
    config = project / "configs/default.yml"
    text = config.read_text("utf-8")
    config.write_text(text.replace("model: auto", "model: random_forest"), "utf-8")
    assert "is the champion" in run(installed.bin / "structure", "all", cwd=project)
    for tool in ("ruff", "mypy"):
        run(installed.bin / tool, *(["check"] if tool == "ruff" else []), cwd=project)
