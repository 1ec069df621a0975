"""Checks on single answers, and filters that write free text safely into the rendered files.

cookiecutter.json calls a check right after its question; a bad answer ends the run with one line.

Filters for template files (all take any accepted answer, quotes, backslashes and emoji included):

    toml_str   "..."   TOML basic string with its quotes, ASCII only
    py_str     "..."   Python string with its quotes, ASCII only, quoted as `ruff format` wants it
    yaml_str   "..."   YAML double-quoted string with its quotes, UTF-8
    json_str   "..."   JSON string with its quotes, UTF-8
    md_text            Markdown text: shows as typed in a heading, a paragraph or a table cell
    html_text          HTML text or the inside of a quoted attribute
    plain              ASCII letters, digits, blanks and .,- only, for comments in scripts
"""

import html
import json
import keyword
import re
import sys
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import Environment
from jinja2.ext import Extension
from slugify import slugify

ROOT = Path(__file__).parent.parent
MAX_SLUG = 40
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
    websocket wheel yaml zmq zope
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
    activate bash cd docker env git ipython jupyter lint-imports make nox pip pip3 pipx pre-commit
    py pylint python python3 sh sudo test time tox uv uvx
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
    """Accept one line of any text but braces, which cookiecutter and cruft would render again."""
    if not value.strip():
        stop(question, value, "must not be empty")
    if value != value.strip():
        stop(question, value, "must not begin or end with a blank")
    if any(is_unprintable(character) for character in value):
        stop(question, value, "must be one line without control characters")
    if "{" in value or "}" in value:
        stop(question, value, "must not contain braces")
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
    shown = ascii(value if len(value) <= 60 else value[:57] + "...")
    sys.exit(f"{question}: {shown} {rule}. A good answer: {EXAMPLES[question]}")


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
    names: set[str] = set()
    project = ROOT / "{{cookiecutter.project_slug}}"
    for path in (*project.glob("requirements*"), *project.glob("constraints*")):
        lines = path.read_text(encoding="utf-8").splitlines()
        found = (re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line) for line in lines)
        names |= {re.sub(r"[-_.]+", "_", match[0]).lower() for match in found if match}
    return frozenset(names)


def toml_str(text: str) -> str:
    return f'"{escape(text, chr(34))}"'


def py_str(text: str) -> str:
    quote = "'" if text.count('"') > text.count("'") else '"'
    return f"{quote}{escape(text, quote)}{quote}"


def escape(text: str, quote: str) -> str:
    r"""Escape as TOML and Python read it: \U0001f680 where JSON would write two halves."""
    plain_text = text.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    return "".join(
        c if " " <= c <= "~" else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"
        for c in plain_text
    )


def yaml_str(text: str) -> str:
    return "".join(c if c.isprintable() else escape(c, '"') for c in json_str(text))


def json_str(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def md_text(text: str) -> str:
    """Escape what Markdown would read as markup, at the start of a line too."""
    escaped = re.sub(r"([\\`*_\[\]<>&|~$#])", r"\\\1", text)
    escaped = re.sub(r"^(\d{1,9})([.)])", r"\1\\\2", escaped)
    return re.sub(r"^([-+=:])", r"\\\1", escaped)


def html_text(text: str) -> str:
    return html.escape(text)


def plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(re.sub(r"[^A-Za-z0-9 .,-]", "", letters).split())


def refuse_templates(environment_frame: Any) -> None:
    """Refuse braces before cookiecutter renders them: `{{ 7*7 }}` would be 49, or run code.

    Answers from the command line, a user's config or .cruft.json are rendered like the defaults of
    cookiecutter.json, before any check sees them. The raw ones are in the caller's `context`.
    """
    defaults = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
    frame = environment_frame
    while frame is not None:
        context = frame.f_locals.get("context")
        if isinstance(context, dict) and isinstance(context.get("cookiecutter"), dict):
            for question, value in context["cookiecutter"].items():
                given = isinstance(value, str) and value != defaults.get(question)
                if given and not question.startswith("_") and ("{" in value or "}" in value):
                    stop(question, value, "must not contain braces")
            return
        frame = frame.f_back


class AnswerChecks(Extension):
    """Makes the checks and filters usable in cookiecutter.json and in the template's files."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        checks = {name: value for name, value in globals().items() if name.startswith("check_")}
        environment.filters.update(checks)
        for function in (default_slug, default_package, toml_str, py_str, yaml_str, json_str):
            environment.filters[function.__name__] = function
        for function in (md_text, html_text, plain):
            environment.filters[function.__name__] = function
        # `cruft update` renders the old and the new template in one process: let each load its own.
        sys.modules.pop("mlops_template_answers", None)
        refuse_templates(sys._getframe())
