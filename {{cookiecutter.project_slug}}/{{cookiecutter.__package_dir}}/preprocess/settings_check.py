"""Settings that cannot work are refused before a row is read: task, split, derived features."""

from collections.abc import Sequence

from ..config import Split
from ..data.schema import Schema, value_kinds
from ..errors import UserError
from ..features.known import FEATURES
from ..features.mistakes import check_feature, place, unknown_feature


def check_settings(task: str, split: Split, derived: Sequence[str], schema: Schema) -> None:
    """Check settings against the schema.

    Args:
        task: "classification" or "regression".
        split: The rule by which rows are split.
        derived: Names of derived features.
        schema: Of the raw table.

    Raises:
        UserError: One of them does not fit; the message names it and says what would.
    """
    _check_target(task, schema)
    _check_split(split, schema)
    for name in derived:
        _check_derived(name, schema)


def _check_target(task: str, schema: Schema) -> None:
    target = schema.columns[schema.target]
    if task == "regression" and not target.is_number:
        raise UserError(
            f"task: regression needs a number, but {schema.target} is a {target.type} column", 2
        )
    if task == "classification" and target.is_float:
        raise UserError(
            f"task: classification needs classes, but {schema.target} is a float column", 2
        )


def _check_split(split: Split, schema: Schema) -> None:
    if split.by == "time" and schema.time is None:
        raise UserError("split.by: time needs a column with role: time in the schema", 2)
    if split.by == "group" and split.group not in schema.columns:
        raise UserError(f"split.group: the schema has no column {split.group!r}", 2)


def _check_derived(name: str, schema: Schema) -> None:
    if name not in FEATURES:
        raise unknown_feature(name)
    if name in schema.columns:
        raise UserError(f"derived feature {name!r} has the name of a column; rename it", 2)
    feature = FEATURES[name]
    known = {*schema.features, *([schema.time] if schema.time else [])}
    for column in schema.subset(feature.columns):
        if column not in known:
            role = schema.columns[column].role
            raise UserError(
                f"{place(feature)}: derived feature {name!r} uses {column!r}, whose role is {role}"
                ": only columns known at prediction time (feature, time) may become features",
                2,
            )
    check_feature(feature, value_kinds(schema.columns))
