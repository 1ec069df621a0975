"""What is broken or missing in this project, each with the line that mends it."""

import errno
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..errors import UserError

if TYPE_CHECKING:
    from ..config import Config

State = Literal["fine", "look", "mend"]
SETUP = "make setup"
PYTHONS = (3, 11), (3, 13)
LEAST_DISK = 2**30  # bytes; a run of the sample needs a hundredth of it
SHOWN = 3  # of many, by name
SEEDED = {"pip", "setuptools"}  # in any .venv, in the versions of its Python; no command uses them
PAGES = ("*.md", "docs/**/*.md", "pyproject.toml")
# What stands where a person has not written yet: in a new project, or after `schema infer`.
OPEN = re.compile(r"^To be stated: .*|you@example\.com|your-github-name|\bYour Name\b", re.M)


@dataclass(frozen=True)
class Finding:
    """One line of the screen."""

    about: str
    state: State
    said: str
    mend: str = ""  # what to do, where there is something


def run(path: Path) -> Iterator[Finding]:
    """Look at everything.

    Args:
        path: The configuration file; the project is the folder that this runs in.

    Yields:
        What was seen, one by one; `mend` is what stops or misleads the other commands.
    """
    yield python()
    yield _tried("packages", lambda: packages(Path("constraints.txt")))
    yield code()
    yield leftovers()
    yield disk()
    try:
        config = _config(path)
    except UserError as error:
        yield Finding("settings", "mend", str(error), f"edit {path}")
        return
    yield Finding("settings", "fine", f"{path} and {config.paths.schema_} can be read")
    yield _tried("data", lambda: data(config))
    yield _tried("sets", lambda: sets(config))
    yield _tried("versions", lambda: versions(config))
    yield _tried("champion", lambda: champion(config))
    yield port(config.serve.host, config.serve.port)
    yield statements()


def python() -> Finding:
    """Hold this Python against those that the project runs on."""
    (*_, low), (*_, high) = PYTHONS
    here = ".".join(map(str, sys.version_info[:3]))
    if PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        return Finding("Python", "fine", here)
    return Finding("Python", "mend", f"{here}, not 3.{low} to 3.{high}", f"rm -r .venv; {SETUP}")


def packages(constraints: Path) -> Finding:
    """Hold what is installed against the pins and what the project asks for.

    Args:
        constraints: The pins, such as constraints.txt.
    """
    wrong, same = [], 0
    try:
        lines = constraints.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return Finding("packages", "mend", f"{constraints} is missing", "make lock")
    for name, pin in _pins(lines):
        if name in SEEDED:
            continue
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # of an extra, or of a tool that comes with its first use
        same += installed == pin
        if installed != pin:
            wrong.append(f"{name} {installed}, not {pin}")
    wrong += [f"{name} is missing" for name in _missing()]
    if wrong:
        return Finding("packages", "mend", _few(wrong), SETUP)
    return Finding("packages", "fine", f"{same} in the versions of {constraints}")


def code() -> Finding:
    """Tell whether this command runs the code of this folder."""
    here = Path(__file__).resolve().parents[1]
    if Path.cwd().resolve() in here.parents:
        return Finding("code", "fine", str(here.relative_to(Path.cwd().resolve())))
    return Finding("code", "mend", f"this command runs {here}, which is not in this folder", SETUP)


def leftovers() -> Finding:
    """Look for what a merge or an update of the template has left to do."""
    if (unfinished := Path("HOOKS_DID_NOT_RUN.md")).exists():
        return Finding("leftovers", "mend", "the project is not whole", f"read {unfinished}")
    if not _git("rev-parse", "--git-dir"):
        said = "no git repository here, so merges were not looked at"
        return Finding("leftovers", "look", said, "git init")
    others = ("--cached", "--others", "--exclude-standard")
    found = _git("ls-files", *others, "*.rej", "*.orig")
    found += _git("grep", "--untracked", "-lE", "^(<<<<<<<|>>>>>>>) ")
    if found:
        return Finding("leftovers", "mend", f"of a merge: {_few(found)}", "take in or delete them")
    return Finding("leftovers", "fine", "no conflict, no .rej, no .orig")


def disk() -> Finding:
    """Tell whether there is room for data and models."""
    free = shutil.disk_usage(".").free
    said = f"{free / 2**30:,.1f} GiB free"
    if free < LEAST_DISK:
        return Finding("disk", "mend", said, "make room: a run needs a few times the table's size")
    return Finding("disk", "fine", said)


def data(config: "Config") -> Finding:
    """Hold the raw table against its manifest."""
    from ..data.ingest import known, raw_table

    if known(config.paths.raw, config.data.file_name) is None:
        return Finding("data", "look", f"{config.data.file_name} is not taken in yet", "make all")
    path, entry = raw_table(config)
    return Finding("data", "fine", f"{path}: {entry.rows:,} rows, as they were ingested")


def sets(config: "Config") -> Finding:
    """Hold what stands in data/processed against settings, schema and features."""
    from ..preprocess.current import load
    from ..preprocess.processed import SUMMARY

    if not (config.paths.processed / SUMMARY).exists():
        return Finding("sets", "look", f"{config.paths.processed} is empty yet", "make all")
    _, summary = load(config)
    rows = ", ".join(f"{name} {count:,}" for name, count in summary.rows.items())
    return Finding("sets", "fine", f"{config.paths.processed}: {rows} rows, up to date")


def versions(config: "Config") -> Finding:
    """Read the metadata of every version."""
    from ..models.versions import read_versions

    read, broken = read_versions(config.paths.models)
    if broken:
        return Finding("versions", "mend", _few(broken))
    if not read:
        return Finding("versions", "look", f"{config.paths.models} has none yet", "make all")
    return Finding("versions", "fine", f"{len(read)}, the newest {read[-1].version}")


def champion(config: "Config") -> Finding:
    """Open the champion with every file that serving needs checked."""
    from ..models.registry import ModelRegistry

    registry = ModelRegistry(config.serve.store, config.serve.cache)
    if registry.champion() is None:
        return Finding("champion", "look", "nothing has been promoted yet", "make all")
    version = registry.open_champion().version
    return Finding("champion", "fine", f"{version}, its files as they were promoted")


def port(host: str, number: int) -> Finding:
    """Tell whether `serve` could listen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind((host, number))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            said = "something listens there already" if taken else str(error.strerror).lower()
            return Finding("port", "look", f"{host}:{number}: {said}", "stop it, or set serve.port")
    return Finding("port", "fine", f"{host}:{number} is free")


def statements() -> Finding:
    """List the places where only a person can say what is true."""
    pages = sorted({path for pattern in PAGES for path in Path().glob(pattern)})
    found = {page: OPEN.findall(page.read_text(encoding="utf-8")) for page in pages}
    places = [f"{page} ({len(texts)})" for page, texts in found.items() if texts]
    if places:
        return Finding(
            "statements", "look", f"still to be stated: {'; '.join(places)}", "write them"
        )
    return Finding("statements", "fine", "none is open")


def _tried(about: str, look: Callable[[], Finding]) -> Finding:
    """Turn what a check refuses into a finding: its text says how to mend it."""
    try:
        return look()
    except UserError as error:
        return Finding(about, "mend", str(error))
    except ImportError as error:
        return Finding(about, "mend", f"could not be looked at: {error}", SETUP)


def _config(path: Path) -> "Config":
    from ..config import load_config
    from ..data.schema import load_schema

    config = load_config(path)
    load_schema(config.paths.schema_)
    return config


def _pins(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Give name and version of each pin that is for this Python and platform."""
    from packaging.requirements import Requirement

    for line in lines:
        if line.strip() and not line.startswith("#"):
            pin = Requirement(line)
            if pin.marker is None or pin.marker.evaluate():
                yield pin.name, str(pin.specifier).removeprefix("==")


def _missing() -> Iterator[str]:
    """Give what the installed project asks for and is not there."""
    from packaging.requirements import Requirement

    package = (__package__ or "").partition(".")[0]
    for name in metadata.packages_distributions().get(package, []):
        for line in metadata.requires(name) or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                try:
                    metadata.version(needed.name)
                except metadata.PackageNotFoundError:
                    yield needed.name


def _git(*command: str) -> list[str]:
    """Return the lines that git prints; none where it fails or is not there."""
    try:
        done = subprocess.run(["git", *command], capture_output=True, text=True, check=False)
    except OSError:
        return []
    return done.stdout.splitlines()


def _few(texts: list[str]) -> str:
    more = f" and {len(texts) - SHOWN} more" * (len(texts) > SHOWN)
    return "; ".join(texts[:SHOWN]) + more
