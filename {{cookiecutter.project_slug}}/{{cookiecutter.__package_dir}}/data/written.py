"""How people write values: numbers with currencies and units, booleans, texts in odd case.

Free of data frames, so that the server reads a request as `column_types` reads a table; a property
test holds both equal.
"""

import re
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

BLANKS = "[ \\t\\n\\r\\f\\v\u00a0\u2000-\u200a\u202f\u205f\u3000]+"
PLAIN = {"\u2212": "-", "\u2019": "'"}  # a minus and an apostrophe as typesetters write them
IN_FRONT = "$\u00a3\u00a5\u20b9"  # currencies that people write there
_blanks = re.compile(BLANKS)
BOOLEANS = {"true": True, "t": True, "yes": True, "y": True, "1": True, "1.0": True} | {
    "false": False, "f": False, "no": False, "n": False, "0": False, "0.0": False,
}  # fmt: skip
"""How tables write booleans, in lower case."""


class NumberFormat(BaseModel):
    """How a column's numbers are written: `1.234,50 €` is thousands ".", decimal ",", strip "€"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strip: tuple[str, ...] = ()  # what may stand before or behind: a currency, a unit, %
    thousands: Literal["", ",", ".", " ", "'"] = ""
    decimal: Literal[".", ","] = "."

    @model_validator(mode="after")
    def _consistent(self) -> "NumberFormat":
        if self.thousands == self.decimal:
            raise ValueError(f"thousands and decimal are both {self.decimal!r}")
        if wrong := [text for text in self.strip if not text.strip() or re.search(r"\d", text)]:
            raise ValueError(f"strip: {wrong[0]!r} would take more than what stands beside numbers")
        return self

    @property
    def marks(self) -> tuple[str, ...]:
        """What is taken out, the longest first."""
        return tuple(sorted(map(spaced, self.strip), key=len, reverse=True))

    @cached_property
    def pattern(self) -> str:
        """A regular expression for what is left, in the syntax of Python and of Rust."""
        whole, decimal = "[0-9]+", re.escape(self.decimal)
        if self.thousands:
            mark = re.escape(self.thousands)
            whole = f"(?:[0-9]{{1,3}}(?:{mark}[0-9]{{2,3}})*{mark}[0-9]{{3}}|[0-9]+)"
        fraction = f"(?:{whole}(?:{decimal}[0-9]*)?|{decimal}[0-9]+)"
        return f"^[+-]? ?{fraction}(?:[eE][+-]?[0-9]+)?$"

    @property
    def example(self) -> str:
        """A number as it is written here, for people."""
        number = f"1{self.thousands}234{self.decimal}5"
        if not self.strip:
            return number
        beside = self.strip[0]
        return beside + number if beside in IN_FRONT else f"{number} {beside}"

    def read(self, text: str) -> float | None:
        """Return the number that a text is; None where it is none of this format."""
        text = spaced(text)
        for mark in self.marks:
            text = text.replace(mark, "")
        text = text.strip(" ")
        if not re.fullmatch(self.pattern, text):
            return None
        text = text.replace(" ", "")
        if self.thousands:
            text = text.replace(self.thousands, "")
        return float(text.replace(self.decimal, "."))


def spaced(text: str) -> str:
    """Return a text with plain minus and apostrophe, and any run of blanks as one."""
    for odd, plain in PLAIN.items():
        text = text.replace(odd, plain)
    return _blanks.sub(" ", text)


def normalized(text: str) -> str:
    """Return a text in lower case, blanks around it gone and each run of others as one."""
    return _blanks.sub(" ", text).strip(" ").lower()


def label(value: Any) -> str:
    """Return a class value as text: booleans as true and false, all else as written."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_spellings(values: tuple[Any, ...]) -> None:
    """Raise ValueError where a boolean's `values` are not its false and its true."""
    low = [label(value).lower() for value in values]
    known = [BOOLEANS.get(text) for text in low]
    if len(set(low)) != 2 or len(low) != 2 or known[0] is True or known[1] is False:
        raise ValueError(
            "`values` of type boolean are two texts: how the table writes false, then how it "
            'writes true, such as ["no", "yes"]. To turn a target round make it type: category '
            "and list the positive class last"
        )
