"""Runs Prometheus, Alertmanager and the receiver without Docker, from programs of this machine.

`python monitoring/run_local.py`, beside a running `serve`; Debian and Ubuntu have both programs:
`apt install prometheus prometheus-alertmanager`. All listen on 127.0.0.1.
"""

import argparse
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = {
    "prometheus": ("prometheus",),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
}


def main() -> int:
    """Run them until one ends or this is stopped; 2 where a program is missing."""
    options = arguments()
    found = {
        name: next(filter(None, map(shutil.which, known)), None) for name, known in PROGRAMS.items()
    }
    for name, program in found.items():
        if program is None:
            print(
                f"error: {name} is not installed; `apt install prometheus "
                "prometheus-alertmanager`, or use Docker",
                file=sys.stderr,
            )
            return 2
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    options.port = options.port or free_port()
    configure(options)
    running = [subprocess.Popen(command) for command in commands(options, found)]
    print(
        f"Prometheus on http://127.0.0.1:{options.port}, Alertmanager on port {options.port + 3}",
        flush=True,
    )
    try:
        while all(one.poll() is None for one in running):
            time.sleep(0.2)
        return 1
    except (KeyboardInterrupt, SystemExit):
        return 0
    finally:
        for one in running:
            one.terminate()
        for one in running:
            one.wait()


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Watch an API without Docker.")
    parser.add_argument("--api", default="127.0.0.1:8000", help="where it answers")
    parser.add_argument(
        "--port", type=int, default=9090, help="Prometheus'; +3 and +4 too; 0 = any that are free"
    )
    parser.add_argument("--interval", default="15s", help="between two looks")
    parser.add_argument("--folder", type=Path, default=Path(".cache/monitoring"), help="its data")
    return parser.parse_args()


def free_port() -> int:
    """Return a port that is free, as are those that are taken beside it."""
    while True:
        port = random.SystemRandom().randrange(20_000, 50_000)
        try:
            for number in (port, port + 3, port + 4):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
        except OSError:
            continue
        return port


def configure(options: argparse.Namespace) -> None:
    """Write the configurations with the addresses of this machine."""
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    here = {
        "api:8000": options.api,
        "alertmanager:9093": f"127.0.0.1:{options.port + 3}",
        "alerts:9094": f"127.0.0.1:{options.port + 4}",
        "127.0.0.1:9090": f"127.0.0.1:{options.port}",
        "rules.yml": str(HERE / "prometheus/rules.yml"),
        "interval: 15s": f"interval: {options.interval}",
        "group_wait: 10s": f"group_wait: {options.interval}",
    }
    known = re.compile("|".join(map(re.escape, here)))
    for name in ("prometheus/prometheus.yml", "alertmanager/alertmanager.yml"):
        text = (HERE / name).read_text(encoding="utf-8")
        changed = known.sub(lambda match: here[match[0]], text)
        (folder / Path(name).name).write_text(changed, encoding="utf-8")


def commands(options: argparse.Namespace, programs: dict[str, str | None]) -> list[list[str]]:
    """Return what is to run."""
    folder, port = options.folder, options.port
    return [
        [
            str(programs["prometheus"]),
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/prometheus",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ],
        [
            str(programs["alertmanager"]),
            f"--config.file={folder}/alertmanager.yml",
            f"--storage.path={folder}/alertmanager",
            f"--web.listen-address=127.0.0.1:{port + 3}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ],
        [sys.executable, str(HERE / "alertmanager/receiver.py"), f"127.0.0.1:{port + 4}"],
    ]


if __name__ == "__main__":
    sys.exit(main())
