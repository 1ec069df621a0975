"""The notebooks run from top to bottom with this project's schema, and show what is so now."""

import base64
import io
import os
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).parents[2]
script = import_module("scripts.notebooks")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("own_untrained")
def test_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    where = {"metadata": {"path": tmp_path}}
    NotebookClient(script.read(path), timeout=300, resources=where).execute()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_shows_what_it_would_show_now(path: Path) -> None:
    if not script.is_of_now(path):
        pytest.skip(f"{path.name} shows nothing, or other settings: `make notebooks`")
    before = dict(os.environ)
    assert script.outdated([path]) == [], "`make notebooks` stores what is shown now"
    assert dict(os.environ) == before, "other tests find their own places"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_keeps_no_trace_of_a_run_but_its_outputs(path: Path) -> None:
    notebook = script.read(path)
    script.tidy(notebook)
    assert notebook == script.read(path), f"scripts/notebooks.py --tidy {path.name}"


def notebook_of(*shown: nbformat.NotebookNode) -> nbformat.NotebookNode:
    cell = nbformat.v4.new_code_cell(outputs=list(shown))  # type: ignore[no-untyped-call]
    return nbformat.v4.new_notebook(cells=[cell])  # type: ignore[no-untyped-call,no-any-return]


def output(kind: str, value: str) -> nbformat.NotebookNode:
    data = {kind: value}
    return nbformat.v4.new_output("display_data", data)  # type: ignore[no-untyped-call,no-any-return]


def bars(*heights: int, width: int = 400) -> nbformat.NotebookNode:
    picture = Image.new("RGB", (width, 200), "white")
    for place, height in enumerate(heights):
        picture.paste((31, 119, 180), (place * 80, 200 - height, place * 80 + 60, 200))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return output("image/png", base64.b64encode(file.getvalue()).decode())


@pytest.mark.parametrize(
    ("stored", "fresh", "same"),
    [
        (output("text/plain", "0.4397 of 5180"), output("text/plain", "0.4401 of 5180"), True),
        (output("text/plain", "0.4397 of 5180"), output("text/plain", "0.4897 of 5180"), False),
        (output("text/plain", "0.4397 of 5180"), output("text/plain", "0.4397 of 5181"), False),
        (output("text/plain", "0.4397"), output("text/html", "0.4397"), False),
        (bars(100, 50), bars(101, 50), True),
        (bars(100, 50), bars(60, 50), False),
        (bars(100, 50), bars(100, 50, width=500), False),
    ],
)
def test_rounding_is_not_a_difference_and_other_rows_are(
    stored: nbformat.NotebookNode, fresh: nbformat.NotebookNode, same: bool
) -> None:
    assert script.difference(notebook_of(stored), notebook_of(fresh)) == ("" if same else "cell 0")
    assert script.difference(notebook_of(), notebook_of(fresh)) == "cell 0"
