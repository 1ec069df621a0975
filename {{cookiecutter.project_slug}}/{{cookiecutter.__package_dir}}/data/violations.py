"""What is wrong with a table: collected over its batches, and told in one message."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LONGEST = 100  # characters of a value in a message
EXAMPLES = 5  # rows that a message names for each column and rule


@dataclass(frozen=True)
class Violation:
    """Rows of one column that break one rule."""

    column: str
    rule: str
    count: int
    examples: tuple[tuple[str, Any], ...] = ()  # (where, value)


@dataclass
class Violations:
    """Collects what is wrong over all batches of a table.

    Attributes:
        by_rule: The violations by column and rule.
        rows: How many rows have been checked.
        file: Which of a table's files it is, to be named with each row.
    """

    by_rule: dict[tuple[str, str], Violation] = field(default_factory=dict)
    rows: int = 0
    file: str = ""

    def __bool__(self) -> bool:
        return bool(self.by_rule)

    def add(
        self, column: str, rule: str, count: int, examples: Sequence[tuple[int, Any]] = ()
    ) -> None:
        """Count rows that break a rule; the first few examples, (row from 1, value), are kept."""
        places = tuple((f"{self.file} row {row}".lstrip(), value) for row, value in examples)
        self._add(Violation(column, rule, count, places))

    def merge(self, later: "Violations") -> None:
        """Take in what is wrong with rows that come after these."""
        self.rows += later.rows
        for violation in later.by_rule.values():
            self._add(violation)

    def _add(self, new: Violation) -> None:
        key = new.column, new.rule
        old = self.by_rule.get(key, Violation(*key, 0))
        kept = (*old.examples, *new.examples)[:EXAMPLES]
        self.by_rule[key] = Violation(*key, old.count + new.count, kept)

    def message(self, path: Path | str) -> str:
        """Return one line for each column and rule, with the number of rows and examples."""
        lines = [f"{path} does not fit the schema:"]
        for violation in self.by_rule.values():
            rows = ""
            if violation.count:
                shown = ", ".join(f"{where}: {_short(v)}" for where, v in violation.examples)
                rows = f": {violation.count:,} row{'s' * (violation.count != 1)} ({shown})"
            lines.append(f"  {violation.column}: {violation.rule}{rows}")
        return "\n".join(lines)


def _short(value: Any) -> str:
    """Return a value in one line of bounded length."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
