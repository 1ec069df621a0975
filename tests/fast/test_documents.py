"""The documents of a rendered project: links lead somewhere, and they name what is there."""

import itertools
import re
from pathlib import Path

import pytest

from tests.baking import CHOICES, ROOT, Answers, Baker, files, minimal

ROWS: list[Answers] = [
    {},
    {"package_name": "src", "demo_app": "fastapi"},
    minimal() | {"task": CHOICES["task"][1]},
]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#]*)(?:#([^)]+))?\)")
README_LINES, AGENTS_LINES = 120, 60


@pytest.fixture(scope="module", params=ROWS, ids=lambda row: "-".join(map(str, row.values())))
def project(request: pytest.FixtureRequest, bake: Baker) -> Path:
    return bake(**request.param)


def anchors(text: str) -> set[str]:
    """Return the names that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in headings}


def test_links_lead_somewhere(project: Path) -> None:
    pages = [path for path, name in files(project) if name.endswith(".md")]
    assert len(pages) > 10
    for page in pages:
        for target, anchor in LINK.findall(page.read_text("utf-8")):
            path = page.parent / target if target else page
            # LICENSE and NOTICE are texts, reports appear later.
            assert path.exists(), f"{page.name} links to {target}"
            if anchor:
                assert anchor in anchors(path.read_text("utf-8")), f"{page.name}: #{anchor}"


def test_the_architecture_draws_the_floors_of_the_contract(project: Path) -> None:
    text = (project / "docs/architecture.md").read_text("utf-8")
    contract = (project / "pyproject.toml").read_text("utf-8").split("layers = [")[1]
    floors = re.findall(r'"([^"]+)"', contract.split("]")[0])
    drawn = re.findall(r'-->.*\["([\w.]+)', text)
    names = [name.removesuffix(".py") for name in ["cli", *drawn][: len(floors)]]
    assert names == [floor.split(" | ")[0] for floor in floors]
    page = (project / "AGENTS.md").read_text("utf-8")
    line = next(line for line in page.splitlines() if " > workflows > " in line)
    for above, below in itertools.pairwise(floors):
        assert line.index(above.split(" | ")[0]) < line.index(below.split(" | ")[0])


def test_pages_stay_short(project: Path) -> None:
    def lines(path: Path) -> int:
        return len(path.read_text("utf-8").splitlines())

    assert lines(project / "README.md") <= README_LINES
    assert lines(project / "AGENTS.md") < AGENTS_LINES
    assert lines(ROOT / "AGENTS.md") < AGENTS_LINES


def test_every_setting_is_described(project: Path) -> None:
    """Each key of the configuration's sections has a line in docs/api.md, and no other key has."""
    (package,) = {path.parent for path in (project / "src").rglob("cli.py")}
    text = (package / "config.py").read_text("utf-8")
    sections = dict(re.findall(r"^    (\w+): ([A-Z]\w+)(?: = [A-Z]\w+\(\))?$", text, re.MULTILINE))
    keys = {"task"}
    text += (package / "scale/engine.py").read_text("utf-8")
    for section, name in sections.items():
        body = text.split(f"class {name}(Section):")[1].split("\nclass ")[0]
        fields = re.findall(r"^    ([a-z]\w*): ", body, re.MULTILINE)
        keys |= {f"{section}.{field.rstrip('_')}" for field in fields}
    page = (project / "docs/api.md").read_text("utf-8")
    table = page.split("| key | meaning |")[1].split("## ")[0]
    named = {
        key for line in table.splitlines() for key in re.findall(r"`([^`]+)`", line.split(" | ")[0])
    }
    assert named == keys


def test_the_tests_that_the_threat_model_names_are_there(project: Path) -> None:
    text = (project / "SECURITY.md").read_text("utf-8")
    table = text.split("| who | reaches |")[1].split("\n\n")[0]
    rows = table.splitlines()[2:]
    assert len(rows) >= 8
    for row in rows:
        named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", row)
        assert named, f"no test shows it: {row}"
        for file, name in named:
            (path,) = (project / "tests").rglob(file)
            assert f"def {name}(" in path.read_text("utf-8"), f"{file} has no {name}"


def test_every_target_that_a_page_names_is_in_the_makefile(project: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (project / "Makefile").read_text("utf-8"), re.M))
    for path, name in files(project):
        if name.endswith(".md"):
            for words in re.findall(r"`make ([a-z -]+)", path.read_text("utf-8")):
                assert set(words.split()) <= targets, f"{name}: make {words}"
