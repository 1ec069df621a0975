"""Fixtures, and the tiers: a test's folder gives its tier, and each tier has a budget of time."""

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment

from tests.baking import Baker, copy_template

# Minutes on two cores. A tier that takes more than half as much again fails.
BUDGETS = {"fast": 4, "slow": 25, "system": 15}
SEED = "MLOPS_TEMPLATE_SEED"
START = pytest.StashKey[float]()


def pytest_configure(config: pytest.Config) -> None:
    for tier, minutes in BUDGETS.items():
        config.addinivalue_line("markers", f"{tier}: runs in the {tier} tier ({minutes} minutes)")
    config.addinivalue_line("markers", "release: takes too long for every change; make test-all")
    config.stash[START] = time.monotonic()
    # Workers inherit the environment, so all of them collect the same random rows.
    os.environ.setdefault(SEED, str(random.SystemRandom().randrange(10**6)))


def pytest_report_header() -> str:
    return f"random answers: {SEED}={os.environ[SEED]}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        tier = Path(item.path).parent.name
        if item.get_closest_marker("release") is None:
            item.add_marker(tier)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    message = over_budget(session.config)
    if message and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    message = over_budget(config)
    if message:
        terminalreporter.write_line(message, red=True)


def over_budget(config: pytest.Config) -> str:
    """Say how far a run of one whole tier has outgrown its budget by half, or nothing."""
    budget = BUDGETS.get(config.option.markexpr)
    minutes = (time.monotonic() - config.stash[START]) / 60
    if budget is None or minutes <= 1.5 * budget or hasattr(config, "workerinput"):
        return ""
    return f"the {config.option.markexpr} tier took {minutes:.1f} minutes; its budget is {budget}"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the template: what git would commit, and nothing else."""
    return copy_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def bake(cookies_session: Any, template: Path) -> Iterator[Baker]:
    """Bake projects; compiled Jinja templates are kept, since most of a bake's time goes there."""
    compile_template: Callable[..., Any] = Environment.compile
    compiled: dict[tuple[Any, Any], Any] = {}

    def cached(self: Environment, source: Any, name: Any = None, *args: Any, **kw: Any) -> Any:
        if (source, name) not in compiled:
            compiled[source, name] = compile_template(self, source, name, *args, **kw)
        return compiled[source, name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Environment, "compile", cached)
        yield Baker(cookies_session, template)
