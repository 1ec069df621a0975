"""What every benchmark works with: folders, the rendered project, tables of findings."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from measure import Child, Run, alternate, median

ROOT = Path(__file__).resolve().parent.parent
CHILDREN = Path(__file__).resolve().parent / "children"
PREFIX = "FLIGHT_DELAYS__"
Words = list[str | Path]


@dataclass
class Bench:
    """What a benchmark works with, and what it found."""

    build: Path
    rows: list[int]
    repeat: int
    data: Path | None
    pandas: bool
    peers: bool
    seconds: int
    project: Path
    python: Path
    given: bool  # project and Python were named: nothing is installed for them
    medians: list[list[str]] = field(default_factory=list)
    ratios: list[list[str]] = field(default_factory=list)
    tables: list[tuple[list[str], list[list[str]]]] = field(default_factory=list)
    raw: dict[str, list[dict[str, object]]] = field(default_factory=dict)

    def compare(
        self, what: str, children: Sequence[Child], warm_up: bool = True
    ) -> list[list[Run]]:
        print(f"\n== {what}", flush=True)
        runs = alternate(children, self.repeat, warm_up)
        for child, done in zip(children, runs, strict=True):
            figures = [f"{median(done, 'wall'):.3f}", f"{median(done, 'cpu'):.3f}"]
            own = f"{median(done, 'seconds'):.3f}" if "seconds" in done[0].said else ""
            self.medians.append([what, child.name, *figures, own, f"{median(done, 'peak'):.0f}"])
            self.raw[f"{what}: {child.name}"] = [asdict(one) for one in done]
        return runs

    def check(
        self,
        what: str,
        value: float,
        at_most: float | None = None,
        unit: str = "x",
        *,
        at_least: float | None = None,
        invalid: str = "",
    ) -> None:
        """Note a figure beside its target; `invalid` says why it means nothing."""
        target = verdict = ""
        if at_most is not None:
            target, verdict = f"<= {at_most:.3g}{unit}", "met" if value <= at_most else "missed"
        if at_least is not None:
            target, verdict = f">= {at_least:.3g}{unit}", "met" if value >= at_least else "missed"
        if invalid:
            verdict = f"invalid: {invalid}"
        self.ratios.append([what, f"{value:,.3g}{unit}", target, verdict])

    def command(self, *words: str | Path) -> Words:
        return [self.python.with_name("flight-delays"), *words]

    def table(self, rows: int) -> Path:
        """Return the table with so many rows; it is made only once."""
        path = self.build / "tables" / f"{rows}.parquet"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            script = ROOT / "scripts/make_sample.py"
            make: Words = [uv(), "run", script]
            if self.data:
                make = [self.python, script, "--data", self.data]
            call(*make, "--rows", str(rows), "--out", path)
        return path

    def settings(self, rows: int, **more: str) -> dict[str, str]:
        """Return the environment that points the project at that table."""
        values = {
            "data__source": str(self.table(rows)),
            "data__sha256": "null",
            "paths__raw": str(self.build / "raw"),
            "paths__processed": str(self.build / "processed" / str(rows)),
            "paths__models": str(self.build / "models" / str(rows)),
        } | more
        return {PREFIX + name.upper(): text for name, text in values.items()}

    def ours(self, name: str, *words: str | Path, env: dict[str, str]) -> Child:
        return Child(name, self.command(*words), self.project, env)

    def script(self, name: str, script: str, *words: str | Path, env: dict[str, str]) -> Child:
        return Child(name, [self.python, CHILDREN / script, *words], self.project, env)

    def prepared(self, rows: int, *steps: str) -> dict[str, str]:
        """Run steps of the project on that table, unmeasured; return their environment."""
        env = self.settings(rows)
        for step in steps:
            call(*self.command(step), cwd=self.project, env=env)
        return env


def environment(python: Path, *needs: str | Path, anew: bool = False) -> Path:
    """Return that Python, in an environment with what is needed and perhaps more from before."""
    if anew or not python.exists():
        call(uv(), "venv", "--clear", "--python", sys.executable, python.parent.parent)
    call(uv(), "pip", "install", "--python", python, *needs)
    return python


def uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    return found or sys.exit("uv is needed: pip install uv")


def superset(folder: Path, without: str = "no such") -> Path:
    """Write the versions of all packages that any project can need, as constraints."""
    packages = json.loads((ROOT / "hooks/locks.json").read_text(encoding="utf-8"))
    pins = [one["pin"] + one["where"] for one in packages if not one["pin"].startswith(without)]
    path = folder / "pins.txt"
    path.write_text("\n".join(pins) + "\n", encoding="utf-8")
    return path


def call(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=cwd,
        env=os.environ | (env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}")
