"""How the model was declared to behave in the schema, and whether it does."""

from dataclasses import dataclass

from ..utils.bootstrap import Estimate
from .style import interval, number


@dataclass(frozen=True)
class Behaviour:
    """One declaration of one column, looked at on test rows.

    Attributes:
        column: The column.
        declared: As it stands in the schema, such as "monotone: up".
        rows: Number of test rows.
        failed: How many of them break it; of `expect` none is asked by itself.
        example: The row that breaks it most, in words; "" where none does.
        change: Of `expect`: how much the prediction changes in the mean from low to high values.
        holds: Whether it is kept.
    """

    column: str
    declared: str
    rows: int
    failed: int = 0
    example: str = ""
    change: Estimate | None = None
    holds: bool = True

    def __str__(self) -> str:
        """Say in one sentence what was asked and what was found."""
        asked = f"{self.column} ({self.declared}): "
        if self.change is not None:
            found = f"{number(self.change.value, sign=True)} ({interval(self.change, sign=True)})"
            return (
                f"{asked}from low to high values the prediction changes by {found} in the mean of "
                f"{self.rows:,} rows{'' if self.holds else ', the other way round'}"
            )
        if not self.rows:
            return f"{asked}there are no test rows with a value to look at"
        if self.failed:
            return f"{asked}broken in {self.failed:,} of {self.rows:,} rows, such as {self.example}"
        return f"{asked}kept in all of {self.rows:,} rows"
