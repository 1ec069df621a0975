"""EDA_DECISIONS.md for a table of your own: what was decided, each with the number behind it."""

import numpy as np

from .column_guess import Guess
from .schema_inference import InferredSchema


def decisions(name: str, inferred: InferredSchema) -> str:
    """Return what was decided and on what grounds, in the form of EDA_DECISIONS.md.

    Args:
        name: The table's file name.
        inferred: Its schema and what that was inferred from.
    """
    lines = [
        "# Decisions from exploring the data",
        "",
        f"Made by `schema infer` from {name}; go over them and add your own. Each states the",
        "number it rests on; a test computes it again from the raw table (`data`).",
    ]
    texts = [_decision(column, guess, inferred) for column, guess in inferred.guesses.items()]
    for number, (what, text) in enumerate(filter(None, texts), 1):
        lines += ["", f"## ED-{number:02d}: {what}", "", *text]
    return "\n".join(lines) + "\n"


def _decision(column: str, guess: Guess, inferred: InferredSchema) -> tuple[str, list[str]] | None:
    """Return the heading and the lines of a column's decision, None where there was none."""
    quoted = '"' + column.replace('"', '""') + '"'
    rows, sample = inferred.rows, inferred.sample
    value: float
    if guess.role == "id" and rows == sample.height:
        what, why = "is an id and no feature", "its values only name rows"
        query = f"SELECT COUNT(DISTINCT {quoted}) * 1.0 / COUNT({quoted}) FROM data"  # nosec B608
        values = sample[column].drop_nulls()
        value, bound = values.n_unique() / values.len(), ">= 0.99"
    elif guess.role == "ignore" and guess.note == "never varies":
        what, why = "is left out", "a constant cannot tell rows apart"
        query = f"SELECT COUNT(DISTINCT {quoted}) FROM data"  # quoted above  # nosec B608
        value, bound = 1, "<= 1"
    elif guess.role == "feature" and guess.missing:
        what, why = "stays a feature though it has gaps", "it is there often enough to help"
        query = f"SELECT COUNT({quoted}) * 1.0 / COUNT(*) FROM data"  # nosec B608
        value = 1 - guess.missing / rows
        bound = f">= {np.floor(value * 10) / 10:.1f}"
    else:
        return None
    evidence = ["```sql", query, "```", "", f"Value: {value:.4g}", f"Threshold: {bound}"]
    return f"`{column}` {what}", [f"Why: {why}.", "", *evidence]
