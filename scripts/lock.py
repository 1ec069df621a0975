"""Pin what any set of answers can ask for, in one file for Python 3.11 to 3.13 and every platform.

    python scripts/lock.py              # keep the pins that still fit
    python scripts/lock.py --upgrade    # take the newest versions

Needs uv on PATH or beside this Python. The pins of the package index go into the template's
constraints.txt, which each project installs with: a set of answers installs part of it.
"""

import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "{{cookiecutter.project_slug}}"
REQUIREMENTS = (
    "requirements-serve.txt",
    "requirements.in",
    "requirements-dev.txt",
    "app/requirements.txt",
)
# What the extras in pyproject.toml and the parts that are not in the lists above ask for.
ELSEWHERE = [
    "adlfs",
    "gcsfs",
    "setuptools",
    "mlflow",
    "locust",
    "pytest-xdist",
]
HEADER = """\
# Exact versions of all that the project can need, for Python 3.11 to 3.13 on every platform.
# `make setup` installs with them; `make lock` resolves them anew.
"""


def superset() -> list[str]:
    """Return the requirements of all answers at once: the lists without their Jinja tags."""
    lines = [
        line
        for name in REQUIREMENTS
        for line in (PROJECT / name).read_text(encoding="utf-8").splitlines()
        if line and not line.startswith(("#", "{%"))
    ]
    return lines + ELSEWHERE


def main() -> None:
    beside = Path(sysconfig.get_path("scripts")) / "uv"
    uv = str(beside) if beside.exists() else "uv"
    target = PROJECT / "constraints.txt"
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, "superset.in"), Path(folder, "constraints.txt")
        source.write_text("\n".join(superset()) + "\n", encoding="utf-8")
        if target.exists():  # uv keeps the pins it finds in its output file
            result.write_bytes(target.read_bytes())
        options = ["--universal", "--python-version", "3.11"]
        options += ["--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links"]
        command = [uv, "pip", "compile", "--quiet", *options, *sys.argv[1:]]
        subprocess.run([*command, source, "-o", result], check=True)
        pins = [line for line in result.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    target.write_text(HEADER + "\n".join(pins) + "\n", encoding="utf-8", newline="\n")
    print(f"{target.name}: {len(pins)} pins")


if __name__ == "__main__":
    main()
