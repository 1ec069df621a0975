"""What is locked is what the lists ask for, and a lock that cannot be made anew stays as it is."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "locks").glob("*.txt"))
PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", re.MULTILINE)


@pytest.fixture
def lock() -> ModuleType:
    """The script, which is in no package."""
    spec = importlib.util.spec_from_file_location("lock", ROOT / "scripts/lock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def named(lines: list[str]) -> set[str]:
    found = (re.match(r"[A-Za-z0-9._-]+", line) for line in lines)
    return {re.sub(r"[._-]+", "-", name[0]).lower() for name in found if name}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_every_lock_holds_what_its_lists_ask_for(path: Path, lock: ModuleType) -> None:
    text = path.read_text("utf-8")
    words = text.splitlines()[0].removeprefix(lock.FROM).split()
    asked = named([word for word in words if ">=" in word])
    for word in set(words) - {word for word in words if ">=" in word}:
        asked |= named((ROOT / word).read_text("utf-8").splitlines())
    pins = PIN.findall(text)
    assert asked <= {name for name, _ in pins}, "run: make lock KEEP=1"
    constraints = PIN.findall((ROOT / "constraints.txt").read_text("utf-8"))
    assert set(pins) <= set(constraints), "run: make lock KEEP=1"


@pytest.mark.parametrize("path", [*LOCKS, ROOT / "constraints.txt"], ids=lambda path: path.stem)
def test_every_line_is_a_pin_or_its_hash(path: Path) -> None:
    """No address of an index, no file of somebody's machine; in a lock no pin without a hash."""
    head, *lines = path.read_text("utf-8").splitlines()
    assert head.startswith("# From: ")
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if not re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?|# .*", line):
            assert re.fullmatch(r"[a-z0-9.-]+==[\w.+!-]+( ; [^\\:/@]+)?( \\)?", line)
            assert path.parent != LOCKS[0].parent or after.startswith("    --hash=")


@pytest.mark.skipif(
    not Path(sys.executable).with_name("uv").exists(), reason="there is no uv beside this Python"
)
def test_nothing_is_written_when_one_cannot_be_resolved(
    lock: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UV_OFFLINE", "1")
    texts = {
        Path("constraints.txt"): "# From: empty.in\n",
        Path("locks/a.txt"): "# From: empty.in\nold==1\n",
        Path("locks/b.txt"): "# From: no-such-package>=1\n",
    }
    Path("locks").mkdir()
    Path("empty.in").write_text("", "utf-8")
    for path, text in texts.items():
        path.write_text(text, "utf-8")
    with pytest.raises(SystemExit, match=r"uv cannot resolve locks.b\.txt; nothing is written"):
        lock.main([])
    assert {path: path.read_text("utf-8") for path in texts} == texts
    Path("locks/b.txt").write_text("no-such-package>=1\n", "utf-8")
    with pytest.raises(SystemExit, match="must begin with '# From: '"):
        lock.main(["--keep"])
