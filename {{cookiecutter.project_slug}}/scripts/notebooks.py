"""Run the notebooks and store what they show, or tell whether what is stored is still true.

    .venv/bin/python scripts/notebooks.py                  # run them, store their outputs
    .venv/bin/python scripts/notebooks.py --check          # run them, compare
    .venv/bin/python scripts/notebooks.py --tidy FILE ...  # keep outputs, drop other traces of runs

They take this project's table and configuration and write to a folder of their own, so that what
earlier commands left here is neither changed nor shown.
"""

import base64
import hashlib
import io
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

from {{ cookiecutter.package_name }}.config import load_config
from {{ cookiecutter.package_name }}.data.schema import load_schema

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks"
PREFIX = "{{ cookiecutter.package_name | upper }}__PATHS__"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
MADE_FROM = "made_from"  # in the metadata: `made_from` when the outputs were stored
SETTINGS: dict[str, Any] = {
    "task": True,
    "data": {"sha256"},
    "split": True,
    "features": {"derived", "max_categories"},
    "train": {"baseline", "params", "seed"},
}
SHOWN = ("text/html", "image/png", "text/plain")  # the first that is there is what people see
COLORS = 32  # of a picture's palette: a third of the bytes
# Another processor rounds sums otherwise, and another release of a library draws letters otherwise.
RELATIVE, ABSOLUTE, PIXELS = 0.05, 0.005, 0.001


def read(path: Path) -> NotebookNode:
    """Read a notebook in the format of now."""
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call,no-any-return]


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook as Jupyter does."""
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]


def execute(notebook: NotebookNode) -> None:
    """Run a notebook from top to bottom, and keep what it shows in it."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {
            PREFIX + name.upper(): str(Path(folder, name))
            for name in ("raw", "processed", "models", "artifacts")
        }
        client = NotebookClient(notebook, resources={"metadata": {"path": ROOT}}, timeout=300)
        client.record_timing, client.coalesce_streams = False, True
        client.execute(env=os.environ | paths)
    notebook["metadata"][MADE_FROM] = made_from()
    tidy(notebook)
    for output in outputs(notebook):
        if picture := output.get("data", {}).get("image/png"):
            output["data"]["image/png"] = smaller(picture)


def tidy(notebook: NotebookNode) -> None:
    """Keep sources and outputs; drop counts, times and the versions of whoever ran it."""
    notebook["metadata"] = METADATA | {MADE_FROM: notebook["metadata"].get(MADE_FROM)}
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        if cell["cell_type"] == "code":
            cell["execution_count"] = None
    for output in outputs(notebook):
        if "execution_count" in output:
            output["execution_count"] = None


def made_from() -> str:
    """Return the SHA-256 of what the outputs depend on: table, columns and settings."""
    config = load_config(ROOT / "configs/default.yml", {})
    columns = load_schema(ROOT / config.paths.schema_).columns
    known = config.model_dump(mode="json", include=SETTINGS)
    known["columns"] = {name: [c.type, c.role, c.description] for name, c in columns.items()}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def is_of_now(path: Path) -> bool:
    """Tell whether a notebook shows something, and that of the table and settings of now."""
    notebook = read(path)
    return bool(outputs(notebook)) and notebook["metadata"].get(MADE_FROM) == made_from()


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    """Return what all cells show, in order."""
    return [one for cell in notebook["cells"] for one in cell.get("outputs", [])]


def smaller(picture: str) -> str:
    """Return a PNG, in base64 as it comes, with few colours."""
    out = io.BytesIO()
    pixels(picture).quantize(COLORS).save(out, "PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode()


def pixels(picture: str) -> Image.Image:
    """Return a PNG in base64 as colours."""
    return Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")


def difference(stored: NotebookNode, fresh: NotebookNode) -> str:
    """Return where a notebook shows something else than it would now, or an empty text."""
    for number, (old, new) in enumerate(zip(stored["cells"], fresh["cells"], strict=True)):
        before, now = old.get("outputs", []), new.get("outputs", [])
        same = len(before) == len(now) and all(map(is_like, before, now))
        if not same:
            return f"cell {number}"
    return ""


def is_like(old: NotebookNode, new: NotebookNode) -> bool:
    """Tell whether two outputs show the same, but for rounding."""
    old, new = (one.get("data", {"text/plain": one.get("text", "")}) for one in (old, new))
    kind = next(kind for kind in SHOWN if kind in new)
    if kind not in old:
        return False
    if kind == "image/png":
        return looks_like(pixels(old[kind]), pixels(new[kind]))
    number = r"-?\d+\.\d+(?:e[+-]?\d+)?"
    if re.split(number, old[kind]) != re.split(number, new[kind]):
        return False
    a, b = (np.array(re.findall(number, one[kind]), dtype=float) for one in (old, new))
    return bool(np.allclose(a, b, rtol=RELATIVE, atol=ABSOLUTE))


def looks_like(old: Image.Image, new: Image.Image) -> bool:
    """Tell whether nearly all pixels of two pictures have nearly the same colour."""
    if max(abs(a - b) for a, b in zip(old.size, new.size, strict=True)) > 3:
        return False
    height, width = min(old.height, new.height), min(old.width, new.width)
    a, b = (np.asarray(one, dtype=int)[:height, :width] for one in (old, new))
    return bool((np.abs(a - b).max(axis=2) > 96).mean() <= PIXELS)


def outdated(paths: list[Path]) -> list[str]:
    """Run notebooks; name those that show something else than is stored."""
    lines = []
    for path in paths:
        fresh = read(path)
        execute(fresh)
        if where := difference(read(path), fresh):
            lines.append(f"{path.relative_to(ROOT)}: {where} shows something else now")
    return lines


def main(arguments: list[str]) -> int:
    """Do what is asked; return the exit code."""
    if arguments[:1] == ["--tidy"]:
        for path in map(Path, arguments[1:]):
            notebook = read(path)
            tidy(notebook)
            write(notebook, path)
        return 0
    paths = sorted(FOLDER.glob("*.ipynb"))
    old = outdated(paths) if "--check" in arguments else []
    for path in paths if "--check" not in arguments else []:
        notebook = read(path)
        execute(notebook)
        write(notebook, path)
    if old:
        print("\n".join([*old, "`make notebooks` stores it; look at it before you commit it"]))
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
