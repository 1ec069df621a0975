"""Hand hooks/answer_checks.py to cookiecutter under a module name that nobody else has.

cookiecutter appends the template's root to sys.path, so a module named `hooks` would lose against
any package of that name. The file is compiled from its source each time, never from a cached .pyc:
`cruft update` checks out two versions at one path within a second.
"""

from pathlib import Path
from types import ModuleType

_path = Path(__file__).with_name("hooks") / "answer_checks.py"
_module = ModuleType("mlops_template_answer_checks")
_module.__file__ = str(_path)
exec(compile(_path.read_text(encoding="utf-8"), _path, "exec"), _module.__dict__)

AnswerChecks = _module.AnswerChecks
