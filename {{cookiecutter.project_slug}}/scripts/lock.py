"""Resolve what the project needs anew: constraints.txt, and locks/*.txt with a hash of each file.

    .venv/bin/python scripts/lock.py [--keep]

The first line of each says from which lists it is made. All are written, or none. `--keep` leaves
the versions in constraints.txt as they are, for whoever has moved one there.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

CONSTRAINTS, LOCKS = Path("constraints.txt"), Path("locks")
FROM = "# From: "
UV = Path(sys.executable).with_name("uv")
# One resolution for Python 3.11 to 3.13 on every platform, and nothing of where it came from.
OPTIONS = (
    *("--universal", "--python-version", "3.11", "--no-annotate", "--no-header", "--quiet"),
    *("--no-emit-index-url", "--no-emit-find-links"),
)


def sources(head: str, folder: Path) -> list[str]:
    """Return the lists that a first line names; requirements that stand there become one more."""
    words = head.removeprefix(FROM).split()
    alone = folder / "alone.in"
    alone.write_text("\n".join(word for word in words if ">=" in word), encoding="utf-8")
    return [*(word for word in words if ">=" not in word), str(alone)]


def resolve(path: Path, *options: str) -> str:
    """Return the new text of a file: its comments at the top, then what uv finds."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = lines[: next((i for i, line in enumerate(lines) if line[:1] != "#"), len(lines))]
    if not comments or not comments[0].startswith(FROM):
        sys.exit(f"error: the first line of {path} must begin with {FROM!r} and name its lists")
    with tempfile.TemporaryDirectory() as folder:
        command = [str(UV), "pip", "compile", *OPTIONS, *options]
        command += sources(comments[0], Path(folder))
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"error: uv cannot resolve {path}; nothing is written")
    return "\n".join([*comments, done.stdout])


def main(arguments: list[str] | None = None) -> None:
    """Resolve everything, then write everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="keep the versions of constraints.txt")
    keep = parser.parse_args(arguments).keep
    pins = CONSTRAINTS.read_text(encoding="utf-8") if keep else resolve(CONSTRAINTS, "--upgrade")
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder, "constraints.txt")
        found.write_text(pins, encoding="utf-8")
        options = ("--generate-hashes", "--constraints", str(found))
        texts = {path: resolve(path, *options) for path in sorted(LOCKS.glob("*.txt"))}
    for path, text in (texts | {CONSTRAINTS: pins}).items():
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"{path}: {sum('==' in line for line in text.splitlines())} packages")


if __name__ == "__main__":
    main()
