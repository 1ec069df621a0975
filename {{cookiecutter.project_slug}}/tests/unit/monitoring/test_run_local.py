"""What runs without Docker: its addresses, and what it says where a program is missing."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "monitoring/run_local.py"


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT], capture_output=True, text=True, cwd=tmp_path, env={"PATH": ""}
    )
    assert done.returncode == 2
    assert "is not installed" in done.stderr
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_configurations_get_the_addresses_of_this_machine(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("prometheus", "prometheus-alertmanager"):
        (programs / name).write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    options = ["--api", "127.0.0.1:8123", "--port", "7000", "--interval", "2s"]
    command: list[str | Path] = [sys.executable, SCRIPT, *options, "--folder", tmp_path / "data"]
    path = {"PATH": f"{programs}:/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, env=path)
    assert done.returncode == 1, "one of them has ended"
    prometheus = (tmp_path / "data/prometheus.yml").read_text(encoding="utf-8")
    assert '["127.0.0.1:8123"]' in prometheus
    assert '["127.0.0.1:7003"]' in prometheus
    assert '["127.0.0.1:7000"]' in prometheus
    assert "scrape_interval: 2s" in prometheus
    assert str(SCRIPT.parent / "prometheus/rules.yml") in prometheus
    alertmanager = (tmp_path / "data/alertmanager.yml").read_text(encoding="utf-8")
    assert "url: http://127.0.0.1:7004/" in alertmanager
