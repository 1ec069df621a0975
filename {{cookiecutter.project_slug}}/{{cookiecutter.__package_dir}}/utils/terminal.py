"""What commands take and print: options, tables, JSON, and color on a terminal only."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

ConfigPath = Annotated[Path, typer.Option("--config", "-c", help="Configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]
DEFAULT = Path("configs/default.yml")
COLORS = {"promote": "green", "inconclusive": "yellow", "reject": "red", "error": "red"} | {
    "proven": "green",
    "open": "yellow",
    "failed": "red",
    "fine": "green",
    "look": "yellow",
    "mend": "red",
}


def print_json(value: Any) -> None:
    """Print a value as JSON, for programs."""
    import json  # here, since `--help` has no need of it

    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(rows: Sequence[Sequence[str]], numbers: int) -> None:
    """Print rows of text in columns, the first row as headers.

    Args:
        rows: As long as each other.
        numbers: How many of the last columns are numbers, which stand to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    text = len(widths) - numbers
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:text], widths, strict=False)]
        cells += [cell.rjust(width) for cell, width in zip(row[text:], widths[text:], strict=True)]
        typer.echo("  ".join(cells).rstrip())


def print_diff(lines: Sequence[str]) -> None:
    """Print a diff, in color where a terminal reads it."""
    for line in lines:
        color = {"+": "green", "-": "red"}.get(line[:1])
        is_plain = color is None or os.environ.get("NO_COLOR")
        typer.echo(line if is_plain else typer.style(line, fg=color))


def colored(word: str) -> str:
    """Color a word that tells how it went; where no terminal reads it, `echo` takes that out."""
    return word if os.environ.get("NO_COLOR") else typer.style(word, fg=COLORS[word])
