"""Bad answers end with one clear line; any other text arrives unharmed in every rendered file."""

import ast
import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.baking import CHECKS, FILTERS, PROJECT, ROOT, Answers, Baker, Refused, files, hook

REFUSED = [
    ("project_name", ""),
    ("project_name", "   "),
    ("project_name", " Flight Delays"),
    ("project_name", "🚀🚀"),
    ("project_name", "!!!"),
    ("project_name", "x" * 300),
    ("project_name", "{{ 7*7 }}"),
    ("project_name", "{{ cookiecutter.__class__ }}"),
    ("project_name", "{% include 'x' %}"),
    ("project_name", "{# nothing #}"),
    ("project_name", "Flights {{2013}"),
    ("project_name", "Flights 2013}}"),
    ("project_name", "Flight\nDelays"),
    ("project_name", "Flight\tDelays"),
    ("project_name", "Flight\x00Delays"),
    ("project_name", "Flight\x1b[31mDelays"),
    ("project_name", "Flight\u2028Delays"),
    ("project_name", "Flight \u202etxt.exe"),
    ("project_slug", ""),
    ("project_slug", "../flights"),
    ("project_slug", ".."),
    ("project_slug", "/tmp/flights"),
    ("project_slug", "C:\\flights"),
    ("project_slug", "flights/delays"),
    ("project_slug", "Flights"),
    ("project_slug", "flight delays"),
    ("project_slug", "flight_delays"),
    ("project_slug", "-flights"),
    ("project_slug", "flights-"),
    ("project_slug", "2013-flights"),
    ("project_slug", "x" * 41),
    ("project_slug", "x" * 300),
    ("project_slug", "{{ 'x' * 3 }}"),
    ("project_slug", "{flights}"),
    ("project_slug", "flüge"),
    ("project_slug", "nul"),
    ("project_slug", "python"),
    ("project_slug", "flights\n"),
    ("package_name", ""),
    ("package_name", "class"),
    ("package_name", "import"),
    ("package_name", "json"),
    ("package_name", "random"),
    ("package_name", "distutils"),
    ("package_name", "tests"),
    ("package_name", "sklearn"),
    ("package_name", "yaml"),
    ("package_name", "1flights"),
    ("package_name", "_flights"),
    ("package_name", "flight-delays"),
    ("package_name", "flight.delays"),
    ("package_name", "../flights"),
    ("package_name", "/flights"),
    ("package_name", "Flights"),
    ("package_name", "{flights}"),
    ("package_name", "{{ 'x' * 3 }}"),
    ("package_name", "x" * 300),
    ("description", ""),
    ("description", "x" * 300),
    ("description", "two\nlines"),
    ("description", "${{ secrets.TOKEN }}"),
    ("description", "{{{ 7*7 }}}"),
    ("description", "{%- raw -%}"),
    ("description", "{{"),
    ("description", "}}"),
    ("description", "{%"),
    ("description", "%}"),
    ("description", "{#"),
    ("description", "#}"),
    ("description", "bell \a"),
    ("author_name", ""),
    ("author_name", "x" * 300),
    ("author_name", "Ada\r\nLovelace"),
    ("author_name", "{{ cookiecutter }}"),
    ("author_name", "{% set x = 1 %}"),
    ("author_name", "{# note #}"),
    ("author_name", "Ada }} Lovelace"),
    ("author_email", ""),
    ("author_email", "ada"),
    ("author_email", "ada@example"),
    ("author_email", "ada@@example.com"),
    ("author_email", "ada@example..com"),
    ("author_email", "ada lovelace@example.com"),
    ("author_email", "Ada <ada@example.com>"),
    ("author_email", '"ada"@example.com'),
    ("author_email", "ada@example.com\n"),
    ("author_email", "{ada}@example.com"),
    ("author_email", "{{ 'ada' }}@example.com"),
    ("author_email", "a" * 300 + "@example.com"),
    ("github_owner", ""),
    ("github_owner", "ada lovelace"),
    ("github_owner", "ada/flights"),
    ("github_owner", "-ada"),
    ("github_owner", "ada--lovelace"),
    ("github_owner", "{ada}"),
    ("github_owner", "{{ 'ada' }}"),
    ("github_owner", "x" * 300),
]


@pytest.mark.parametrize(("question", "value"), REFUSED, ids=lambda text: ascii(text[:30]))
def test_bad_answer_is_refused(question: str, value: str, bake: Baker, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refusal:
        bake.anew(**{question: value})
    message = str(refusal.value)
    assert len(message.splitlines()) == 1, "one line"
    assert message.isascii(), "shows on any terminal"
    assert len(message) < 250
    assert message.startswith(f"{question}: ")
    assert message.endswith(f"A good answer: {CHECKS.EXAMPLES[question]}")


def test_every_text_question_is_checked() -> None:
    raw = json.loads((ROOT / "cookiecutter.json").read_text("utf-8"))
    names = list(raw)
    for name, default in raw.items():
        if isinstance(default, str) and not name.startswith("_"):
            check = f"{{{{ cookiecutter.{name} | check_{name} }}}}"
            assert raw[f"__check_{name}"] == check
            assert names.index(f"__check_{name}") == names.index(name) + 1, "checked at once"
            assert name in {question for question, _ in REFUSED}


def test_examples_are_accepted() -> None:
    for question, text in CHECKS.EXAMPLES.items():
        for value in text.split(", or "):
            assert getattr(CHECKS, f"check_{question}")(value) == ""


def test_answers_are_not_rendered_before_they_are_checked() -> None:
    """Where the answers cannot be seen in time, nothing may be rendered."""
    with pytest.raises(SystemExit, match="cookiecutter"):
        CHECKS.refuse_templates(None)


def test_names_of_dependencies_are_taken() -> None:
    files = [path.name for path in (ROOT / PROJECT).glob("requirements*")]
    for file in files:
        path = ROOT / PROJECT / file
        for line in path.read_text("utf-8").splitlines():
            if line and line[0].isalnum():
                name = re.split(r"[^A-Za-z0-9._-]", line)[0].lower()
                assert CHECKS.slug_is_taken(re.sub(r"[._]", "-", name)), f"{file}: {name}"
                assert CHECKS.package_is_taken(re.sub(r"[.-]", "_", name)), f"{file}: {name}"


def test_a_requirement_that_is_not_locked_is_refused() -> None:
    locks = hook("locks")
    assert "flask==" in locks.pins("# a comment\nflask>=3.0\n\n")
    with pytest.raises(SystemExit, match=r"flask>=99: not in locks\.json\. Run: python scripts"):
        locks.pins("flask>=3.0\nflask>=99")


def test_names_of_commands_are_taken(bake: Baker) -> None:
    """What the project calls from its environment must not be replaced by its own command."""
    text = (bake() / "Makefile").read_text("utf-8")
    called = set(re.findall(r"\$\(BIN\)/([a-z-]+)", text)) - {"flight-delays"}
    assert {"pytest", "ruff"} <= called
    assert [name for name in called if not CHECKS.slug_is_taken(name)] == []


@settings(max_examples=500, deadline=None)
@given(st.text(min_size=1, max_size=80))
@example("Class")
@example("Numpy")
@example("Json")
@example("2013")
@example("日本の便")
@example("Pre Commit")
@example("Scikit Learn")
@example("x" * 80)
@example("a " * 40)
def test_derived_defaults_are_valid(name: str) -> None:
    """Whoever gives a project name only must not be told off for the names made from it."""
    try:
        CHECKS.check_project_name(name)
    except SystemExit:
        return
    slug = CHECKS.default_slug(name)
    assert CHECKS.check_project_slug(slug) == ""
    assert CHECKS.check_package_name(CHECKS.default_package(slug)) == ""


TEXTS = [
    'double "quotes"',
    "it's an apostrophe",
    "both ' and \"",
    "'single' at 'ends'",
    '"""',
    "'''",
    "back\\slash",
    "ends with \\",
    "\\",
    "\\n is no newline, \\u0041 no letter",
    "C:\\new\\tables",
    "emoji 🚀 and 👩\u200d🚀",
    "Zürich, Łódź, Ελλάδα, 東京",
    "e\u0301 combining",
    "right to left: שלום",
    "no\u00a0break",
    "50 % & more; less",
    "a: b",
    "key: [1, 2]",
    "- item",
    "* star",
    "+ plus",
    "# not a heading",
    "ends with #",
    "1. not a list",
    "2) nor this",
    "> not a quote",
    "=== title ===",
    "--- rule",
    "~~~ fence",
    "~~struck~~",
    "`code` and ``more``",
    "*stars* and **two** and _under_ __dunder__",
    "[link](https://example.com) ![image](x.png)",
    "<b>bold</b> <script>alert(1)</script>",
    "&amp; &lt;",
    "a | b | c",
    "$HOME $(id) `id` ${x}",
    "${x}",
    "{a}",
    "Flights {2013}",
    "{",
    "}",
    "ends with {",
    "} begins",
    "} both ways {",
    "{ {x} }",
    "{0} {} {a!r:>9}",
    "#{x} %{y} @{z} {-x-}",
    '{"a": {"b": 1} }',
    "\\{x\\}",
    "{ % x % } { # y # }",
    "%s %(name)s %d",
    "@mention, !important, ?query",
    "null",
    "true",
    "yes",
    "~",
    "0x10",
    "1e3",
    "2013-01-01",
    "https://example.com/a_b_c?d=e&f#g",
    ":rocket: ::",
    "! tag",
    "x" * 80,
]
FREE_TEXT = ["project_name", "description", "author_name"]
SENTINELS = {name: f"Qx sentinel of {name} xQ".replace("_", " ") for name in FREE_TEXT}
SENTINELS["author_email"] = "qx.sentinel@example.com"
EMAIL = "o'brien+ml_ops%_x_@example.com"
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
SETTINGS = settings(
    max_examples=50,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def words(name: str, text: str) -> list[str]:
    """Return the strings that a parser of this kind of file finds in it."""
    suffix = Path(name).suffix
    if suffix == ".toml":
        return scalars(tomllib.loads(text))
    if suffix in (".yml", ".yaml"):
        return scalars(list(yaml.safe_load_all(text)))
    if suffix in (".json", ".ipynb"):
        return scalars(json.loads(text))
    if suffix == ".py":
        nodes = ast.walk(ast.parse(text))
        return [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    if suffix == ".md":
        front: list[str] = []
        if text.startswith("---\n"):
            _, matter, text = text.split("---\n", 2)
            front = scalars(yaml.safe_load(matter))
        return front + markdown_texts(text)
    return [text]


def scalars(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for item in pair for text in scalars(item)]
    if isinstance(value, list):
        return [text for item in value for text in scalars(item)]
    return [value] if isinstance(value, str) else []


def markdown_texts(text: str) -> list[str]:
    """Return what a reader sees of each paragraph, heading, cell and code block."""
    seen = []
    for token in MARKDOWN.parse(text):
        if token.type == "inline":
            children = token.children or []
            seen.append(
                "".join(c.content if c.content else " " * (c.type == "softbreak") for c in children)
            )
        elif token.content:
            seen.append(token.content)
    return seen


@pytest.fixture(scope="module")
def places(bake: Baker) -> dict[tuple[str, str], int]:
    """Count how often each file carries each free text, with harmless ones."""
    project = bake(**SENTINELS, project_slug="flights")
    counts = {}
    for path, name in files(project):
        text = path.read_bytes().decode("utf-8", "ignore")
        for question, sentinel in SENTINELS.items():
            if sentinel in text or sentinel in " ".join(words(name, text)):
                found = sum(word.count(sentinel) for word in words(name, text))
                assert found, f"{name} carries {question} where no parser finds it"
                counts[name, question] = found
    return counts


def assert_unharmed(bake: Baker, places: dict[tuple[str, str], int], answers: Answers) -> None:
    answers = answers | {"author_email": EMAIL}
    project = bake.anew(**answers, project_slug="flights")
    for (name, question), count in places.items():
        found = words(name, (project / name).read_text("utf-8"))
        carried = sum(word.count(answers[question]) for word in found)
        assert carried >= count, f"{name} does not carry {question}={answers[question]!r}: {found}"
    assert (project / "pyproject.toml").read_bytes().isascii()


def test_free_text_is_used(places: dict[tuple[str, str], int]) -> None:
    used = set(places)
    assert ("pyproject.toml", "description") in used
    assert ("pyproject.toml", "author_name") in used
    assert ("README.md", "project_name") in used


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_any_text_arrives_unharmed(
    text: str, bake: Baker, places: dict[tuple[str, str], int]
) -> None:
    name = text if any(letter.isalnum() for letter in text) else f"{text} 1"
    assert_unharmed(bake, places, dict.fromkeys(FREE_TEXT, text) | {"project_name": name})


def is_one_line(text: str) -> bool:
    jinja = any(mark in text for mark in ("{{", "}}", "{%", "%}", "{#", "#}"))
    return text == text.strip() != "" and not jinja and not any(map(CHECKS.is_unprintable, text))


# Braces, and what stands beside them in Jinja, are drawn more often than chance would.
CHARACTERS = st.characters() | st.sampled_from("{}$%#")
LINES = st.text(CHARACTERS, max_size=60).filter(is_one_line)


@SETTINGS
@given(st.lists(LINES, min_size=3, max_size=3))
def test_random_text_arrives_unharmed(
    bake: Baker, places: dict[tuple[str, str], int], texts: list[str]
) -> None:
    answers = dict(zip(FREE_TEXT, texts, strict=True))
    answers["project_name"] = f"Qx{answers['project_name']}"
    assert_unharmed(bake, places, answers)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80))
def test_filters_round_trip(text: str) -> None:
    assert tomllib.loads(f"x = {FILTERS.toml_str(text)}") == {"x": text}
    assert FILTERS.toml_str(text).isascii()
    assert ast.literal_eval(FILTERS.py_str(text)) == text
    assert FILTERS.py_str(text).isascii()
    assert yaml.safe_load(FILTERS.yaml_str(text)) == text
    assert json.loads(FILTERS.json_str(text)) == text
    assert shlex.split(FILTERS.sh_word(text)) == [text]
    assert re.fullmatch(r"[A-Za-z0-9 .,-]*", FILTERS.plain(text))
