"""Refuse answers that are good alone but cannot work together.

cookiecutter renders this file before it runs; apart from the `tojson` at the end it is plain
Python, so tests import its functions. Checks on single answers are in answer_checks.py.
"""

import json
import sys
from typing import Any

# Answers that exclude each other, and what to do instead. So far every combination works.
REFUSED: list[tuple[dict[str, Any], str]] = []


def complaints(answers: dict[str, Any], refused: list[tuple[dict[str, Any], str]]) -> list[str]:
    """Return one line for each refused combination that the answers contain."""
    return [
        ", ".join(f"{name}={value}" for name, value in combination.items()) + f": {advice}"
        for combination, advice in refused
        if all(answers[name] == value for name, value in combination.items())
    ]


if __name__ == "__main__":
    ANSWERS = dict(json.loads(r"""{{ cookiecutter.items() | list | tojson }}"""))
    sys.exit("\n".join(complaints(ANSWERS, REFUSED)) or 0)
