"""Files that other parts add to a new version, made from what was fitted."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..preprocess.preprocessor import Preprocessor
from ..utils.changes import Change
from ..utils.parts import load_part
from .interfaces import Doubles, Floats


@dataclass(frozen=True)
class Fitted:
    """A version before it is saved.

    Attributes:
        preprocessor: The fitted transformation.
        sets: "train", "val" and "test": inputs (n, k) and n targets, numbers or class indices.
        recipe: The model as it was fitted on the training rows alone, from inputs (n, k) to (n,
            classes) probabilities or n predictions.
        threshold: Two classes: from this probability on it is the positive class.
    """

    preprocessor: Preprocessor
    sets: Mapping[str, tuple[Floats, Doubles]]
    recipe: Callable[[Floats], Doubles]
    threshold: float


class Attachment(Protocol):
    """A module that `train.attachments` names."""

    def attach(self, fitted: Fitted) -> dict[str, bytes]:
        """Return the content of the files to keep in the version, by name."""

    def take_on(self, inputs: Collection[str]) -> list[Change]:
        """Return how the part's own settings change for a table with these inputs."""


def attach(names: Sequence[str], fitted: Fitted) -> dict[str, bytes]:
    """Return the files that the named modules add.

    Raises:
        UserError: A module is not there, or its settings are wrong.
    """
    files: dict[str, bytes] = {}
    for name in names:
        module: Attachment = load_part(name, "train.attachments")
        files |= module.attach(fitted)
    return files
