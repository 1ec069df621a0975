"""The floor or ceiling that no slice may break, as plain data and in words."""

from dataclasses import dataclass

from ..utils.bootstrap import Estimate
from ..utils.metrics import METRICS
from .style import interval, number


@dataclass(frozen=True)
class Breach:
    """A slice that lies on the wrong side of the limit with all of its interval."""

    column: str
    value: str
    rows: int
    estimate: Estimate

    def __str__(self) -> str:
        """Name it with its value, interval and rows."""
        return (
            f"{self.column} = {self.value}: {number(self.estimate.value)} "
            f"({interval(self.estimate) or number(self.estimate.low)}), {self.rows:,} rows"
        )


@dataclass(frozen=True)
class SliceLimit:
    """What was asked of the slices, and which of them fail.

    Attributes:
        kind: "floor" where more is better, "ceiling" where less is.
        metric: The metric that it is about.
        limit: Its least or greatest value.
        rows: Smaller slices are not held to it.
        slices: How many slices were.
        failed: Those that break it beyond doubt, the worst first.
    """

    kind: str
    metric: str
    limit: float
    rows: int
    slices: int
    failed: list[Breach]

    def sentence(self, unit: str | None) -> str:
        """Say in one sentence what was asked and how many slices fail.

        Args:
            unit: Of the target.
        """
        metric = METRICS[self.metric]
        limit = f"{self.limit:g}{f' {unit}' if unit and metric.in_target_unit else ''}"
        wrong = "below the floor" if self.kind == "floor" else "above the ceiling"
        return (
            f"{metric.label} is {wrong} of {limit} beyond doubt in {len(self.failed) or 'none'} of "
            f"{self.slices} slices of at least {self.rows:,} rows (evaluate.slice_{self.kind})"
        )

    def message(self, unit: str | None) -> str:
        """Return the sentence and a line for each slice that fails."""
        return "\n  ".join([f"{self.sentence(unit)}:", *map(str, self.failed)])
