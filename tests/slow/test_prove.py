"""`prove` in rendered projects: every step holds, watched by a real Prometheus and without one."""

import json

import pytest

from tests.baking import Answers
from tests.slow.projects import Installer, run
from tests.slow.watching import ensure_programs

STEPS = ["data", "train", "gate", "serve", "shifted traffic", "retrain", "gate again"]
STEPS += ["roll back", "stop"]
WATCHED = [*STEPS[:4], "silence", "alert", *STEPS[4:]]
ROWS: dict[str, tuple[Answers, list[str]]] = {
    "watched": ({}, WATCHED),
    "not watched": ({"monitoring": False, "task": "regression", "package_name": "src"}, STEPS),
}


@pytest.mark.parametrize("row", ROWS)
def test_the_whole_way_is_proven(row: str, installed: Installer) -> None:
    answers, steps = ROWS[row]
    ensure_programs()
    project = installed(answers)
    run(installed.bin / "flight-delays", "prove", cwd=project)
    proof = json.loads((project / "artifacts/proof.json").read_text("utf-8"))
    assert {step["name"]: step["state"] for step in proof["steps"]} == dict.fromkeys(
        steps, "proven"
    )
    assert proof["verdict"] == "proven"
    assert not list((project / "models").glob("v*")), "the project's own models stay as they are"
    page = (project / "artifacts/proof/index.html").read_text("utf-8")
    assert all(f"<strong>{name}</strong>" in page for name in steps)
    assert "work/artifacts/v0.2/importance.png" in page
