"""A schema as YAML, with notes as comments."""

from io import StringIO
from typing import Any

from .column_guess import Guess
from .json_schema import COLUMNS, first_line
from .schema import Column, Schema

HEADER = """\
# The columns of {name}, as `schema infer` found them. Read it once: a wrong role costs more than a
# wrong number. Ranges are those of the file, widened by half their width.
#
# type: integer, float, boolean, category, string or datetime
# on_unseen: what a prediction does with a row beyond these ranges and values, or with a gap where
#   the file has none: answer with a warning, or refuse; a column may have its own
# role: feature, target, id, time, leak (known only after the moment of prediction) or ignore
"""


def schema_yaml(schema: Schema, guesses: dict[str, Guess], name: str) -> str:
    """Return the schema as YAML, with the notes as comments."""
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    columns = CommentedMap()
    for column, declared in schema.columns.items():
        columns[_quoted(column)] = column_entry(declared, guesses[column].note)
    document = CommentedMap(
        null_values=flow(list(schema.null_values)), on_unseen=schema.on_unseen, columns=columns
    )
    yaml = YAML()
    yaml.width = 100
    yaml.allow_unicode = True
    text = StringIO()
    yaml.dump(document, text)
    return first_line(COLUMNS) + HEADER.format(name=name) + text.getvalue()


def column_entry(column: Column, note: str) -> Any:
    """Return what a schema file has of a column, with a note as its comment."""
    from ruamel.yaml.comments import CommentedMap

    entry = CommentedMap()
    usual = {"null_values", "normalize"}  # these are left out where they are as usual
    for key, value in column.model_dump(mode="json").items():
        if value is None or value == "" or (key in usual and not value):
            continue
        entry[key] = flow(value) if isinstance(value, list | dict) else value
    if note:
        entry.yaml_add_eol_comment(note, "role")
    return entry


def flow(values: list[Any] | dict[str, Any]) -> Any:
    """Return a list, or what a mapping has, as YAML writes it on one line."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if isinstance(values, dict):
        shown = {key: value for key, value in values.items() if value not in ("", [])}
        line: Any = CommentedMap(
            {key: flow(one) if isinstance(one, list) else one for key, one in shown.items()}
        )
    else:
        line = CommentedSeq(map(_quoted, values))
    line.fa.set_flow_style()
    return line


def _quoted(value: Any) -> Any:
    """Return a value in quotes where ruamel would write a text that it cannot read again."""
    from ruamel.yaml.scalarstring import SingleQuotedScalarString

    leads = isinstance(value, str) and value.startswith(("?", ":"))
    return SingleQuotedScalarString(value) if leads and "\n" not in value else value
