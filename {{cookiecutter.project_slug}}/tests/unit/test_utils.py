"""Files that appear whole or not at all; seeds that repeat; log lines that are JSON."""

import json
import logging
import os
import random
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from {{ cookiecutter.package_name }}.logging_config import JsonFormatter, setup_logging
from {{ cookiecutter.package_name }}.utils import files
from {{ cookiecutter.package_name }}.utils.random_seed import seed_everything


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(OSError, match="disk full"):
        break_off(files.atomic_file(path))
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def break_off(writing: AbstractContextManager[Path]) -> None:
    """Write half of it, and fail."""
    with writing as temporary:
        path = temporary / "half" if temporary.is_dir() else temporary
        path.write_text("half")
        raise OSError("disk full")


def test_folder_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "v1"
    with pytest.raises(OSError, match="disk full"):
        break_off(files.atomic_folder(target))
    assert not list(tmp_path.iterdir())
    with files.atomic_folder(target) as temporary:
        (temporary / "a").write_text("1")
    with pytest.raises(FileExistsError), files.atomic_folder(target) as temporary:
        (temporary / "a").write_text("2")
    assert (target / "a").read_text() == "1"
    with files.atomic_folder(target, replace=True) as temporary:
        (temporary / "b").write_text("3")
    assert [p.name for p in target.iterdir()] == ["b"]
    assert [p.name for p in tmp_path.iterdir()] == ["v1"]


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    """A process that ended without a word leaves a temporary file and a folder."""
    name = files.__name__
    code = (
        "import os, sys\n"
        f"from {name} import atomic_file, atomic_folder\n"
        "from pathlib import Path\n"
        "one, two = atomic_file(Path('a')), atomic_folder(Path('b'))\n"
        "one.__enter__().write_text('half'), (two.__enter__() / 'x').write_text('half')\n"
        "os._exit(9)\n"
    )
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": paths})
    assert len(list(tmp_path.iterdir())) == 2
    with files.atomic_file(tmp_path / "a") as ours:
        files.sweep(tmp_path / "a")  # as another run would, while this one writes
        ours.write_text("whole")
    with files.atomic_folder(tmp_path / "b") as ours:
        (ours / "x").write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not list(tmp_path.iterdir())


def test_seed_makes_draws_repeat() -> None:
    draws = []
    for _ in range(2):
        generator = seed_everything(3)
        draws.append((random.random(), float(np.random.rand()), float(generator.random())))
    assert draws[0] == draws[1]
    with pytest.raises(ValueError, match="seed must be"):
        seed_everything(-1)


def test_json_log_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("INFO", "json")
    name = JsonFormatter.__module__.rpartition(".")[0]
    logging.getLogger(f"{name}.x").info("hello %s", "you", extra={"rows": 3})
    line = json.loads(capsys.readouterr().err)
    assert line["message"] == "hello you"
    assert line["rows"] == 3
    assert line["level"] == "INFO"
