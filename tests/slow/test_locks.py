"""What a project gets of the locks is what a resolution of its own requirements finds."""

import itertools
import re
import shutil
import sys
from pathlib import Path

import pytest
from packaging.markers import Marker

from tests.baking import Answers, Baker, minimal
from tests.slow.projects import run, uv

ROWS: list[Answers] = [{}, minimal(), {"demo_app": "fastapi", "notebooks": False}]
# sys_platform, platform_system, os_name, platform_machine
PLATFORMS = [
    ("linux", "Linux", "posix", "x86_64"),
    ("linux", "Linux", "posix", "aarch64"),
    ("darwin", "Darwin", "posix", "arm64"),
    ("win32", "Windows", "nt", "AMD64"),
]
ENVIRONMENTS = [
    {
        "python_version": version,
        "python_full_version": f"{version}.5",
        "sys_platform": sys_platform,
        "platform_system": system,
        "os_name": os_name,
        "platform_machine": machine,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    for version, (sys_platform, system, os_name, machine) in itertools.product(
        ("3.11", "3.12", "3.13"), PLATFORMS
    )
]


def meaning(text: str) -> list[dict[str, tuple[str, ...]]]:
    """Return for each environment what is installed there, with the hashes of its files."""
    found: list[dict[str, tuple[str, ...]]] = [{} for _ in ENVIRONMENTS]
    for part in re.split(r"\n(?=\S)", text):
        match = re.match(r"([\w.-]+==[^\s;\\]+)(?: ; ([^\\\n]+?))?(?: \\)?(?:\n|$)", part)
        if match is None:
            assert part.startswith("#"), part
            continue
        for environment, packages in zip(ENVIRONMENTS, found, strict=True):
            if match[2] is None or Marker(match[2]).evaluate(dict(environment)):
                packages[match[1]] = tuple(sorted(re.findall(r"sha256:\w+", part)))
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(map(str, row.values())) or "default")
def test_a_resolution_finds_the_same(row: Answers, bake: Baker) -> None:
    """The project's own script, with the versions of the superset, for all platforms."""
    project = bake.anew(**row)
    paths = [project / "constraints.txt", *sorted((project / "locks").glob("*.txt"))]
    rendered = [meaning(path.read_text("utf-8")) for path in paths]
    assert all(packages for text in rendered for packages in text)
    bin_ = project / ".venv/bin"
    bin_.mkdir(parents=True)
    (bin_ / "python").symlink_to(Path(sys.executable).resolve())
    shutil.copy(Path(sys.executable).with_name("uv"), bin_)
    run(bin_ / "python", "scripts/lock.py", "--keep", cwd=project)
    assert [meaning(path.read_text("utf-8")) for path in paths] == rendered
    # constraints.txt itself, which --keep leaves alone.
    head, *rest = (project / "constraints.txt").read_text("utf-8").splitlines()
    lists = [word for word in head.split()[2:] if ">=" not in word]
    (project / "more.in").write_text("\n".join(w for w in head.split() if ">=" in w), "utf-8")
    options = ("--quiet", "--universal", "--python-version=3.11", "--no-annotate", "--no-header")
    (project / "pins.txt").write_text("\n".join(rest), "utf-8")
    command = ("pip", "compile", *options, "--constraints=pins.txt", *lists, "more.in")
    uv(*command, "--output-file=found.txt", cwd=project)
    assert meaning((project / "found.txt").read_text("utf-8")) == rendered[0]


def test_nothing_is_installed_with_another_hash(bake: Baker, tmp_path: Path) -> None:
    text = (bake() / "locks/build.txt").read_text("utf-8")
    uv("venv", "--quiet", "--python", sys.executable, tmp_path / "venv", cwd=tmp_path)
    into = ("pip", "install", "--quiet", "--require-hashes", "--python", tmp_path / "venv")
    (tmp_path / "lock.txt").write_text(text, "utf-8")
    uv(*into, "-r", "lock.txt", cwd=tmp_path)
    other = re.sub(r"sha256:\w{60}", "sha256:" + "0" * 60, text)
    (tmp_path / "lock.txt").write_text(other, "utf-8")
    with pytest.raises(AssertionError, match=r"[Hh]ash mismatch"):
        uv(*into, "--reinstall", "--no-cache", "-r", "lock.txt", cwd=tmp_path)
