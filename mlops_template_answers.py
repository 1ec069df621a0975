"""The Jinja extension that makes checks, text filters and locks of hooks/ known to cookiecutter.

It stands here under a name that nobody else has: cookiecutter appends the template's root to
sys.path, so a module named `hooks` would lose against any package of that name.
"""

import sys
from pathlib import Path
from types import ModuleType

from jinja2 import Environment
from jinja2.ext import Extension


def load(name: str) -> ModuleType:
    """Run a file of hooks/ from its source, never from a cached .pyc.

    `cruft update` checks out two versions of the template at one path within a second.
    """
    path = Path(__file__).with_name("hooks") / f"{name}.py"
    module = ModuleType(f"mlops_template_{name}")
    module.__file__ = str(path)
    exec(compile(path.read_text(encoding="utf-8"), path, "exec"), module.__dict__)
    return module


class AnswerChecks(Extension):
    """Gives checks and filters to cookiecutter.json and to the template's files."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        checks, text_filters, locks = load("checks"), load("text_filters"), load("locks")
        environment.filters.update(checks.FILTERS | text_filters.FILTERS | locks.FILTERS)
        # `cruft update` renders the old and the new template in one process: let each load its own.
        sys.modules.pop(__name__, None)
        checks.refuse_templates(sys._getframe())
