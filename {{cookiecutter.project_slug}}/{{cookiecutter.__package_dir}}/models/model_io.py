"""A trained version on disk: written whole, never overwritten, verified before it is used."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from ..errors import UserError
from ..preprocess.preprocessor import Preprocessor
from ..tracking.records import DOCUMENTS, Interval, Record, RunRecord
from ..utils.files import atomic_folder, sha256, write_json
from ..utils.yaml import explain
from .predictor import Predictor

# The files of a version.
METADATA = "metadata.json"  # a `Metadata`, with the SHA-256 of all others
MODEL = "model.onnx"  # what is served: from the preprocessor's inputs to predictions
RECIPE = "recipe.onnx"  # the same, fitted on the training rows only: what is measured
PREPROCESSOR = "preprocessor.json"  # from raw columns to inputs
BASELINE = "baseline.onnx"
PICKLE = "model.pkl"  # for work in Python; nothing that serves reads it
TREES = "model.txt"  # LightGBM's own text, for contributions
SERVED = (MODEL, PREPROCESSOR)  # what serving needs besides the metadata

FORMAT = 1  # of metadata.json
PACKAGES = ("lightgbm", "numpy", "onnx", "onnxruntime", "polars", "pyarrow", "scikit-learn")
GOLDEN_TOLERANCE = 1e-5
MEND = "restore its files; `models rollback` or `models promote OTHER --force` leaves a champion"


class GoldenRow(Record):
    """A raw row, and the prediction that any copy of the model must give for it."""

    row: dict[str, Any]
    prediction: tuple[float, ...]


class Explanation(Record):
    """How `explain` finds the contributions of each input.

    "trees": in `TREES`; a regression predicts center + spread * (sum of the trees).
    "affine": the ONNX model has the initializers "weights" (k, c) and "bias" (c,).
    "constant": the ONNX model has the initializer "bias" (c,), and no input counts.
    """

    method: Literal["trees", "affine", "constant"]
    center: float = 0.0
    spread: float = 1.0


class Metadata(RunRecord):
    """metadata.json: the training run, and what the version's files must be and predict."""

    format: int = FORMAT
    version: str
    explanation: Explanation | None  # None: the model cannot tell
    golden: tuple[GoldenRow, ...]
    files: dict[str, str]  # SHA-256 by name

    @classmethod
    def read(cls, folder: Path) -> "Metadata":
        """Read a version's metadata.json.

        Raises:
            UserError: It is missing, broken, or of a format that this code does not know.
        """
        path = folder / METADATA
        try:
            content = path.read_bytes()
            return cls.model_validate_json(content)
        except ValidationError as error:
            if (newer := _newer_format(content)) is not None:
                raise UserError(
                    f"{path}: format {newer} is newer than {FORMAT}, the newest that this code "
                    "reads: update the project's code, or promote a version that it has trained"
                ) from None
            reason = "; ".join(explain(error)[:3])
        except OSError as error:
            if folder.is_dir() and not any(folder.iterdir()):
                raise UserError(f"{folder} is an empty folder: remove it") from None
            reason = str(error.strerror)
        raise UserError(f"{path}: missing or broken ({reason}); {MEND}")


@dataclass(frozen=True)
class ModelVersion:
    """A version whose files have been checked.

    Attributes:
        folder: Where it is; the folder's name is the version's.
        metadata: What metadata.json says.
        preprocessor: The fitted transformation.
    """

    folder: Path
    metadata: Metadata
    preprocessor: Preprocessor

    @property
    def version(self) -> str:
        """Its name, such as "v0.1"."""
        return self.folder.name

    @cached_property
    def predictor(self) -> Predictor:
        """The served model, ready to predict."""
        return Predictor(self.preprocessor, self.folder / MODEL, self.metadata.design_matrix)

    @cached_property
    def recipe(self) -> Predictor:
        """The model as it was fitted on the training rows alone: what is measured and compared."""
        if self.metadata.refit is None:
            return self.predictor
        return Predictor(self.preprocessor, self.folder / RECIPE, self.metadata.design_matrix)

    @cached_property
    def baseline(self) -> Predictor:
        """The baseline it was trained beside."""
        design_matrix = self.metadata.baseline.design_matrix
        return Predictor(self.preprocessor, self.folder / BASELINE, design_matrix)

    @property
    def interval(self) -> Interval | None:
        """Regression: the prediction interval of what is served."""
        refit = self.metadata.refit
        return self.metadata.interval if refit is None else refit.interval


def open_version(folder: Path, names: Iterable[str] | None = None) -> ModelVersion:
    """Open a version after checking that its files are those that were written.

    Args:
        folder: The version's folder.
        names: The files to check; None checks all.

    Raises:
        UserError: A file is missing, broken or not the one that was written.
    """
    metadata = verify(folder, names)
    try:
        preprocessor = Preprocessor.load(folder / PREPROCESSOR)
    except ValidationError as error:
        raise UserError(f"{folder}: cannot be loaded: {type(error).__name__}; {MEND}") from None
    return ModelVersion(folder, metadata, preprocessor)


def verify(folder: Path, names: Iterable[str] | None = None) -> Metadata:
    """Hold files of a version against the SHA-256 in its metadata, and return the metadata.

    Args:
        folder: The version's folder.
        names: The files to check; None checks all.

    Raises:
        UserError: A file is missing or not the one that was written.
    """
    metadata = Metadata.read(folder)
    for name in metadata.files if names is None else names:
        verify_file(folder / name, metadata, str(folder / name))
    return metadata


def verify_file(path: Path, metadata: Metadata, shown: str) -> None:
    """Hold one file against the SHA-256 that is recorded for its version.

    Args:
        path: The file, perhaps under a temporary name.
        metadata: The version's metadata.
        shown: The path to name in messages; its last part is the recorded name.
    """
    name = shown.replace("\\", "/").rpartition("/")[2]
    if name not in metadata.files:
        raise UserError(f"{shown}: {metadata.version} was saved without it; {MEND}")
    if not path.is_file():
        raise UserError(f"{shown} is missing; {MEND}")
    if sha256(path) != metadata.files[name]:
        raise UserError(f"{shown} is not the file that training wrote; {MEND}")


def verify_golden_rows(model: ModelVersion) -> None:
    """Predict the golden rows and compare; UserError where one differs."""
    if not model.metadata.golden:
        raise UserError(f"{model.version} has no golden rows to prove itself with")
    for golden in model.metadata.golden:
        predicted = np.array(model.predictor.predict_row(model.preprocessor.parse_row(golden.row)))
        expected = np.array(golden.prediction)
        allowed = GOLDEN_TOLERANCE * max(1.0, float(np.abs(expected).max()))
        if predicted.shape != expected.shape or not np.abs(predicted - expected).max() <= allowed:
            raise UserError(
                f"{model.version} predicts something else for its golden rows than recorded"
            )


def save_version(
    folder: Path, record: Mapping[str, Any], preprocessor: Preprocessor, files: Mapping[str, bytes]
) -> Metadata:
    """Write a new version.

    Args:
        folder: Where to; its name is the version's.
        record: The fields of `Metadata` but version and files.
        preprocessor: The fitted transformation.
        files: The content of all files but metadata and preprocessor, by name.

    Raises:
        UserError: The version exists.
    """
    try:
        with atomic_folder(folder) as temporary:
            for name, content in files.items():
                (temporary / name).write_bytes(content)
            preprocessor.save(temporary / PREPROCESSOR)
            checksums = {path.name: sha256(path) for path in sorted(temporary.iterdir())}
            metadata = Metadata(**record, version=folder.name, files=checksums)
            write_json(temporary / METADATA, metadata.model_dump(mode="json"))
    except FileExistsError:
        raise UserError(f"{folder} exists; versions are never overwritten") from None
    return metadata


def training_commit() -> dict[str, str | bool | None]:
    """Return the commit that the working directory is at, and whether files differ from it.

    The pages that each evaluation writes do not count.
    """
    others = ["--", ":/", *(f":(exclude){page.as_posix()}" for page in DOCUMENTS)]
    git = ["git", "rev-parse", "HEAD"], ["git", "status", "--porcelain", *others]
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
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = package_version(name)
        except PackageNotFoundError:
            continue
    return versions


def _newer_format(content: bytes) -> int | None:
    """Return the format that a metadata.json says, where it is newer than the newest known."""
    try:
        format_ = json.loads(content).get("format")
    except (ValueError, AttributeError):
        return None
    return format_ if isinstance(format_, int) and format_ > FORMAT else None
