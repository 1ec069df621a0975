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
        name, _, choice = part.partition("=")
        assert (choice or True) in CHOICES[name], f"no answer {part}"
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
