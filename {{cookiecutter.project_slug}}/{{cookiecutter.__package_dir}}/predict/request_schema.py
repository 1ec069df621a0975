"""What a request must look like, made from the schema: a fast decoder, and a full explanation.

msgspec decodes and checks a body in microseconds but names the first mistake only; on a mistake
the same body goes through an equal pydantic model, which names them all and also gives the
OpenAPI document. A test holds both equal.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import msgspec
from msgspec import UNSET
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from ..data.schema import Column
from ..data.written import normalized
from .request_values import (
    ID,
    PYDANTIC_ID,
    example,
    in_range,
    lenient,
    msgspec_type,
    pydantic_type,
    unseen_warnings,
)

MOST_MISTAKES = 100  # that an answer names


class Mistake(BaseModel):
    """One thing that is wrong with a request."""

    field: str = Field(description="where, such as 3.distance for the fourth row")
    rule: str = Field(description="what must hold")


class InvalidError(Exception):
    """A body that does not fit; `mistakes` says why, without repeating its values."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("; ".join(f"{m.field}: {m.rule}" for m in mistakes))
        self.mistakes = mistakes


class NotJsonError(Exception):
    """A body that is no JSON."""


class RequestSchema:
    """Reads request bodies for one set of columns."""

    def __init__(
        self,
        columns: Mapping[str, Column],
        max_rows: int,
        ids: Sequence[str] = (),
        looked_up: Collection[str] = (),
    ) -> None:
        """Compile the columns.

        Args:
            columns: The columns that a row must have, by name.
            max_rows: Rows allowed in one request.
            ids: Columns that a row may have besides, and that come back as they were.
            looked_up: Columns that are looked up where a row leaves them out.
        """
        self.looked_up = frozenset(looked_up).intersection(columns)
        self.columns, self.max_rows = dict(columns), max_rows
        self.ids = tuple(name for name in ids if name not in columns)
        # A struct's attributes need Python names; columns may be called anything.
        self._names = {f"f{i}": name for i, name in enumerate(self.columns)}
        fields: list[Any] = []
        for attribute, name in self._names.items():
            column = self.columns[name]
            kind = msgspec_type(column)
            if name in self.looked_up:
                fields.append((attribute, kind | None | msgspec.UnsetType, UNSET))
            elif column.may_be_missing:
                fields.append((attribute, kind | None, None))
            else:
                fields.append((attribute, kind))
        id_names = {f"id{i}": name for i, name in enumerate(self.ids)}
        fields += [(name, ID | msgspec.UnsetType, UNSET) for name in id_names]
        fields.sort(key=len)  # required ones first, as in a function's arguments
        # msgspec takes no name that JSON escapes: such columns get one that nobody can guess.
        self._escaped = {n: secrets.token_hex(8) for n in (*columns, *ids) if _is_escaped(n)}
        attributes = self._names | id_names
        rename = {a: self._escaped.get(name, name) for a, name in attributes.items()}
        row: type[msgspec.Struct] = msgspec.defstruct(
            "Row", fields, rename=rename, forbid_unknown_fields=True, kw_only=True, gc=False
        )
        self._one = msgspec.json.Decoder(row).decode
        self._rows: Any = list[row]  # type: ignore[valid-type]  # made at run time
        self._many = msgspec.json.Decoder(self._rows).decode
        self._pairs, self._id_pairs = list(self._names.items()), list(id_names.items())
        readers = {name: lenient(column) for name, column in self.columns.items()}
        self._lenient = {name: read for name, read in readers.items() if read is not None}
        checks = {name: unseen_warnings(column) for name, column in self.columns.items()}
        self._unseen = [(name, check) for name, check in checks.items() if check is not None]
        self._normalized = [name for name, c in self.columns.items() if c.normalize]
        self._moments = [name for name, c in self.columns.items() if c.is_datetime]
        self._ranges = {name: in_range(self.columns[name]) for name in self._moments}

    def read(self, body: bytes) -> tuple[list[dict[str, Any]], bool]:
        """Decode a body.

        Args:
            body: JSON: one row, or a list of rows.

        Returns:
            The rows by column name, with the ids that they had, and whether the body was a list.
            What is to be looked up is `UNSET`.

        Raises:
            NotJsonError: The body is no JSON.
            InvalidError: It does not fit.
            TooManyRowsError: More rows than allowed.
        """
        many = body[:64].lstrip()[:1] == b"["
        try:
            found = self._many(body) if many else [self._one(body)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            found, many = self._read_again(body, error)
        if not found:
            raise InvalidError([Mistake(field="body", rule="must have at least one row")])
        if len(found) > self.max_rows:
            raise TooManyRowsError(len(found), self.max_rows)
        pairs = self._pairs
        rows = [{name: getattr(row, attribute) for attribute, name in pairs} for row in found]
        for attribute, name in self._id_pairs:
            for i, values in enumerate(found):
                if (value := getattr(values, attribute)) is not UNSET:
                    rows[i][name] = value
        for name in self._normalized:
            for row in rows:
                if isinstance(row[name], str):
                    row[name] = normalized(row[name])
        if self._moments:
            self._read_moments(rows, many)
        return rows, many

    def _read_moments(self, rows: list[dict[str, Any]], many: bool) -> None:
        """Turn dates into those of UTC; InvalidError where some lie outside of their range."""
        mistakes = []
        for name in self._moments:
            check = self._ranges[name]
            for number, row in enumerate(rows):
                if (moment := row[name]) is None or moment is UNSET:
                    continue
                try:
                    row[name] = check(moment)
                except ValueError as error:
                    field = f"{number}.{name}" if many else name
                    mistakes.append(Mistake(field=field, rule=str(error)))
        if mistakes:
            raise InvalidError(mistakes[:MOST_MISTAKES])

    @property
    def warns(self) -> bool:
        """Whether a row may be predicted and warned of: it breaks a rule, or a look-up fails."""
        return bool(self._unseen or self.looked_up)

    def warnings(self, row: Mapping[str, Any]) -> list[dict[str, str]]:
        """Return the rules that a row breaks, with their fields; such a row is predicted."""
        return [
            {"field": name, "rule": rule}
            for name, check in self._unseen
            for rule in check(row[name])
        ]

    def _read_again(self, body: bytes, error: Exception) -> tuple[list[Any], bool]:
        """Read a body that was refused, though it may be right.

        To JSON Schema 3.0 is an integer, to msgspec it is not; nor does it take every name, a date
        without seconds, or a boolean as the table writes it.
        """
        try:
            content = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as broken:
            raise NotJsonError(f"the body must be JSON: {broken}") from None
        many = isinstance(content, list)
        rows = content if many else [content]
        if len(rows) > self.max_rows:
            raise TooManyRowsError(len(rows), self.max_rows)
        for row in rows:
            if isinstance(row, dict):
                row |= {n: read(row[n]) for n, read in self._lenient.items() if n in row}
        try:
            return msgspec.convert([self._renamed(row) for row in rows], self._rows), many
        except msgspec.ValidationError:
            raise InvalidError(self.explain(content, error)) from None

    def _renamed(self, row: Any) -> Any:
        if not self._escaped or not isinstance(row, dict):
            return row
        return {self._escaped.get(key, key): value for key, value in row.items()}

    @cached_property
    def model(self) -> type[BaseModel]:
        """The row as a pydantic model, equal to what `read` accepts."""
        fields: dict[str, Any] = {}
        for attribute, name in self._names.items():
            column = self.columns[name]
            kind = pydantic_type(column)
            described: dict[str, Any] = {
                "alias": name,
                "description": _describe(column, name in self.looked_up),
                "examples": [example(column)],
            }
            if column.may_be_missing:
                fields[attribute] = (kind | None, Field(default=None, **described))
            else:
                fields[attribute] = (kind, Field(**described))
        for attribute, name in self._id_pairs:
            described = {"alias": name, "description": "comes back as it is, under `ids`"}
            fields[attribute] = (PYDANTIC_ID, Field(default=None, **described))
        return create_model(
            "Row",
            __config__=ConfigDict(extra="forbid", title="Row", hide_input_in_errors=True),
            **fields,
        )

    def explain(self, content: Any, error: Exception) -> list[Mistake]:
        """Name everything that is wrong with a decoded body that was refused."""
        rows = content if isinstance(content, list) else [content]
        mistakes = []
        for number, row in enumerate(rows[: self.max_rows]):
            start = f"{number}." if isinstance(content, list) else ""
            if not isinstance(row, dict):
                mistakes.append(Mistake(field=start + "body", rule="must be an object"))
                continue
            if len(mistakes) >= MOST_MISTAKES:
                break
            known = dict.fromkeys((*self.columns, *self.ids))
            unknown = islice((name for name in row if name not in known), MOST_MISTAKES)
            shown = {name: row[name] for name in (*filter(row.__contains__, known), *unknown)}
            try:
                self.model.model_validate(shown)
            except ValidationError as problems:
                for problem in problems.errors(include_url=False, include_input=False):
                    where = ".".join(str(part) for part in problem["loc"][:1])
                    mistakes.append(Mistake(field=start + where, rule=rule(problem)))
        return mistakes[:MOST_MISTAKES] or [Mistake(field="body", rule=str(error))]

    def example_row(self) -> dict[str, Any]:
        """Return a row that is accepted."""
        return {name: example(column) for name, column in self.columns.items()}


class TooManyRowsError(Exception):
    """A request with more rows than allowed."""

    def __init__(self, rows: int, allowed: int) -> None:
        super().__init__(f"{rows} rows; at most {allowed} in one request")


def _is_escaped(name: str) -> bool:
    return any(character in '"\\' or character < " " for character in name)


def _describe(column: Column, looked_up: bool) -> str:
    unit = f" ({column.unit})" if column.unit else ""
    text = f"{column.description}{unit}" or column.type
    if column.is_datetime:  # JSON Schema has no range of dates
        text += f"; from {column.min}" * (column.min is not None)
        text += f"; to {column.max}" * (column.max is not None)
    return text + f"; looked up in {column.lookup} where it is left out" * looked_up


def rule(problem: Any, unknown: str = "is not a column of this model") -> str:
    """Put a problem that pydantic found into words."""
    kind = problem["type"]
    if kind == "extra_forbidden":
        return unknown
    if kind == "missing":
        return "is missing"
    message: str = problem["msg"].removeprefix("Value error, ")
    return message[0].lower() + message[1:]
