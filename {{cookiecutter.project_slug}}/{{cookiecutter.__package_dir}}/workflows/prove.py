"""One proof of the whole way: data, training, gate, serving, shifted traffic, a new version, back.

The project's own commands run as processes in a folder of their own, with copies of its
configuration, so that its data, versions and champion stay as they are.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from http.client import HTTPException
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

from ..config import Config
from ..errors import UserError
from ..models.model_io import training_commit
from ..models.registry import versions
from ..reports.proof import State, Step, render, verdict
from ..utils.files import write_json, write_text
from . import prove_windows
from .prove_server import Server

FOLDER, WORK, LOG = "proof", "work", "commands.log"
REQUESTS = 1_000
PACE, PAUSE = 50, 0.2  # requests, then seconds, while somebody looks on
PACKAGE = (__package__ or "").partition(".")[0]
Told = Callable[[Step], None]


class Watch(Protocol):
    """What looks on from outside; `prove_watch` is such a module."""

    QUIET_SECONDS: float  # of usual traffic that must rouse nobody
    MOST_SECONDS: float  # until the shift must have been told

    def ignored(self) -> tuple[str, ...]:
        """Return the columns that it does not look at."""

    def prepare(self, work: Path, run: Callable[..., str]) -> None:
        """Set it up in the folder where the commands run."""

    def looking_on(
        self, work: Path, address: str
    ) -> AbstractContextManager[Callable[[], set[str]]]:
        """Look on; give a function that returns the names of what has been told so far."""


class Proof:
    """The steps so far, and the folder that they are done in."""

    def __init__(self, artifacts: Path, told: Told) -> None:
        self.folder = artifacts.absolute() / FOLDER
        self.work = self.folder / WORK
        self.settings: dict[str, Any] = {}  # of the copy
        self.steps: list[Step] = []
        self.told = told

    @contextmanager
    def step(self, name: str, about: str) -> Iterator[Step]:
        """Time a step; one that raises has failed, and is the last."""
        step = Step(name, about)
        self.steps.append(step)
        begin = time.monotonic()
        try:
            yield step
        except (UserError, OSError, HTTPException) as error:
            step.state = "failed"
            step.said.append(str(error))
            raise
        finally:
            step.seconds = round(time.monotonic() - begin, 3)
            self.told(step)

    def run(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run a command of the project and return what it said.

        Raises:
            UserError: It ended with another code.
        """
        command = [sys.executable, "-m", PACKAGE, *words]
        done = subprocess.run(
            command, cwd=self.work, env=environment(), capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(words)}\n{said}\n")
        if done.returncode not in codes:
            raise UserError(f"`{' '.join(words)}` ended with {done.returncode}: {said[-600:]}")
        return said


def environment() -> dict[str, str]:
    """Return this process's environment without settings of the project: the copies have them."""
    prefix = f"{PACKAGE.upper()}__"
    return {name: text for name, text in os.environ.items() if not name.startswith(prefix)}


def run(config: Config, told: Told) -> tuple[State, Path]:
    """Prove it, and write artifacts/proof.json and artifacts/proof/index.html.

    Args:
        config: The configuration.
        told: Gets each step when it is over.

    Returns:
        What came of it, and the page.
    """
    proof = Proof(config.paths.artifacts, told)
    shutil.rmtree(proof.folder, ignore_errors=True)
    proof.work.mkdir(parents=True)
    about: dict[str, object] = {
        "model": config.model.name,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": training_commit()["commit"] or "none",
        "python": sys.version.split()[0],
    }
    try:
        _whole_way(proof, config, about)
    except (UserError, OSError, HTTPException):
        pass  # the last step says it
    finally:
        record = about | {"verdict": verdict(proof.steps), "steps": list(map(asdict, proof.steps))}
        write_json(config.paths.artifacts / "proof.json", record)
        page = proof.folder / "index.html"
        write_text(page, render(proof.steps, about, proof.folder))
    return verdict(proof.steps), page


def _whole_way(proof: Proof, config: Config, about: dict[str, object]) -> None:
    watch = _watch()
    with proof.step(
        "data", "Two windows of the project's own rows, with their real targets."
    ) as at:
        ignored = () if watch is None else watch.ignored()
        windows = prove_windows.cut(config, proof.work, ignored)
        _copy(proof, config)
        if watch is not None:
            watch.prepare(proof.work, proof.run)
        at.figures = dict(zip(("rows before", "rows after"), windows.rows, strict=True))
        if windows.column is None:
            at.said.append("no number in the table can shift: the second window only has more rows")
        else:
            at.said.append(f"{windows.column} is at most {windows.cut:g} before, and higher after")
            about["shifts"] = windows.column
    with proof.step("train", "A version and its report from the first window.") as at:
        _train(proof, windows.before, at)
    with proof.step("gate", "The first version must be better than its baseline.") as at:
        _gate(proof, at)
    with Server(proof.work, environment()) as server:
        with proof.step("serve", f"{REQUESTS:,} requests, each answered by the champion.") as at:
            server.wait_for("v0.1")
            at.figures = server.ask(windows.usual, REQUESTS)
        if watch is not None and windows.column is not None:
            with suppress(UserError):  # the step says it; the others can still be shown
                _look_on(proof, watch, server, windows)
        with proof.step("shifted traffic", "Rows that the version has not seen the like of.") as at:
            at.figures = server.ask(windows.shifted or windows.usual, REQUESTS)
        with proof.step("retrain", "Another version, from the second window.") as at:
            _train(proof, windows.after, at)
        with proof.step(
            "gate again", "It must be better than the champion on the same rows."
        ) as at:
            _gate(proof, at)
            server.wait_for("v0.2")
            at.said.append("the running server has taken it over")
        with proof.step("roll back", "The version before is the champion again.") as at:
            at.said.append(proof.run("models", "rollback").strip())
            server.wait_for("v0.1")
            at.said.append("the running server has followed")
        with proof.step("stop", "It is told to end, and ends well.") as at:
            code = server.stop()
            if code != 0:
                raise UserError(f"the server ended with {code}")
            at.said.append("exit code 0, no request lost")


def _watch() -> Watch | None:
    name = f"{__package__}.prove_watch"
    if find_spec(name) is None:
        return None
    watch: Any = import_module(name)
    return cast(Watch, watch)


def _copy(proof: Proof, config: Config) -> None:
    """Copy the configuration as it is in force, with all places in this folder and no secret."""
    secret = {"serve": {"api_key", "signing_key"}}
    values = config.model_dump(mode="json", by_alias=True, exclude=secret)
    values["data"]["sha256"] = None
    values["serve"] |= {"store": "models", "cache": ".cache/models", "prediction_log": None}
    values["features"]["lookups"] = None  # the rows have it
    values["evaluate"] |= {"slice_floor": None, "slice_ceiling": None}  # of other rows
    proof.settings = values | {"paths": {}, "tracking": {}}
    (proof.work / "configs").mkdir()
    shutil.copy(config.paths.schema_, proof.work / "configs/schema.yml")
    _point_at(proof, config.data.file_name)
    if (model_card := Path("model_card.md")).exists():
        shutil.copy(model_card, proof.work)


def _point_at(proof: Proof, table: str) -> None:
    proof.settings["data"]["source"] = table
    write_json(proof.work / "configs/default.yml", proof.settings)  # JSON is YAML as well


def _train(proof: Proof, table: Path, step: Step) -> None:
    _point_at(proof, table.name)
    for word in ("ingest", "preprocess", "train", "evaluate"):
        proof.run(word)
    version = versions(proof.work / "models")[-1]
    file = proof.work / "artifacts" / version / "evaluation.json"
    found = json.loads(file.read_text(encoding="utf-8"))
    primary = found["primary"]
    step.said.append(f"{version}, {found['metadata']['model']}")
    step.figures = {
        f"{primary} on {found['rows']:,} test rows": found["metrics"][primary]["model"]["value"]
    }


def _gate(proof: Proof, step: Step) -> None:
    """Promote; what the gate does not let through is promoted by force, and the step is open."""
    first, *reasons = proof.run("models", "promote", codes=(0, 1)).strip().splitlines()
    step.said += [first, *(line.strip() for line in reasons if line.startswith("  "))]
    if not first.endswith(": promote"):
        step.state = "open"
        step.said.append("promoted by force, to go on")
        proof.run("models", "promote", "--force")


def _look_on(proof: Proof, watch: Watch, server: Server, windows: prove_windows.Windows) -> None:
    """Show that usual traffic rouses nobody, and that a shift is told; failed where it is not."""
    with ExitStack() as stack:
        with proof.step("silence", "Usual traffic: no alert.") as at:
            told = stack.enter_context(watch.looking_on(proof.work, server.address))
            begin = time.monotonic()
            while time.monotonic() < begin + watch.QUIET_SECONDS:
                server.ask(windows.usual, PACE)
                time.sleep(PAUSE)
                if found := told():
                    raise UserError(f"there was an alert: {', '.join(sorted(found))}")
            at.said.append(f"{watch.QUIET_SECONDS:g} s without an alert")
        with proof.step("alert", f"{windows.column} shifts, and the receiver is told.") as at:
            begin = time.monotonic()
            while not any(name.endswith(f" {windows.column}") for name in told()):
                if time.monotonic() > begin + watch.MOST_SECONDS:
                    raise UserError(f"no alert after {watch.MOST_SECONDS:g} s: {told()}")
                server.ask(windows.shifted, PACE)
                time.sleep(PAUSE)
            at.figures = {"seconds until the alert": time.monotonic() - begin}
            at.said += sorted(told())
