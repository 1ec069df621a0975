"""The command line: exit codes, messages, and an answer without heavy imports."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml

Project = Callable[..., Config]

PACKAGE = "{{ cookiecutter.package_name }}"


def call(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(
        [sys.executable, "-m", PACKAGE, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": paths, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_names_every_command(tmp_path: Path) -> None:
    done = call("--help", cwd=tmp_path)
    assert done.returncode == 0
    for command in ("schema", "ingest", "preprocess", "train", "evaluate", "all", "predict"):
        assert command in done.stdout


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = f"import sys, {PACKAGE}.cli; print(*sys.modules)"
    paths = os.pathsep.join(path for path in sys.path if path)
    loaded = subprocess.check_output(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": paths}, text=True
    ).split()
    heavy = {"numpy", "polars", "pyarrow", "pydantic", "lightgbm", "sklearn", "onnxruntime", "rich"}
    assert not heavy & set(loaded)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["train"], 2, "configs/default.yml: no such file. Run from the project's folder"),
        (["nonsense"], 2, "No such command"),
        (["train", "--config", "nowhere.yml"], 2, "nowhere.yml: no such file"),
    ],
)
def test_wrong_use(tmp_path: Path, arguments: list[str], code: int, named: str) -> None:
    done = call(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert named in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_failed_check_is_exit_1(folder: Path) -> None:
    done = call("preprocess", cwd=folder)
    assert done.returncode == 1
    assert "run `ingest` first" in done.stderr


@pytest.mark.slow
def test_models_list(trained: SimpleNamespace, folder: Path) -> None:
    assert "Next: train" in call("models", "list", cwd=folder).stdout
    done = call("models", "list", cwd=trained.folder)
    headers, first, note = done.stdout.splitlines()
    metrics = list(trained.model.metadata.metrics)[:3]
    assert headers.split() == ["version", "champion", "created", "model", *metrics]
    assert first.startswith("v0.1 ")
    assert first.split()[-3:] == [f"{trained.model.metadata.metrics[name]:.4f}" for name in metrics]
    assert max(len(headers), len(first)) < 100
    assert "validation rows" in note
    assert done.returncode == 0


def test_models_list_fails_where_a_version_is_damaged(
    trained: SimpleNamespace, folder: Path
) -> None:
    shutil.copytree(trained.model.folder, folder / "models/v0.1")
    (folder / "models/v0.1/metadata.json").write_text("{}", "utf-8")
    done = call("models", "list", cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "metadata.json: missing or broken" in done.stderr


def test_an_empty_folder_among_the_versions_is_named(folder: Path) -> None:
    (folder / "models/v0.1").mkdir(parents=True)
    done = call("models", "list", cwd=folder)
    assert done.returncode == 1
    assert "v0.1 is an empty folder: remove it" in done.stderr


def test_json_of_models_list(promoted: SimpleNamespace, folder: Path) -> None:
    assert json.loads(call("models", "list", "--json", cwd=folder).stdout) == []
    (entry,) = json.loads(call("models", "list", "--json", cwd=promoted.folder).stdout)
    metadata = promoted.model.metadata
    assert entry["metrics"] == metadata.metrics
    assert entry["champion"] is True
    assert (entry["version"], entry["created"]) == ("v0.1", metadata.created)


def test_json_of_models_history(promoted: SimpleNamespace, folder: Path) -> None:
    assert json.loads(call("models", "history", "--json", cwd=folder).stdout) == []
    entry = json.loads(call("models", "history", "--json", cwd=promoted.folder).stdout)[-1]
    assert entry["version"] == "v0.1"
    assert entry.keys() == {"version", "when", "who", "reason"}


def test_json_of_evaluate_is_all_that_is_printed(project: Project, frame: pl.DataFrame) -> None:
    config = project(frame, "y")
    for command in ("ingest", "preprocess", "train"):
        assert call(command, cwd=Path.cwd()).returncode == 0
    done = call("evaluate", "--json", cwd=Path.cwd())
    assert done.returncode == 0
    written = config.paths.artifacts / "v0.1/evaluation.json"
    assert json.loads(done.stdout) == json.loads(written.read_text(encoding="utf-8"))


def test_version(tmp_path: Path) -> None:
    """That of the installed distribution; where none is installed, it says so."""
    names = packages_distributions().get(PACKAGE, [])
    done = call("--version", cwd=tmp_path)
    assert done.returncode == 0
    said = f"{names[0]} {version(names[0])}" if names else f"{PACKAGE}, not installed"
    assert done.stdout == f"{said}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(tmp_path: Path, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Typer asks the process tree for the shell; whatever runs these tests need not have one.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    done = call("--show-completion", shell, cwd=tmp_path)
    assert done.returncode == 0
    assert "complet" in done.stdout
    asked = {"_APP_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "app models pro"}
    code = f"from {PACKAGE}.cli import app; app(prog_name='app')"
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": paths} | asked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "promote" in done.stdout
    assert "rollback" not in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_colors_are_for_terminals_only(tmp_path: Path) -> None:
    assert "\x1b[" not in call("train", cwd=tmp_path).stderr
    for changes, colored in (({}, True), ({"NO_COLOR": "1"}, False)):
        shown = on_a_terminal("train", cwd=tmp_path, **changes)
        assert ("\x1b[31merror\x1b[0m: " in shown) is colored
        assert "no such file" in shown


def on_a_terminal(*arguments: str, cwd: Path, **changes: str) -> str:
    """Run a command as a person would, and return what the terminal shows."""
    import pty

    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", PACKAGE, *arguments],
        cwd=cwd,
        env=environment | {"PYTHONPATH": paths, "TERM": "xterm"} | changes,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # Linux ends it with an error
            while part := os.read(ours, 4096):
                shown += part
    os.close(ours)
    return shown.decode()


@pytest.mark.slow
def test_predict_takes_the_source_by_itself(promoted: SimpleNamespace, folder: Path) -> None:
    """Whatever its name: `make predict` without FILE does this."""
    config = promoted.config
    table = config.paths.raw / config.data.file_name
    copy = folder / f'my "odd" $table.{table.name}'
    copy.write_bytes(table.read_bytes())
    store = {"serve.store": str(config.paths.models)}
    update_yaml(Path("configs/default.yml"), {"data.source": copy.name, **store})
    done = call("predict", "--out", "out.parquet", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "rows predicted by v0.1" in done.stdout
    copy.unlink()
    done = call("predict", "--out", "out.parquet", cwd=folder)
    assert done.returncode == 2
    assert "(data.source) is not here: name a FILE, or run `ingest` first" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a file where a folder should be")
@pytest.mark.usefixtures("untrained")
def test_a_place_that_cannot_be_written_is_named(folder: Path) -> None:
    (folder / "taken").write_text("", encoding="utf-8")
    update_yaml(Path("configs/default.yml"), {"paths.raw": "taken/raw"})
    done = call("ingest", cwd=folder)
    assert done.returncode == 1
    assert "taken/raw: not a directory" in done.stderr
    assert "Traceback" not in done.stderr
