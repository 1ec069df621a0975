"""What the true outcome of a prediction may be, as the version that predicted has it."""

from dataclasses import dataclass
from typing import Any

from ..data.schema import class_labels
from ..models.model_io import Metadata
from .problems import ProblemError
from .request_schema import Mistake


@dataclass(frozen=True)
class Outcomes:
    """The labels that `POST /feedback` takes for predictions of one version.

    Attributes:
        version: The version's name.
        classes: What a class is called; empty where the target is a number.
        others: Other ways to write a class: true and false, or numbers.
    """

    version: str
    classes: tuple[str, ...] = ()
    others: tuple[bool | float, ...] = ()

    @classmethod
    def of(cls, metadata: Metadata) -> "Outcomes":
        """Return those of a version: the classes it has learned, and all that its schema lists."""
        if metadata.classes is None:
            return cls(metadata.version)
        column = metadata.columns[metadata.target]
        classes = tuple(dict.fromkeys((*metadata.classes, *(class_labels(column) or ()))))
        others: tuple[bool | float, ...] = (False, True) if column.is_boolean else ()
        if column.is_number:
            others = tuple(float(label) for label in classes)
        return cls(metadata.version, classes, others)

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of a label."""
        return {"enum": [*self.classes, *self.others]} if self.classes else {"type": "number"}

    def check(self, label: bool | float | str) -> None:
        """Raise ProblemError 422 where a label is no outcome that the version could predict."""
        if not self.classes:
            fits = not isinstance(label, bool | str)
            rule = f"must be a number, as {self.version} predicts one"
        else:  # true is not 1
            alike = [type(known) is bool for known in self.others if known == label]
            fits = label in self.classes or isinstance(label, bool) in alike
            rule = f"must be a class of {self.version}: {', '.join(self.classes)}"
        if not fits:
            raise ProblemError(422, "the input does not fit", [Mistake(field="label", rule=rule)])
