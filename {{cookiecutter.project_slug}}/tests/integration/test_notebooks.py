"""The notebooks run from top to bottom, away from the project's data, and hold no outputs."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from {{ cookiecutter.package_name }}.config import load_config

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call,no-any-return]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    source = Path(load_config(ROOT / "configs" / "default.yml").data.source)
    if not source.is_absolute() and (ROOT / source).is_file():
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / source, tmp_path / source)
    where = {"metadata": {"path": tmp_path}}
    NotebookClient(read(path), timeout=300, resources=where).execute()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_has_no_outputs_stored(path: Path) -> None:
    cells = read(path).cells
    kept = [number for number, cell in enumerate(cells) if cell.get("outputs")]
    assert not kept, f"clear the outputs of {path.name} before you commit it (cells {kept})"
