"""Checks on single answers, and the defaults that are made from other answers.

cookiecutter.json calls a check right after its question; a bad answer ends the run with one line.
"""

import json
import keyword
import re
import shlex
import sys
import unicodedata
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from slugify import slugify

ROOT = Path(__file__).parent.parent
MAX_SLUG = 40
JINJA = re.compile(r"\{[{%#]|[}%#]\}")  # other braces are text: ${x}, {a}
NO_JINJA = "must not contain {{ }}, {% %} or {# #}, which would be rendered"
SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
EXAMPLES = {
    "project_name": "Flight Delays",
    "project_slug": "flight-delays",
    "package_name": "flight_delays, or src",
    "description": "Predict which flights arrive late.",
    "author_name": "Ada Lovelace",
    "author_email": "ada@example.com",
    "github_owner": "ada-lovelace",
}

# What `import` finds in the project's environment under a name that no requirement bears.
IMPORT_NAMES = set(
    """
    antlr4 attr cfnlint dateutil dotenv engineio git google graphql grimp importlinter
    ipykernel_launcher isympy jsonpatch_cli jupyter markdown_it mpl_toolkits multipart mypyc
    opentelemetry pip pkg_resources py pylab pytest_locust rpds ruamel setuptools sklearn socketio
    websocket wheel xdist yaml zmq zope
    """.split()
)
# Folders of the project, and modules that Python or pytest would import in place of the package.
PROJECT_NAMES = set(
    "app benchmarks conftest docs scripts sitecustomize test tests usercustomize".split()
)
# The standard library of the oldest supported Python, without what the running one still has.
REMOVED_MODULES = set(
    """
    aifc asynchat asyncore audioop cgi cgitb chunk crypt distutils imghdr imp lib2to3 mailcap msilib
    nis nntplib ossaudiodev pipes smtpd sndhdr spwd sunau telnetlib uu xdrlib
    """.split()
)
# A slug becomes a command in the environment's bin folder, where these must keep their meaning.
COMMANDS = set(
    """
    activate bash cd detect-secrets-hook docker env git ipython jupyter lint-imports make nox pip
    pip3 pipx pre-commit py pylint python python3 sh sudo test time tox uv uvx
    """.split()
)
WINDOWS_NAMES = {"aux", "con", "nul", "prn"} | {
    f"{p}{n}" for p in ("com", "lpt") for n in "123456789"
}


def check_project_name(value: str) -> str:
    check_line("project_name", value, 80)
    if not dashed(value):
        stop("project_name", value, "needs a letter or a digit, from which to name the folder")
    return ""


def check_project_slug(value: str) -> str:
    if not SLUG.fullmatch(value) or len(value) > MAX_SLUG:
        rule = (
            f"takes up to {MAX_SLUG} lower-case letters, digits and single dashes, a letter first"
        )
        stop("project_slug", value, rule)
    if slug_is_taken(value):
        stop("project_slug", value, "is the name of a package or command that the project needs")
    return ""


def check_package_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value) or len(value) > MAX_SLUG:
        rule = f"takes up to {MAX_SLUG} lower-case letters, digits and underscores, a letter first"
        stop("package_name", value, rule)
    if package_is_taken(value):
        rule = "is a word or module of Python, of this project or of a package it needs"
        stop("package_name", value, rule)
    return ""


def check_description(value: str) -> str:
    return check_line("description", value, 200)


def check_author_name(value: str) -> str:
    return check_line("author_name", value, 100)


def check_author_email(value: str) -> str:
    local, domain = (
        r"[A-Za-z0-9_%+'-]+(\.[A-Za-z0-9_%+'-]+)*",
        r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?",
    )
    if not re.fullmatch(rf"{local}@{domain}(\.{domain})+", value) or len(value) > 254:
        stop("author_email", value, "is no e-mail address in ASCII")
    return ""


def check_github_owner(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", value) or len(value) > 39:
        rule = "takes at most 39 letters, digits and single dashes, as GitHub does"
        stop("github_owner", value, rule)
    return ""


def check_line(question: str, value: str, limit: int) -> str:
    """Accept one line of any text but Jinja, which cookiecutter and cruft would render again."""
    if not value.strip():
        stop(question, value, "must not be empty")
    if value != value.strip():
        stop(question, value, "must not begin or end with a blank")
    if any(is_unprintable(character) for character in value):
        stop(question, value, "must be one line without control characters")
    if JINJA.search(value):
        stop(question, value, NO_JINJA)
    if len(value) > limit:
        stop(question, value, f"is {len(value)} characters long, at most {limit} are allowed")
    return ""


def is_unprintable(character: str) -> bool:
    """Tell control, direction, private and impossible characters from text and emoji joiners."""
    point = ord(character)
    if point in (0x200C, 0x200D):
        return False
    impossible = point & 0xFFFE == 0xFFFE or 0xFDD0 <= point <= 0xFDEF
    return impossible or unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")


def stop(question: str, value: str, rule: str) -> NoReturn:
    """End the run with one line, and one to repeat what was typed before."""
    shown = ascii(value if len(value) <= 60 else value[:57] + "...")
    line = f"{question}: {shown} {rule}. A good answer: {EXAMPLES[question]}"
    again = repeat(sys._getframe())
    sys.exit(f"{line}\nGo on from here with:\n{again}" if again else line)


def repeat(frame: FrameType | None) -> str:
    """Return the command that ran, with the answers typed so far; nothing if none was typed.

    A check is told its value only. cookiecutter's prompt, which has all answers, is a caller of it,
    and what has cruft's `--extra-context` is a caller of that.
    """
    typed: dict[str, str] = {}
    while frame is not None:
        names = frame.f_locals
        if "cookiecutter_dict" in names and names.get("no_input") is False:
            answers = names["cookiecutter_dict"].items()
            public = [(name, str(value)) for name, value in answers if name[0] != "_"]
            typed = dict(public[:-1])  # the last one is bad: its check comes right after it
        if typed and isinstance(names.get("extra_context"), dict):
            return command(typed, dict(names["extra_context"]))
        frame = frame.f_back
    return command(typed, {}) if typed else ""


def command(typed: dict[str, str], extra: dict[str, Any]) -> str:
    """Return the command that ran, with answers added to those that it had as arguments."""
    if Path(sys.argv[0]).stem == "cruft":
        context = json.dumps(extra | typed, ensure_ascii=False)
        return shlex.join(["cruft", *sys.argv[1:], "--extra-context", context])
    answers = [f"{name}={value}" for name, value in typed.items()]
    return shlex.join(["cookiecutter", *sys.argv[1:], *answers])


def default_slug(project_name: str) -> str:
    """Name the folder after the project: valid for every accepted project name."""
    slug = cut(dashed(project_name))
    if not slug[:1].isalpha():
        slug = cut(f"project-{slug}")
    return f"{slug}-project" if slug_is_taken(slug) else slug


def default_package(project_slug: str) -> str:
    package = project_slug.replace("-", "_")
    return f"{package}_project" if package_is_taken(package) else package


def dashed(text: str) -> str:
    """Spell a text in ASCII letters and dashes; `&amp;` is no entity here but what was typed."""
    return slugify(text, entities=False, decimal=False, hexadecimal=False)


def cut(slug: str) -> str:
    return slug[:MAX_SLUG].rstrip("-")


def slug_is_taken(slug: str) -> bool:
    return slug in COMMANDS | WINDOWS_NAMES or slug.replace("-", "_") in dependencies()


def package_is_taken(package: str) -> bool:
    python = sys.stdlib_module_names | REMOVED_MODULES | WINDOWS_NAMES
    return (
        keyword.iskeyword(package)
        or package in python | PROJECT_NAMES | IMPORT_NAMES | dependencies()
    )


@lru_cache
def dependencies() -> frozenset[str]:
    """Return the names of all packages that a rendered project can install, as import names."""
    locks = json.loads((ROOT / "hooks/locks.json").read_text(encoding="utf-8"))
    names = (package["pin"].partition("==")[0] for package in locks)
    return frozenset(re.sub(r"[-_.]+", "_", name).lower() for name in names)


def refuse_templates(frame: FrameType | None) -> None:
    """Refuse Jinja in answers before it is rendered: `{{ 7*7 }}` would be 49, or run code.

    cookiecutter renders answers from the command line, a user's config or .cruft.json like the
    defaults of cookiecutter.json, before any check sees them.

    Args:
        frame: Where the extension is made, see `raw_answers`.
    """
    defaults = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
    for question, value in raw_answers(frame).items():
        is_answer = isinstance(value, str) and value != defaults.get(question)
        if is_answer and not question.startswith("_") and JINJA.search(value):
            stop(question, value, NO_JINJA)


def raw_answers(frame: FrameType | None) -> dict[str, Any]:
    """Return the answers as they were given.

    Jinja tells an extension nothing but its environment. The class that cookiecutter derives from
    Environment has the answers in an argument, `context`, and its `__init__` is running while the
    extension is made: so it is among the callers.
    """
    while frame is not None:
        context = frame.f_locals.get("context")
        if isinstance(context, dict) and isinstance(context.get("cookiecutter"), dict):
            return dict(context["cookiecutter"])
        frame = frame.f_back
    sys.exit("this cookiecutter shows no answers to the template: install cookiecutter 2.7")


FILTERS = {
    function.__name__: function
    for function in (
        check_project_name,
        check_project_slug,
        check_package_name,
        check_description,
        check_author_name,
        check_author_email,
        check_github_owner,
        default_slug,
        default_package,
    )
}
