"""Run commands in turn, each in a fresh process, and compare them by paired ratios."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Child:
    """A command to be measured; the folder `fresh` is removed before each run."""

    name: str
    command: Sequence[str | Path]
    cwd: Path
    env: dict[str, str] = field(default_factory=dict)
    fresh: Path | None = None


@dataclass(frozen=True)
class Run:
    """One run of a child.

    `said` holds what the child measured itself: the last line it printed, where that is JSON.
    """

    wall: float  # seconds
    cpu: float  # seconds, user and system, of the child and its children
    peak: float  # MiB resident, of the largest process
    said: dict[str, float]


def clean_environment() -> dict[str, str]:
    """Return this process's environment without what would slow a Python down or lead it astray."""
    # Without its cache of compiled modules Python takes about twice as long to start.
    dropped = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in dropped}


def run(child: Child) -> Run:
    """Run a child to its end; what it printed is shown if it fails.

    The peak comes from the kernel's account of the child. That account begins with the memory of
    the process that starts it, so this one must stay small: standard library only.
    """
    if child.fresh is not None:
        shutil.rmtree(child.fresh, ignore_errors=True)
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in child.command],
            cwd=child.cwd,
            env=clean_environment() | child.env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode(errors="replace")
    if process.returncode:
        sys.exit(f"{child.name} ended with {process.returncode}:\n{text}")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit, last_json(text))


def alternate(children: Sequence[Child], repeat: int, warm_up: bool = True) -> list[list[Run]]:
    """Run the children in turn, `repeat` rounds, each round in the reverse order of the last.

    Args:
        children: What to compare.
        repeat: Rounds that count.
        warm_up: Whether a round that does not count comes first (compiles modules, fills caches).

    Returns:
        For each child its runs; those at the same position are from the same round.
    """
    runs: list[list[Run]] = [[] for _ in children]
    for number, i in turns(len(children), range(-1 if warm_up else 0, repeat)):
        done = run(children[i])
        if number >= 0:
            runs[i].append(done)
            print(
                f"  {children[i].name:<28} wall {done.wall:8.3f} s   cpu {done.cpu:8.3f} s   "
                f"peak {done.peak:7.0f} MiB",
                *(f"{name} {value:g}" for name, value in done.said.items()),
                flush=True,
            )
    return runs


def turns(count: int, rounds: range) -> Iterator[tuple[int, int]]:
    """Yield the round and whose turn it is; each round is in the reverse order of the last."""
    for number in rounds:
        order = range(count)
        for i in order if number % 2 == 0 else reversed(order):
            yield number, i


def median(runs: Sequence[Run], figure: str) -> float:
    """Return the median of a figure: wall, cpu, peak, or one that the child said."""
    return statistics.median(value(run, figure) for run in runs)


def ratio(ours: Sequence[Run], other: Sequence[Run], figure: str) -> float:
    """Return the median of the rounds' ratios, so that noise that lasts hits both sides."""
    pairs = zip(ours, other, strict=True)
    return statistics.median(value(a, figure) / value(b, figure) for a, b in pairs)


def value(run: Run, figure: str) -> float:
    return run.said[figure] if figure in run.said else float(getattr(run, figure))


def last_json(text: str) -> dict[str, float]:
    """Return the last line of a text as JSON, or nothing where it is none."""
    last = text.rstrip().rpartition("\n")[2]
    return dict(json.loads(last)) if last.startswith("{") else {}
