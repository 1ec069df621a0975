"""The command line: exit codes, messages, and an answer without heavy imports."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml

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
    assert done.stdout.startswith("v0.1 ")
    assert done.returncode == 0


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
def test_a_place_that_cannot_be_written_is_named(folder: Path, untrained: Config) -> None:
    (folder / "taken").write_text("", encoding="utf-8")
    update_yaml(Path("configs/default.yml"), {"paths.raw": "taken/raw"})
    done = call("ingest", cwd=folder)
    assert done.returncode == 1
    assert "taken/raw: not a directory" in done.stderr
    assert "Traceback" not in done.stderr
