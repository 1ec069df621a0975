"""What each threshold does, as plain data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AtThreshold:
    """What a threshold does to a set of rows; NaN is undefined."""

    threshold: float
    precision: float
    recall: float
    cost: float  # of a row, in the mean


@dataclass(frozen=True)
class BothSets:
    """One threshold on the rows that it may be chosen by, and on those that measure it."""

    validation: AtThreshold
    test: AtThreshold


@dataclass(frozen=True)
class Thresholds:
    """Two classes: what each threshold does on the validation rows, and which one is proposed.

    Attributes:
        rows: Number of validation rows.
        false_positive: What a wrong yes costs; 1 unless stated.
        false_negative: What a wrong no costs; 1 unless stated.
        min_precision: The precision that is asked for.
        asked: Whether costs or a precision are stated.
        points: From the lowest threshold to the highest.
        used: The threshold that the version predicts by.
        proposed: None if nothing is asked for, or no threshold reaches the precision.
    """

    rows: int
    false_positive: float
    false_negative: float
    min_precision: float | None
    asked: bool
    points: list[AtThreshold]
    used: BothSets
    proposed: BothSets | None
