"""What `make env` and `make docker BAKE=1` do before Docker: draw keys, copy the champion."""

import importlib.util
import json
import re
import stat
import sys
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
        assert script("bake").bake(promoted.config.serve, copy) == "v0.1"
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
    assert script("bake").main([]) == 1
    assert "No version has been promoted yet" in capsys.readouterr().err
    assert not Path("build").exists()


def test_a_changed_file_is_not_copied(promoted: SimpleNamespace, tmp_path: Path) -> None:
    bake = script("bake").bake
    bake(promoted.config.serve, tmp_path / "store")
    (tmp_path / "store/v0.1/preprocessor.json").write_text("{}", "utf-8")
    with pytest.raises(UserError, match=r"preprocessor\.json"):
        bake(Serve(store=str(tmp_path / "store")), tmp_path / "champion")
    assert not (tmp_path / "champion").exists()
