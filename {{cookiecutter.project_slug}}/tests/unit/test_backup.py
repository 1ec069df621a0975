"""Backups: what is restored is what was packed, whole, and nothing lands outside the project."""

import importlib.util
import io
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/backup.py"


@pytest.fixture
def backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, for a project of two files."""
    spec = importlib.util.spec_from_file_location("backup", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    for name, text in {"data/raw/table.csv": "a\n1\n", "models/champion.json": "{}"}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(text, "utf-8")
    (tmp_path / "data/raw/table.csv").chmod(0o444)
    return module


def test_what_is_missing_comes_back_as_it_was(backup: ModuleType, tmp_path: Path) -> None:
    table, pointer = tmp_path / "data/raw/table.csv", tmp_path / "models/champion.json"
    before = table.stat()
    archive = backup.back_up(tmp_path / "backups")
    assert archive.stat().st_mode & 0o077 == 0
    table.unlink()
    pointer.write_text("changed", "utf-8")
    assert backup.restore(archive) == 1
    assert table.read_text("utf-8") == "a\n1\n"
    assert table.stat().st_mode == before.st_mode
    assert table.stat().st_mtime == pytest.approx(before.st_mtime, abs=1)
    assert pointer.read_text("utf-8") == "changed", "what is there stays"
    assert [path for path in tmp_path.rglob(".*")] == [], "no part of a file is left"


def test_a_damaged_archive_restores_nothing(backup: ModuleType, tmp_path: Path) -> None:
    archive = backup.back_up(tmp_path / "backups")
    (tmp_path / "models/champion.json").unlink()
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(SystemExit, match="nothing restored"):
        backup.restore(archive)
    assert not (tmp_path / "models/champion.json").exists()


def test_a_file_that_breaks_off_does_not_appear(
    backup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = backup.back_up(tmp_path / "backups")
    (tmp_path / "models/champion.json").unlink()

    def break_off(source: io.BufferedReader, target: io.BufferedWriter) -> None:
        target.write(source.read(1))
        raise OSError("disk full")

    monkeypatch.setattr(backup.shutil, "copyfileobj", break_off)
    with pytest.raises(OSError, match="disk full"):
        backup.restore(archive)
    assert list((tmp_path / "models").iterdir()) == []


def test_paths_that_lead_elsewhere_are_refused(backup: ModuleType, tmp_path: Path) -> None:
    archive = tmp_path / "backups/evil.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../outside.txt"), io.BytesIO())
    backup.checksum_file(archive).write_text(f"{backup.sha256(archive)}  evil.tar.gz\n", "utf-8")
    with pytest.raises(tarfile.OutsideDestinationError):
        backup.restore(archive)
    assert not (tmp_path.parent / "outside.txt").exists()
