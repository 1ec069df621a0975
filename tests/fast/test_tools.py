"""cookiecutter and cruft make the same project, and cruft keeps it up to date."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.baking import POST_GEN, PROJECT, QUESTIONS, Baker, contents, copy_template

BIN = Path(sys.executable).parent
IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "Test"), ("EMAIL", "test@example.com"))
}


def run(
    *command: str | Path, cwd: Path, code: int = 0, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    home = {"HOME": str(cwd), "XDG_CONFIG_HOME": str(cwd)}
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=cwd,
        env={
            **os.environ,
            **home,
            **IDENTITY,
            "PATH": path,
            "PWD": str(cwd),
            "GIT_CONFIG_NOSYSTEM": "1",
        },
        input=typed,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def commit_all(folder: Path, message: str) -> None:
    if not (folder / ".git").exists():
        run("git", "init", "--quiet", "--initial-branch=main", cwd=folder)
    run("git", "add", "--all", cwd=folder)
    run("git", "commit", "--quiet", f"--message={message}", cwd=folder)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Give a git repository with this template, to which a test can add a version 2."""
    folder = copy_template(tmp_path / "template-repository")
    commit_all(folder, "v1")
    return folder


def by_url(repository: Path, cwd: Path, *answers: str) -> Path:
    run("cookiecutter", f"git+file://{repository}", "--no-input", *answers, cwd=cwd)
    return cwd / "flight-delays"


def by_folder(repository: Path, cwd: Path, *answers: str) -> Path:
    run("cookiecutter", repository, "--no-input", *answers, cwd=cwd)
    return cwd / "flight-delays"


def by_cruft(repository: Path, cwd: Path, *answers: str) -> Path:
    context = json.dumps(dict(answer.split("=", 1) for answer in answers))
    run("cruft", "create", repository, "--no-input", "--extra-context", context, cwd=cwd)
    return cwd / "flight-delays"


def test_same_bytes_twice(bake: Baker) -> None:
    assert contents(bake.anew()) == contents(bake.anew())


def test_all_tools_make_the_same_project(repository: Path, tmp_path: Path) -> None:
    made = {}
    for make in (by_url, by_folder, by_cruft):
        folder = tmp_path / make.__name__
        folder.mkdir()
        made[make] = contents(
            make(repository, folder, "author_name=Zoë O'Neil \\ 🚀", "description={a} ${x} }")
        )
    links = {make: json.loads(made[make].pop(".cruft.json")) for make in (by_url, by_cruft)}
    assert made[by_url] == made[by_folder] == made[by_cruft]
    assert links[by_url]["commit"] == links[by_cruft]["commit"]
    assert links[by_url]["template"].removeprefix("file://") == str(repository)
    public = {
        make: {k: v for k, v in link["context"]["cookiecutter"].items() if k[0] != "_"}
        for make, link in links.items()
    }
    assert public[by_url] == public[by_cruft]
    assert public[by_cruft]["description"] == "{a} ${x} }"


def test_enter_all_the_way(template: Path, tmp_path: Path, bake: Baker) -> None:
    run("cookiecutter", template, cwd=tmp_path, typed="\n" * len(QUESTIONS))
    assert contents(tmp_path / "flight-delays") == contents(bake())


def test_a_bad_answer_stops_the_questions(template: Path, tmp_path: Path) -> None:
    done = run("cookiecutter", template, cwd=tmp_path, typed="Class\n\nclass\n", code=1)
    assert done.stderr.startswith("package_name: 'class' ")
    assert "[4/" not in done.stdout, "no further question"


def test_what_was_typed_before_a_bad_answer_can_be_repeated(
    template: Path, tmp_path: Path, bake: Baker
) -> None:
    typed = 'The "late" ones & $HOME\nlate-ones\nclass\n'
    done = run("cookiecutter", template, "notebooks=n", cwd=tmp_path, typed=typed, code=1)
    line, advice, command = done.stderr.splitlines()
    assert line.startswith("package_name: 'class' ")
    assert advice == "Go on from here with:"
    run("sh", "-c", command, cwd=tmp_path, typed="\n" * len(QUESTIONS))
    again = bake(project_name='The "late" ones & $HOME', project_slug="late-ones", notebooks=False)
    assert contents(tmp_path / "late-ones") == contents(again)


def test_what_was_typed_before_a_bad_answer_can_be_repeated_with_cruft(
    repository: Path, tmp_path: Path
) -> None:
    extra = json.dumps({"notebooks": "n", "project_name": "It's"})
    tool = ["cruft", "create", str(repository), "--extra-context", extra]
    done = run(*tool, cwd=tmp_path, typed="\nits\nclass\n", code=1)
    command = done.stderr.splitlines()[-1]
    run("sh", "-c", command, cwd=tmp_path, typed="\n" * len(QUESTIONS))
    state = json.loads((tmp_path / "its/.cruft.json").read_text("utf-8"))
    answers = state["context"]["cookiecutter"]
    assert (answers["project_name"], answers["package_name"]) == ("It's", "its")
    assert answers["notebooks"] is False


def test_a_first_bad_answer_repeats_nothing(template: Path, tmp_path: Path) -> None:
    done = run("cookiecutter", template, cwd=tmp_path, typed="!!!\n", code=1)
    assert len(done.stderr.splitlines()) == 1


def test_what_was_made_and_what_is_next(template: Path, tmp_path: Path) -> None:
    tool = ["cookiecutter", str(template), "--no-input", "demo_app=none"]
    done = run(*tool, cwd=tmp_path)
    parts = (
        "notebooks, editor_files, monitoring, experiment_tracking=mlflow, feature_store, "
        "kubernetes, terraform=aws"
    )
    assert done.stdout.splitlines() == [
        f"Made flight-delays (classification, {parts}). Next:",
        "  cd flight-delays",
        "  make setup all    # without make: docs/onboarding.md",
    ]
    there = tmp_path / "a folder"
    done = run(*tool, "--output-dir", there, cwd=tmp_path)
    assert done.stdout.splitlines()[1] == f"  cd '{there / 'flight-delays'}'"


def test_without_hooks_the_project_says_what_to_run(template: Path, tmp_path: Path) -> None:
    """`--accept-hooks no` leaves every part in, whatever was answered."""
    tool = ["cookiecutter", str(template), "--no-input", "notebooks=n", "demo_app=none"]
    run(*tool, "--accept-hooks", "no", cwd=tmp_path)
    project = tmp_path / "flight-delays"
    assert (project / "notebooks").exists()
    done = run("sh", "scripts/setup_local_env.sh", cwd=project, code=1)
    (command,) = [line for line in done.stderr.splitlines() if line.startswith("    ")]
    done = run("make", "setup", cwd=project, code=2)
    assert command in done.stderr
    assert not (project / ".venv").exists()
    run("sh", "-c", command, cwd=tmp_path)
    made = contents(project)
    again = tmp_path / "again"
    again.mkdir()
    run(*tool, cwd=again)
    assert made == contents(again / "flight-delays")


def test_without_hooks_the_tests_say_what_to_run(template: Path, tmp_path: Path) -> None:
    run("cookiecutter", template, "--no-input", "--accept-hooks", "no", cwd=tmp_path)
    tests = tmp_path / "flight-delays/tests"
    # Nothing of the project is installed here, so only this function of its conftest runs.
    text = (tests / "conftest.py").read_text("utf-8")
    (function,) = re.findall(r"^def pytest_configure.*?\n\n\n", text, re.MULTILINE | re.DOTALL)
    head = "from pathlib import Path\n\nimport pytest\n\nROOT = Path(__file__).parents[1]\n\n\n"
    for folder in (tests / "unit", tests / "integration"):
        shutil.rmtree(folder)
    (tests / "conftest.py").write_text(head + function, "utf-8")
    done = run(sys.executable, "-m", "pytest", cwd=tests.parent, code=pytest.ExitCode.USAGE_ERROR)
    assert "cookiecutter --replay --overwrite-if-exists" in done.stderr
    (tests.parent / POST_GEN.MARKER).unlink()
    none = pytest.ExitCode.NO_TESTS_COLLECTED
    run(sys.executable, "-m", "pytest", cwd=tests.parent, code=none)


@pytest.mark.parametrize(
    "answer", ["project_slug=../x", "package_name=class", "description={{ 7*7 }}", "author_email=x"]
)
@pytest.mark.parametrize("make", [by_folder, by_cruft])
def test_a_bad_answer_prints_one_line(
    make: Callable[..., Path], answer: str, repository: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    name, value = answer.split("=", 1)
    tool = ["cookiecutter", str(repository), "--no-input", answer]
    if make is by_cruft:
        context = json.dumps({name: value})
        tool = ["cruft", "create", str(repository), "--no-input", "--extra-context", context]
    done = run(*tool, cwd=folder, code=1)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"{name}: ")
    left = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    assert left == [], "no folder is left"


@pytest.mark.parametrize("make", [by_url, by_cruft])
def test_update_keeps_edits(make: Callable[..., Path], repository: Path, tmp_path: Path) -> None:
    project = make(repository, tmp_path, "notebooks=n")
    commit_all(project, "made")
    run("cruft", "check", cwd=project)
    run("cruft", "diff", "--exit-code", cwd=project)

    pyproject = project / "pyproject.toml"
    pyproject.write_text(pyproject.read_text() + "\n[tool.mine]\nkept = true\n")
    (project / "SECURITY.md").unlink()
    commit_all(project, "edits")

    # Version 2 brings a filter, uses it, adds a file, changes a deleted one and a pruned part.
    filters = repository / "hooks/text_filters.py"
    text = filters.read_text("utf-8")
    text += '\n\ndef shout(text: str) -> str:\n    return text.upper() + "!"\n'
    text += '\n\nFILTERS["shout"] = shout\n'
    filters.write_text(text, "utf-8")
    folder = repository / PROJECT
    new = folder / "docs/new.md"
    new.parent.mkdir(exist_ok=True)
    new.write_text("# {{ cookiecutter.project_name | shout }}\n")
    for name in ("SECURITY.md", "pyproject.toml"):
        path = folder / name
        path.write_text("# Version 2\n" + path.read_text("utf-8"), "utf-8")
    (folder / "notebooks/new.ipynb").write_text("{}\n")
    commit_all(repository, "v2")

    run("cruft", "check", cwd=project, code=1)
    done = run("cruft", "update", "-y", cwd=project)
    assert "Made" not in done.stdout, "the drafts that are compared are not for people"
    run("cruft", "check", cwd=project)
    assert pyproject.read_text().startswith("# Version 2\n")
    assert "kept = true" in pyproject.read_text()
    assert (project / "docs/new.md").read_text() == "# FLIGHT DELAYS!\n"
    assert not (project / "SECURITY.md").exists(), "a file that the user removed came back"
    assert not (project / "notebooks").exists(), "a part that was not chosen came"
    assert not list(project.rglob("*.rej"))

    # A part that was left out at first can be added later, at the same version of the template.
    commit_all(project, "updated")
    run("cruft", "update", "-y", "--variables-to-update", '{"notebooks": true}', cwd=project)
    assert (project / "notebooks/eda.ipynb").exists()
    assert "kept = true" in pyproject.read_text()


def test_link_holds_no_token(repository: Path, tmp_path: Path) -> None:
    """A token in the address of the template must not be written into the project."""
    url = "https://user:token@example.com/owner/template.git"
    run("git", "remote", "add", "origin", url, cwd=repository)
    POST_GEN.link(tmp_path, {"_repo_dir": str(repository), "_template": url, "_checkout": "v1"})
    link = json.loads((tmp_path / ".cruft.json").read_text())
    assert link["template"] == "https://example.com/owner/template.git"
    assert link["checkout"] == "v1"
