"""Render projects for tests: which answers to try, and one strict way to bake them."""

import importlib.util
import itertools
import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from pytest_cookies.plugin import Cookies

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "{{cookiecutter.project_slug}}"
PACKAGE_DIR = "{{cookiecutter.__package_dir}}"
QUESTIONS: dict[str, Any] = {
    name: default
    for name, default in json.loads((ROOT / "cookiecutter.json").read_text("utf-8")).items()
    if not name.startswith("_")
}
# The questions that decide what a project contains, with all their answers.
CHOICES: dict[str, list[Any]] = {
    name: default if isinstance(default, list) else [default, not default]
    for name, default in QUESTIONS.items()
    if isinstance(default, list | bool)
}
Answers = dict[str, Any]


def hook(name: str) -> ModuleType:
    """Import a file of hooks/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "hooks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


POST_GEN = hook("post_gen_project")
CHECKS = hook("checks")
FILTERS = hook("text_filters")


def pairwise_rows() -> list[Answers]:
    """Return few sets of answers that hold every pair of answers between them."""
    missing = {
        frozenset(pair)
        for (a, xs), (b, ys) in itertools.combinations(CHOICES.items(), 2)
        for pair in itertools.product([(a, x) for x in xs], [(b, y) for y in ys])
    }
    rows = []
    while missing:
        row = dict(min(missing, key=lambda pair: sorted(map(str, pair))))
        for name, values in CHOICES.items():
            if name not in row:
                gain = [
                    sum(frozenset({(name, v), item}) in missing for item in row.items())
                    for v in values
                ]
                row[name] = values[gain.index(max(gain))]
        rows.append({name: row[name] for name in CHOICES})
        missing -= {frozenset(pair) for pair in itertools.combinations(row.items(), 2)}
    return rows


def random_rows(seed: int, count: int) -> list[Answers]:
    """Return sets of answers that change from run to run, also in their package names."""
    rng = random.Random(seed)
    packages = ["src", "a", "flights_of_new_york_in_2013_arrival_model"[:40]]
    return [
        {name: rng.choice(values) for name, values in CHOICES.items()}
        | {"package_name": rng.choice(packages)}
        for _ in range(count)
    ]


def minimal() -> Answers:
    """Return the answers that leave out every part that can be left out."""
    return {
        name: False if isinstance(values[0], bool) else "none"
        for name, values in CHOICES.items()
        if isinstance(values[0], bool) or "none" in values
    }


def template_files() -> list[str]:
    """List the files that git would commit, so that caches and other stray ones are not baked."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.check_output(command, cwd=ROOT).decode().split("\0")
    return [name for name in listed if name and (ROOT / name).exists()]


def copy_template(target: Path) -> Path:
    """Copy what git would commit."""
    for name in template_files():
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
        copy.chmod((ROOT / name).stat().st_mode)
    return target


def expected_tree(answers: Answers) -> set[str]:
    """Return the paths that a project with these answers consists of, and no others."""
    answers = {name: values[0] for name, values in CHOICES.items()} | answers
    package = answers.get("package_name", "flight_delays")
    package_dir = "src" if package == "src" else f"src/{package}"
    names = {
        name.removeprefix(f"{PROJECT}/").replace(PACKAGE_DIR, package_dir)
        for name in template_files()
        if name.startswith(f"{PROJECT}/")
    }
    pruned = [
        pattern
        for part, patterns in POST_GEN.OPTIONAL.items()
        if not POST_GEN.is_chosen(part, answers)
        for pattern in patterns
    ]
    names.remove(POST_GEN.MARKER)
    return {name for name in names if not any(lies_in(name, pattern) for pattern in pruned)}


def lies_in(name: str, pattern: str) -> bool:
    """Tell whether a path, or a folder above it, matches a pattern relative to the project."""
    path, deep = PurePosixPath(name), pattern.removeprefix("**/")
    return any(
        folder.match(deep)
        and (deep != pattern or len(folder.parts) == len(PurePosixPath(pattern).parts))
        for folder in (path, *path.parents)
    )


def files(project: Path) -> Iterator[tuple[Path, str]]:
    """Yield every file of a project with its name relative to the project."""
    for path in sorted(project.rglob("*")):
        if path.is_file() and ".git" not in path.relative_to(project).parts:
            yield path, path.relative_to(project).as_posix()


def contents(project: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for path, name in files(project)}


class Refused(Exception):
    """cookiecutter ended with a message instead of a project."""


class Baker:
    """Bakes the template in process, and each set of answers only once."""

    def __init__(self, cookies: Cookies, template: Path) -> None:
        self.cookies = cookies
        self.template = template
        self._baked: dict[str, Path] = {}

    def __call__(self, **answers: Any) -> Path:
        """Return the folder of a project with these answers. Tests must not change it."""
        key = json.dumps(answers, sort_keys=True)
        if key not in self._baked:
            self._baked[key] = self.anew(**answers)
        return self._baked[key]

    def anew(self, **answers: Any) -> Path:
        """Bake a project that the calling test owns."""
        for name, value in answers.items():
            assert name in QUESTIONS, f"there is no question {name}; cookiecutter would ignore it"
            if name in CHOICES:
                assert value in CHOICES[name], f"{name} has no choice {value!r}"
        result = self.cookies.bake(extra_context=answers, template=str(self.template))
        if isinstance(result.exception, SystemExit):
            raise Refused(str(result.exit_code))
        if result.exception is not None:
            raise result.exception
        assert result.project_path is not None
        return Path(result.project_path)
