"""The template repository itself: nothing hidden, nothing behind, no dead links."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from docs import make_options
from tests.baking import CHOICES, POST_GEN, PROJECT, QUESTIONS, ROOT, hook, pairwise_rows

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]


def test_git_ignores_no_file_of_the_template() -> None:
    """The project's own .gitignore works in here too, and could hide files from every user."""
    command = ["git", "ls-files", "--others", "--ignored", "--exclude-standard", "--", PROJECT]
    assert subprocess.check_output(command, cwd=ROOT, text=True) == ""


def test_options_page_is_current() -> None:
    assert make_options.PAGE.read_text("utf-8") == make_options.page(), "run: make options"


def test_every_question_has_a_prompt() -> None:
    raw = json.loads((ROOT / "cookiecutter.json").read_text("utf-8"))
    prompts = raw["__prompts__"]
    assert list(prompts) == list(QUESTIONS)
    for name, default in QUESTIONS.items():
        if isinstance(default, list):
            assert list(prompts[name]) == ["__prompt__", *default]
    assert "[" not in json.dumps(prompts), "Rich would swallow square brackets"


def test_pruning_table_matches_questions_and_files() -> None:
    for part, patterns in POST_GEN.OPTIONAL.items():
        name, _, choices = part.partition("=")
        for choice in choices.split(",") if choices else [True]:
            assert choice in CHOICES[name], f"no answer {part}"
        for pattern in patterns:
            found = list((ROOT / PROJECT).glob(pattern))
            assert found, f"{part}: nothing matches {pattern}"


def test_pairwise_rows_hold_every_pair() -> None:
    rows = pairwise_rows()
    for a, xs in CHOICES.items():
        for b, ys in CHOICES.items():
            for x in xs:
                for y in ys:
                    if a != b:
                        assert any(row[a] == x and row[b] == y for row in rows)


@pytest.mark.parametrize(
    ("answers", "said"),
    [({"a": "x", "b": True}, ["a=x, b=True: choose another a"]), ({"a": "x", "b": False}, [])],
)
def test_refused_combinations(answers: dict[str, Any], said: list[str]) -> None:
    pre_gen = hook("pre_gen_project")
    refused = [({"a": "x", "b": True}, "choose another a")]
    assert pre_gen.complaints(answers, refused) == said
    for combination, _ in pre_gen.REFUSED:
        assert combination.items() <= {(n, v) for n, vs in CHOICES.items() for v in vs}


def test_an_old_cookiecutter_is_refused() -> None:
    """Before 2.7 it hands "n" over as a text, which counts as chosen: the part would stay."""
    pre_gen = hook("pre_gen_project")
    yes_no = [name for name, default in QUESTIONS.items() if isinstance(default, bool)]
    assert yes_no == pre_gen.YES_NO_QUESTIONS
    for answer in (True, False):
        assert pre_gen.too_old(dict.fromkeys(yes_no, answer), yes_no) == ""
    for text in ("n", "no", "True", "false", "", "n\u0435"):
        (line,) = pre_gen.too_old(dict.fromkeys(yes_no, text), yes_no).splitlines()
        assert line.startswith(yes_no[0])
        assert line.endswith("Install cookiecutter 2.7 or newer")
        assert line.isascii()


def broken_promises(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return what a project made with the old questions would lose or get unasked with the new."""
    said = []
    for name, default in old.items():
        if name not in new:
            said.append(f"{name} is gone")
        elif type(new[name]) is not type(default):
            said.append(f"{name} is of another type")
        elif isinstance(default, list):
            said += [f"{name}={choice} is gone" for choice in default if choice not in new[name]]
    added = {name: default for name, default in new.items() if name not in old}
    if list(new)[: len(old)] != list(old) and not said:
        said.append("new questions come last")
    said += [
        f"{name} must default to off"
        for name, default in added.items()
        if (default[0] if isinstance(default, list) else default) not in (False, "none")
    ]
    return said


def test_questions_keep_the_promise_of_the_last_release() -> None:
    old = {"name": "x", "cloud": ["none", "aws"], "docs": True}
    assert broken_promises(old, old | {"scale_out": ["none", "ray"], "demo": False}) == []
    assert broken_promises(old, old | {"demo": True}) == ["demo must default to off"]
    assert broken_promises(old, {"demo": False} | old) == ["new questions come last"]
    assert broken_promises(old, old | {"cloud": ["none"]}) == ["cloud=aws is gone"]
    assert broken_promises(old, {"name": "x", "docs": "yes", "cloud": ["none", "aws"]}) == [
        "docs is of another type"
    ]
    command = ["git", "tag", "--list", "v*", "--sort=-version:refname"]
    for tag in subprocess.check_output(command, cwd=ROOT, text=True).split()[:1]:
        show = ["git", "show", f"{tag}:cookiecutter.json"]
        released = json.loads(subprocess.check_output(show, cwd=ROOT))
        public = {name: value for name, value in released.items() if not name.startswith("_")}
        assert broken_promises(public, QUESTIONS) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
