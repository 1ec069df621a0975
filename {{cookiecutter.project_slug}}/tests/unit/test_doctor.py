"""What `doctor` sees: a sound project, and one fault after the other, each with what mends it."""

import json
import shutil
import socket
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from typer.testing import CliRunner

from {{ cookiecutter.package_name }} import config as configuration
from {{ cookiecutter.package_name }}.cli import app
from {{ cookiecutter.package_name }}.config import DEFAULT as CONFIG
from {{ cookiecutter.package_name }}.data import ingest
from {{ cookiecutter.package_name }}.preprocess import pipeline
from {{ cookiecutter.package_name }}.workflows import doctor
from {{ cookiecutter.package_name }}.workflows.doctor import Finding

from ..conftest import QUICK

Make = Callable[..., configuration.Config]


def use(config: configuration.Config, **paths: str) -> None:
    """Write a configuration, with other paths where they are given."""
    settings = json.loads(config.model_dump_json(by_alias=True))
    settings["paths"] |= paths
    settings["serve"] |= {"store": paths["models"]} if "models" in paths else {}
    CONFIG.write_text(json.dumps(settings), "utf-8")  # JSON is YAML


def seen(about: str) -> Finding:
    (finding,) = [one for one in doctor.run(CONFIG) if one.about == about]
    return finding


def git(*command: str) -> None:
    subprocess.run(["git", *command], check=True, capture_output=True)


def test_a_sound_project_has_nothing_to_mend(promoted: SimpleNamespace, folder: Path) -> None:
    use(promoted.config)
    for about in ("Python", "settings", "data", "sets", "versions", "champion"):
        finding = {one.about: one for one in doctor.run(CONFIG)}[about]
        assert (finding.state, finding.mend) == ("fine", ""), finding


def test_a_project_before_its_first_run_lacks_nothing_that_is_broken(folder: Path) -> None:
    for about in ("data", "sets", "versions", "champion"):
        assert seen(about).state == "look"
        assert seen(about).mend == "make all"


def test_the_packages_of_the_pins(tmp_path: Path) -> None:
    pins = tmp_path / "constraints.txt"
    right = metadata.version("numpy")
    pins.write_text(f"# From: nothing\nnumpy=={right}\nno-such-package==1.0\n", "utf-8")
    assert doctor.packages(pins).said.startswith("1 in the versions")
    pins.write_text("numpy==0.1\npip==0.1\npolars==0.1 ; sys_platform == 'none'\n", "utf-8")
    wrong = doctor.packages(pins)
    assert (wrong.state, wrong.mend) == ("mend", "make setup")
    assert wrong.said == f"numpy {right}, not 0.1"
    assert "is missing" in doctor.packages(tmp_path / "none.txt").said


def test_code_of_another_folder_is_told(folder: Path) -> None:
    assert seen("code").state == "mend"  # the tests' own folder has no package
    assert "which is not in this folder" in seen("code").said


@pytest.mark.parametrize("name", ["Makefile.rej", "docs/page.md"])
def test_leftovers_of_a_merge(folder: Path, name: str) -> None:
    assert seen("leftovers").state == "look"  # no repository
    git("init", "--quiet")
    assert seen("leftovers").state == "fine"
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text("ours\n<<<<<<< ours\ntheirs\n", "utf-8")
    assert seen("leftovers").state == "mend"
    assert name in seen("leftovers").said


def test_a_project_whose_hooks_did_not_run(folder: Path) -> None:
    Path("HOOKS_DID_NOT_RUN.md").write_text("mend me", "utf-8")
    assert seen("leftovers").mend == "read HOOKS_DID_NOT_RUN.md"


def test_broken_settings_end_the_screen(folder: Path) -> None:
    CONFIG.write_text("task: [", "utf-8")
    *_, last = doctor.run(CONFIG)
    assert (last.about, last.state) == ("settings", "mend")
    assert str(CONFIG) in last.said


def test_a_changed_table_and_stale_sets(project: Make, frame: pl.DataFrame) -> None:
    config = project(frame, "y", **QUICK)
    ingest.run(config)
    pipeline.run(config)
    raw = config.paths.raw / config.data.file_name
    raw.chmod(0o644)
    raw.write_bytes(raw.read_bytes() + b"\n")
    assert seen("data").state == "mend"
    assert "was changed after it was ingested" in seen("data").said
    assert seen("sets").state == "fine"
    schema = config.paths.schema_
    schema.write_text(schema.read_text("utf-8").replace("role: id", "role: ignore"), "utf-8")
    assert seen("sets").state == "mend"
    assert "stale" in seen("sets").said


def test_a_damaged_version_and_champion(promoted: SimpleNamespace, folder: Path) -> None:
    shutil.copytree(promoted.config.paths.models, folder / "models")
    use(promoted.config, models="models")
    assert seen("champion").state == "fine"
    (folder / f"models/{promoted.model.version}/model.onnx").write_bytes(b"")
    assert seen("champion").state == "mend"
    assert "model.onnx" in seen("champion").said
    (folder / f"models/{promoted.model.version}/metadata.json").write_text("{}", "utf-8")
    assert seen("versions").state == "mend"


def test_a_port_that_is_taken() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert doctor.port("127.0.0.1", port).said.endswith("something listens there already")
    assert doctor.port("127.0.0.1", 0).state == "fine"


def test_what_only_a_person_can_state(folder: Path) -> None:
    page = Path("docs/page.md")
    page.parent.mkdir()
    page.write_text("To be stated: who.\n\nTo be stated: why.\n", "utf-8")
    finding = doctor.statements()
    assert (finding.state, finding.said) == ("look", "still to be stated: docs/page.md (2)")
    page.write_text("Everybody, for fun.\n", "utf-8")
    assert doctor.statements().state == "fine"


def test_the_command_fails_where_something_must_be_mended(folder: Path) -> None:
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1  # the code is not of this folder
    assert "mend code" in done.output
    assert "-> make setup" in done.output
