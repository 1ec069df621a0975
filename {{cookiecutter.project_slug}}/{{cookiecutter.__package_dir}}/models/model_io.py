"""models/vX.Y/: written whole or not at all, never overwritten, checked before use."""

import json
import pickle
import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..preprocess.preprocessor import Plan
from ..utils.files import atomic_folder, sha256, write_json
from .estimators import Estimator, Explained
from .predictor import Predictor
from .registry import verify

METADATA = "metadata.json"
PACKAGES = ("lightgbm", "numpy", "onnx", "onnxruntime", "polars", "pyarrow", "scikit-learn")
VERSION = re.compile(r"v(\d+)\.(\d+)")


@dataclass(frozen=True)
class Bundle:
    """A version on disk whose files have been checked.

    Attributes:
        path: Its folder.
        version: Its name, such as "v0.1".
        metadata: The content of metadata.json.
        plan: The fitted transformation.
    """

    path: Path
    version: str
    metadata: dict[str, Any]
    plan: Plan

    @cached_property
    def predictor(self) -> Predictor:
        """The model, ready to predict."""
        return Predictor(self.plan, self.path / "model.onnx", self.metadata["dense"])

    @cached_property
    def baseline(self) -> Predictor:
        """The baseline it was trained beside."""
        dense = self.metadata["baseline"]["dense"]
        return Predictor(self.plan, self.path / "baseline.onnx", dense)

    @property
    def interval_width(self) -> float | None:
        """Regression: half the width of the prediction interval, in the target's unit."""
        interval = self.metadata["interval"]
        return None if interval is None else float(interval["quantile"])


def save_bundle(
    models: Path,
    name: str | None,
    plan: Plan,
    model: Estimator,
    onnx: bytes,
    baseline: bytes,
    metadata: dict[str, Any],
) -> Path:
    """Write a new version.

    Args:
        models: The folder of all versions.
        name: Such as "v1.0"; None takes the next after the highest.
        plan: The fitted transformation.
        model: Pickled as model.pkl, for work in Python; nothing that serves reads it. What it
            gives its reasons with is saved too.
        onnx: The same model, as it is served.
        baseline: The baseline as ONNX.
        metadata: What to note; version, `reasons` and the files' SHA-256 are added.

    Returns:
        The new folder.

    Raises:
        UserError: The name is taken or is none.
    """
    if name is not None and not VERSION.fullmatch(name):
        raise UserError(f"version {name!r}: write it like v1.0", 2)
    name = name or next_version(models)
    folder = models / name
    reasons, extra = model.explanation() if isinstance(model, Explained) else (None, {})
    try:
        with atomic_folder(folder) as temporary:
            (temporary / "model.pkl").write_bytes(pickle.dumps(model))
            (temporary / "model.onnx").write_bytes(onnx)
            (temporary / "baseline.onnx").write_bytes(baseline)
            for file, content in extra.items():
                (temporary / file).write_bytes(content)
            plan.save(temporary / "plan.json")
            files = {path.name: sha256(path) for path in sorted(temporary.iterdir())}
            noted = {"version": name, **metadata, "reasons": reasons, "files": files}
            write_json(temporary / METADATA, noted)
    except FileExistsError:
        raise UserError(f"{folder} exists; versions are never overwritten") from None
    return folder


def load_bundle(models: Path, name: str | None = None) -> Bundle:
    """Open a version after checking that its files are those that were written.

    Args:
        models: The folder of all versions.
        name: Such as "v0.1"; None takes the newest.

    Raises:
        UserError: No such version, or a file is missing or not the one that was written.
    """
    known = versions(models)
    if not known:
        raise UserError(f"{models} has no model yet: run `train` first")
    name = name or known[-1]
    if name not in known:
        raise UserError(f"{models / name}: no such version (there: {', '.join(known)})", 2)
    folder = models / name
    metadata = read_metadata(folder)
    verify(folder, metadata["files"])
    return Bundle(folder, name, metadata, Plan.load(folder / "plan.json"))


def read_metadata(folder: Path) -> dict[str, Any]:
    """Return a version's metadata.json; UserError where it is missing or broken."""
    try:
        metadata: dict[str, Any] = json.loads((folder / METADATA).read_text(encoding="utf-8"))
        if not {"version", "files", "dense", "baseline", "interval"} <= metadata.keys():
            raise ValueError("incomplete")
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / METADATA}: missing or broken ({error})") from None
    return metadata


def versions(models: Path) -> list[str]:
    """Return the names of all versions, the oldest first."""
    names = [path.name for path in models.glob("v*") if VERSION.fullmatch(path.name)]
    return sorted(names, key=_key)


def next_version(models: Path) -> str:
    """Return the name after the highest version: v0.1, v0.2, ..."""
    known = versions(models)
    major, minor = _key(known[-1]) if known else (0, 0)
    return f"v{major}.{minor + 1}"


def training_commit() -> dict[str, str | bool | None]:
    """Return the commit that the working directory is at, and whether files differ from it."""
    git = ["git", "rev-parse", "HEAD"], ["git", "status", "--porcelain"]
    try:
        commit, changes = (
            subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
            for command in git
        )
    except (OSError, subprocess.CalledProcessError):  # no git here, or no commit yet
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(changes)}


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that a model depends on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _key(name: str) -> tuple[int, int]:
    match = VERSION.fullmatch(name)
    assert match is not None, name
    return int(match[1]), int(match[2])
