"""Pin what any set of answers can ask for, for Python 3.11 to 3.13 and every platform.

    python scripts/lock.py              # keep the pins that still fit
    python scripts/lock.py --upgrade    # take the newest versions

Needs uv on PATH or beside this Python. Everything is resolved at once, and then each requirement
by itself with the pins found. So hooks/locks.json tells who needs what, and a project gets the
pins of its own requirements alone, without a resolution at the time it is made.
"""

import json
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ROOT / "{{cookiecutter.project_slug}}"
LOCKS = ROOT / "hooks/locks.json"
PIN = re.compile(r"^([\w.-]+==[^\s;\\]+)(?: ; ([^\\\n]+?))?(?: \\)?$", re.MULTILINE)


def superset() -> list[str]:
    """Return the requirements of all answers: all lists and what locks name, without Jinja."""
    found: dict[str, None] = {}
    for path in (*PROJECT.glob("requirements*"), *PROJECT.glob("*/requirements*")):
        lines = path.read_text(encoding="utf-8").splitlines()
        found |= dict.fromkeys(line for line in lines if line and not line.startswith(("#", "{%")))
    for path in PROJECT.glob("locks/*.txt"):
        line, *_ = path.read_text(encoding="utf-8").splitlines()
        found |= dict.fromkeys(re.findall(r"[a-z0-9-]+>=[0-9.]+", line))
    return list(found)


def resolve(requirements: list[str], *options: str | Path, pins: str) -> str:
    """Resolve requirements with uv for all platforms; pins are what to keep."""
    beside = Path(sysconfig.get_path("scripts")) / "uv"
    uv = str(beside) if beside.exists() else "uv"
    always = ["--universal", "--python-version", "3.11", "--no-annotate", "--no-header"]
    always += ["--no-emit-index-url", "--no-emit-find-links", "--quiet"]
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, "superset.in"), Path(folder, "superset.txt")
        source.write_text("\n".join(requirements) + "\n", encoding="utf-8")
        result.write_text(pins, encoding="utf-8")  # uv keeps what it finds in its output file
        command = [uv, "pip", "compile", *always, *options, source, "-o", result]
        subprocess.run(command, check=True)
        return result.read_text(encoding="utf-8")


def packages(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Split a lock into pins, their markers and their hashes."""
    for part in re.split(r"\n(?=\S)", text):
        if match := PIN.match(part):
            yield match[1], match[2] or "", re.findall(r"--hash=(\S+)", part)


def main() -> None:
    before = json.loads(LOCKS.read_text(encoding="utf-8")) if LOCKS.exists() else []
    kept = "\n".join(package["pin"] + package["where"] for package in before)
    lines = superset()
    everything = resolve(lines, "--generate-hashes", *sys.argv[1:], pins=kept)
    pins = "".join(f"{pin} ; {at}\n" if at else f"{pin}\n" for pin, at, _ in packages(everything))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(4) as pool:
        constraints = Path(folder, "constraints.txt")
        constraints.write_text(pins, encoding="utf-8")
        alone = list(pool.map(lambda x: resolve([x], "-c", constraints, pins=""), lines))
    needed: defaultdict[str, defaultdict[str, list[str]]]
    needed = defaultdict(lambda: defaultdict(list))
    for line, text in zip(lines, alone, strict=True):
        for pin, marker, _ in packages(text):
            needed[pin][marker].append(line)
    found: list[dict[str, Any]] = [
        {
            "pin": pin,
            "where": f" ; {marker}" if marker else "",
            "needed": {at: sorted(needs) for at, needs in sorted(needed[pin].items())},
            "hashes": hashes,
        }
        for pin, marker, hashes in packages(everything)
    ]
    text = json.dumps(found, indent=1)
    LOCKS.write_text(text + "\n", encoding="utf-8", newline="\n")
    print(f"{LOCKS.name}: {len(found)} pins, {len(lines)} requirements")


if __name__ == "__main__":
    main()
