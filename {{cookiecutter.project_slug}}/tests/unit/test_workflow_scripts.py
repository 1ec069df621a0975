"""What `make` and the workflows do beside the commands: draw keys, carry the champion, report."""

import importlib.util
import json
import re
import shutil
import stat
import sys
import tarfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from {{ cookiecutter.package_name }}.config import Serve, load_config
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.predict.reload import ChampionReloader

SCRIPTS = Path(__file__).parents[2] / "scripts"


def script(name: str) -> ModuleType:
    """Import a script, which is in no package."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_keys_are_drawn_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_env = script("make_env")
    Path(".env").write_text("MODEL_STORE=s3://bucket", "utf-8")
    assert make_env.main() == 0
    text = Path(".env").read_text("utf-8")
    other, *keys = text.splitlines()
    assert other == "MODEL_STORE=s3://bucket"
    assert len({value for _, value in (key.split("=") for key in keys)}) == len(keys) == 2
    for key in keys:
        assert key.split("=")[1] not in capsys.readouterr().out
        monkeypatch.setenv(*key.split("="))
    settings = load_config().serve
    assert settings.api_key is not None
    assert settings.signing_key is not None
    assert make_env.make_env() == []
    assert Path(".env").read_text("utf-8") == text
    Path(".env").write_text("\n".join((other, keys[0], "")), "utf-8")
    assert make_env.make_env() == [keys[1].split("=")[0]]
    assert Path(".env").read_text("utf-8").startswith(f"{other}\n{keys[0]}\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such rights")
def test_others_cannot_read_the_keys(tmp_path: Path) -> None:
    script("make_env").make_env(tmp_path / ".env")
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_the_compose_file_asks_for_the_keys_that_are_drawn(tmp_path: Path) -> None:
    text = (SCRIPTS.parent / "docker-compose.yml").read_text("utf-8")
    asked = set(re.findall(r"\$\{(\w+):\?run make env\}", text))
    assert asked == set(script("make_env").make_env(tmp_path / ".env"))


def test_the_champion_is_copied_as_it_is_served(promoted: SimpleNamespace, tmp_path: Path) -> None:
    copy = tmp_path / "champion"
    for _ in range(2):
        assert script("champion").bake(promoted.config.serve, copy) == "v0.1"
    files = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    served = {f"v0.1/{name}" for name in ("metadata.json", "model.onnx", "preprocessor.json")}
    assert files == {"champion.json"} | served
    assert json.loads((copy / "champion.json").read_text("utf-8"))["history"] == []
    champion = ChampionReloader(Serve(store=str(copy)))
    champion.refresh()
    assert champion.reason == ""


def test_without_a_champion_nothing_is_copied(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script("champion").main(["bake"]) == 1
    assert "No version has been promoted yet" in capsys.readouterr().err
    assert not Path("build").exists()


def test_a_changed_file_is_not_copied(promoted: SimpleNamespace, tmp_path: Path) -> None:
    bake = script("champion").bake
    bake(promoted.config.serve, tmp_path / "store")
    (tmp_path / "store/v0.1/preprocessor.json").write_text("{}", "utf-8")
    with pytest.raises(UserError, match=r"preprocessor\.json"):
        bake(Serve(store=str(tmp_path / "store")), tmp_path / "champion")
    assert not (tmp_path / "champion").exists()


def test_a_release_holds_the_whole_champion(promoted: SimpleNamespace, tmp_path: Path) -> None:
    champion = script("champion")
    archive = champion.pack(promoted.config.serve, tmp_path / "release")
    line = (archive.parent / "SHA256SUMS").read_text("utf-8")
    assert line == f"{champion.sha256(archive)}  model-v0.1.tar.gz\n"
    models = tmp_path / "models"
    for _ in range(2):
        assert champion.unpack(archive, models) == "v0.1"
    source = promoted.folder / "models/v0.1"
    names = {path.name for path in source.iterdir()}
    assert {path.name for path in (models / "v0.1").iterdir()} == names
    assert all(
        (models / "v0.1" / name).read_bytes() == (source / name).read_bytes() for name in names
    )
    again = champion.take(champion.ModelRegistry(str(models), models), tmp_path / "others")
    assert again == "v0.1"


def test_what_is_unpacked_is_what_was_packed(promoted: SimpleNamespace, tmp_path: Path) -> None:
    champion = script("champion")
    champion.pack(promoted.config.serve, tmp_path / "release")
    with tarfile.open(tmp_path / "release/model-v0.1.tar.gz") as archive:
        archive.extractall(tmp_path / "content", filter="data")
    (tmp_path / "content/v0.1/model.txt").write_text("changed", "utf-8")
    for name, add in {"changed.tar.gz": ".", "hostile.tar.gz": "../outside"}.items():
        with tarfile.open(tmp_path / name, "w:gz") as archive:
            archive.add(tmp_path / "content", add)
        with pytest.raises(UserError, match=r"model\.txt|no archive of"):
            champion.unpack(tmp_path / name, tmp_path / "models")
    (tmp_path / "text.tar.gz").write_text("no archive", "utf-8")
    with pytest.raises(UserError, match="no archive of"):
        champion.unpack(tmp_path / "text.tar.gz", tmp_path / "models")
    assert not (tmp_path / "models").exists()
    assert not (tmp_path / "outside").exists()


def test_a_version_of_the_same_name_is_kept(promoted: SimpleNamespace, tmp_path: Path) -> None:
    champion = script("champion")
    archive = champion.pack(promoted.config.serve, tmp_path / "release")
    shutil.copytree(promoted.folder / "models/v0.1", tmp_path / "models/v0.1")
    (tmp_path / "models/v0.1/metadata.json").write_text("{}", "utf-8")
    with pytest.raises(UserError, match="another version of that name"):
        champion.unpack(archive, tmp_path / "models")
    assert (tmp_path / "models/v0.1/metadata.json").read_text("utf-8") == "{}"


def test_wrong_use_is_refused(folder: Path) -> None:
    for words in (["unpack"], ["bake", "x.tar.gz"], ["carry"]):
        with pytest.raises(SystemExit) as ended:
            script("champion").main(words)
        assert ended.value.code == 2


def test_a_report_shows_what_was_measured_and_decided(folder: Path) -> None:
    report, config = script("ci_report"), load_config()
    (config.paths.models / "v0.1").mkdir(parents=True)
    (artifacts := config.paths.artifacts / "v0.1").mkdir(parents=True)
    row = {"value": 0.75, "low": 0.5, "high": 1.0}
    found = {
        "metadata": {"name": "flights"},
        "version": "v0.1",
        "target": "late",
        "task": "classification",
        "rows": 1283,
        "metrics": {"roc_auc": {"model": row, "baseline": row | {"value": 0.5}}},
    }
    (artifacts / "evaluation.json").write_text(json.dumps(found), "utf-8")
    (artifacts / "decision.json").write_text(
        '{"decision": "reject", "reasons": ["worse"]}', "utf-8"
    )
    lines = report.metrics(config).splitlines()
    assert lines[0] == report.MARK, "by which the comment is found again"
    assert "| roc_auc | 0.75 | 0.5 to 1 | 0.5 |" in lines
    assert lines[-3:] == ["Decision: **reject**", "", "- worse"]


def test_without_a_training_there_is_no_report(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script("ci_report").main(["metrics"]) == 1
    assert "run `evaluate`" in capsys.readouterr().err


def test_a_workflow_says_when_the_data_are_not_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = script("ci_report").data
    assert data(str(tmp_path)) == data("https://example.com/x.csv") == "here=true"
    assert capsys.readouterr().err == ""
    assert data(str(tmp_path / "private.csv")) == "here=false"
    assert "::notice" in capsys.readouterr().err
