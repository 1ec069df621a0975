"""The notebooks run from top to bottom, with this project's schema, and hold no outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call,no-any-return]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("own_untrained")
def test_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    where = {"metadata": {"path": tmp_path}}
    NotebookClient(read(path), timeout=300, resources=where).execute()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_has_no_outputs_stored(path: Path) -> None:
    cells = read(path).cells
    kept = [number for number, cell in enumerate(cells) if cell.get("outputs")]
    assert not kept, f"clear the outputs of {path.name} before you commit it (cells {kept})"
