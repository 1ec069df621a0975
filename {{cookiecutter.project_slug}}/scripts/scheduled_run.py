"""Run a command of the project from cron, a timer or the task scheduler; without arguments: `all`.

    0 3 * * 1  /project/.venv/bin/python /project/scripts/scheduled_run.py
    0 * * * *  /project/.venv/bin/python /project/scripts/scheduled_run.py predict IN --out OUT

Two runs never overlap. Output goes to logs/, of which the newest are kept; only a failure prints.
The exit code is the command's, or 75 where another run is still going.
"""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "logs"
KEPT_LOGS = 100
TAIL_LINES = 20
BUSY = 75  # EX_TEMPFAIL of sysexits.h


def lock(file: IO[str]) -> bool:
    """Take the lock if it is free; the system lets go of it when its last holder ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def run(arguments: list[str], held: IO[str]) -> int:
    """Run the command into a log of its own and return its exit code."""
    log = LOGS / f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.log"
    command = [sys.executable, "-m", "{{ cookiecutter.package_name }}", *arguments]
    # The command holds the lock too, in case it outlives this script.
    shared = () if sys.platform == "win32" else (held.fileno(),)
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, pass_fds=shared
        )
        try:
            code = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        out.write(f"exit code {code}\n")
    if code != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
        print(f"{' '.join(arguments)} failed; the end of {log}:", *lines, sep="\n", file=sys.stderr)
    for old in sorted(LOGS.glob("*.log"))[:-KEPT_LOGS]:
        old.unlink()
    return code


def main() -> int:
    """Run unless another run is going."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.chdir(ROOT)
    LOGS.mkdir(exist_ok=True)
    with (LOGS / "lock").open("w") as held:
        if not lock(held):
            print("another run is still going; this one is left out", file=sys.stderr)
            return BUSY
        return run(sys.argv[1:] or ["all"], held)


if __name__ == "__main__":
    sys.exit(main())
