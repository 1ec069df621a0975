"""`schema update`: what a schema would have to say for a new file, and nothing but that."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..utils.changes import Change
from ..utils.yaml import edited_yaml
from . import tables
from .column_guess import Guess, widen
from .guess_notes import name_odd_texts
from .schema import Column, load_schema
from .schema_inference import LISTED_CATEGORIES, allowed_range, infer
from .schema_yaml import column_entry, flow
from .written import label


@dataclass(frozen=True)
class Proposal:
    """What would change.

    Attributes:
        change: The schema's new text; None where it fits as it is.
        notes: What a person has to decide, or should know; a line each.
    """

    change: Change | None
    notes: list[str] = field(default_factory=list)


def propose(file: Path, path: Path) -> Proposal:
    """Hold a table against a schema, and say how the schema would take it in.

    Ranges are widened, categories, words for "missing" and columns added; nothing is taken away,
    and no type becomes narrower.

    Args:
        file: CSV or parquet, with the target.
        path: The schema file.

    Raises:
        UserError: One of the two cannot be read, or the file has no target.
    """
    schema = load_schema(path)
    names = tables.column_names(file)
    if schema.target not in names:
        raise UserError(f"{file} has no column {schema.target!r}, the target of {path}", 2)
    known = {name: column for name, column in schema.columns.items() if name in names}
    guesses = {name: _declared(column) for name, column in known.items()}
    widen(file, schema.null_values, guesses)
    edits: dict[tuple[str, ...], Any] = {}
    notes = []
    for name, column in known.items():
        changes, said = _column(name, column, guesses[name])
        edits |= {("columns", name, key): value for key, value in changes.items()}
        notes += [f"{name}: {line}" for line in said]
    if new := [name for name in names if name not in schema.columns]:
        inferred = infer(file, schema.target)
        for name in new:
            note = inferred.guesses[name].note
            edits["columns", name] = column_entry(inferred.schema.columns[name], note)
            notes.append(
                f"{name}: new, role {inferred.schema.columns[name].role}; {note}".rstrip("; ")
            )
    notes += [
        f"{name}: not in {file.name}; take it out of {path} if it is gone for good"
        for name in schema.columns
        if name not in names and schema.columns[name].lookup is None
    ]
    if not edits:
        return Proposal(None, notes)
    text = edited_yaml(path.read_text(encoding="utf-8"), edits)
    return Proposal(Change(path, text), notes)


def _declared(column: Column) -> Guess:
    """Return a column as it is declared, as what is known of it before the file is read."""
    return Guess(
        column.type,
        role=column.role,
        format=column.format,
        number_format=column.number_format,
        odd=column.null_values,
        normalize=column.normalize,
    )


def _column(name: str, column: Column, found: Guess) -> tuple[dict[str, Any], list[str]]:
    """Return the keys of a column that would change, and what is to be said of it."""
    if found.type != column.type and not (found.column.is_float and column.is_integer):
        return {}, [f"is declared {column.type}, and has values that are none; decide which it is"]
    changes: dict[str, Any] = {}
    if found.type != column.type:
        changes["type"] = found.type
    if set(found.odd) != set(column.null_values):
        changes["null_values"] = flow(list(found.odd))
    if found.missing and not column.nullable and column.role != "time":
        changes["nullable"] = True
    low, high = allowed_range(found) if column.is_number else (None, None)
    for key, bound, seen, beyond in (
        ("min", column.min, found.low, low),
        ("max", column.max, found.high, high),
    ):
        is_beyond = bound is not None and seen is not None
        if is_beyond and (seen < bound if key == "min" else seen > bound):
            changes[key] = beyond
    said = _add_values(column, found, changes)
    found.note = ""
    name_odd_texts(found)
    return changes, [*said, *([found.note] if found.note and "null_values" in changes else [])]


def _add_values(column: Column, found: Guess, changes: dict[str, Any]) -> list[str]:
    """Add what a column's `values` lack, or drop the list where it would become too long."""
    if column.values is None or column.is_boolean:
        return []
    known = set(map(label, column.values))
    if not (new := sorted(set(found.values.counts) - known)):
        return []
    if column.role != "target" and len(known) + len(new) > LISTED_CATEGORIES:
        changes["values"] = None
        return [f"{len(new)} new values: any text is allowed now"]
    typed = [int(value) for value in new] if column.is_integer else new
    changes["values"] = flow([*column.values, *typed])
    what = "a new class, which no version so far can predict" if column.role == "target" else "new"
    return [f"{', '.join(map(repr, new))}: {what}"]
