"""Refuse answers that are good alone but cannot work together, and a cookiecutter that is too old.

cookiecutter renders this file before it runs; apart from the `tojson` at the end it is plain
Python, so tests import its functions. Checks on single answers are in checks.py.
"""

import json
import sys
from typing import Any

# Answers that exclude each other, and what to do instead. So far every combination works.
REFUSED: list[tuple[dict[str, Any], str]] = []

# A cookiecutter before 2.7 hands their answers over as texts: "n" would then count as chosen.
YES_NO_QUESTIONS = ["notebooks", "editor_files", "monitoring", "kubernetes", "feature_store"]


def too_old(answers: dict[str, Any], questions: list[str]) -> str:
    """Return one line if an answer to a yes/no question is none, or nothing."""
    for name in questions:
        if not isinstance(answers[name], bool):
            return (
                f"{name}: {answers[name]!a} is a text where this template needs yes or no as a "
                "value: your cookiecutter is too old. Install cookiecutter 2.7 or newer"
            )
    return ""


def complaints(answers: dict[str, Any], refused: list[tuple[dict[str, Any], str]]) -> list[str]:
    """Return one line for each refused combination that the answers contain."""
    return [
        ", ".join(f"{name}={value}" for name, value in combination.items()) + f": {advice}"
        for combination, advice in refused
        if all(answers[name] == value for name, value in combination.items())
    ]


if __name__ == "__main__":
    ANSWERS = dict(json.loads(r"""{{ cookiecutter.items() | list | tojson }}"""))
    REASONS = complaints(ANSWERS, REFUSED)
    sys.exit(too_old(ANSWERS, YES_NO_QUESTIONS) or "\n".join(REASONS) or 0)
