"""What pages tell people to type is there: commands with options, scripts, targets, workflows."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from {{ cookiecutter.package_name }}.cli import app

ROOT = Path(__file__).parents[2]
SLUG = "{{ cookiecutter.project_slug }}"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^( *)```(?:sh|bash|console)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
HELP = CliRunner(env={"COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb"})


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command in the shell blocks of a page."""
    for _, block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\|\||[|;]|\$\(", re.sub(r"(^|\s)#.*", "", line)):
                words = shlex.split(part.replace("'", "").replace('"', "").replace(")", ""))
                while words and re.fullmatch(r"export|do|while|\w+=\S*", words[0]):
                    words.pop(0)
                if words:
                    yield words


def missing(words: list[str]) -> str:
    """Return what of a command is not there; an empty text where all is, or it is not ours."""
    name, *rest = words
    if Path(name).name == SLUG:
        return unknown_command(rest)
    scripts = [ROOT / word for word in words[:3] if re.fullmatch(r"scripts/\w+\.(py|sh)", word)]
    scripts += [
        ROOT / word.lstrip("./") for word in words if word.startswith("../../../../scripts/")
    ]
    for path in scripts:
        if not path.is_file():
            return str(path.relative_to(ROOT))
        text = path.read_text("utf-8")
        options = (word.split("=")[0] for word in rest if word.startswith("--"))
        if lacks := [option for option in options if f'"{option}"' not in text]:
            return f"{path.name} {lacks[0]}"
    if name == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        unknown = [word for word in rest if re.fullmatch(r"[a-z-]+", word) and word not in targets]
        return f"make {unknown[0]}" if unknown else ""
    workflows = ROOT / ".github/workflows"
    if words[:3] == ["gh", "workflow", "run"] and not (workflows / words[3]).is_file():
        return words[3]
    return ""


def unknown_command(words: list[str]) -> str:
    """Hold a call of the command line against its help."""
    named: list[str] = []
    for word in words:
        if (
            not re.fullmatch(r"[a-z][a-z-]*", word)
            or HELP.invoke(app, [*named, word, "--help"]).exit_code
        ):
            break
        named.append(word)
    if words and not named and not words[0].startswith("-"):
        return " ".join(words)
    said = HELP.invoke(app, [*named, "--help"]).output
    options = (word.split("=")[0] for word in words if word.startswith("--"))
    lacks = [option for option in options if not re.search(rf"{option}\b", said)]
    return " ".join([*named, *lacks]) if lacks else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_tells_to_type_is_there(page: Path) -> None:
    for words in commands(page.read_text("utf-8")):
        assert missing(words) == "", f"{page.name}: {' '.join(words)}"


@pytest.mark.parametrize(
    "line",
    [
        f".venv/bin/{SLUG} model rollback",
        f"{SLUG} models promote v0.1 --forced",
        ".venv/bin/python scripts/back_up.py",
        ".venv/bin/python scripts/backup.py --bring-back x",
        "cat x | python3 ../../../../scripts/rolled_out.py to",
        "make ingest proprocess",
        "gh workflow run deployed.yml",
    ],
)
def test_what_is_not_there_is_found(line: str) -> None:
    found = list(commands(f"```sh\n{line}   # so\n```\n"))
    assert any(missing(words) for words in found)
