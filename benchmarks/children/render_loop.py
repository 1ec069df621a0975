"""Write the files of a project with Jinja alone, or only copy them: no question, check or hook.

Arguments: the template folder, the answers (cookiecutter's replay file), the target, and "jinja" or
"copy".
"""

import json
import sys
from fnmatch import fnmatch
from pathlib import Path

template, replay, target, how = sys.argv[1:]
root = Path(template)
context = json.loads(Path(replay).read_text(encoding="utf-8"))  # its name: the checks look for it
answers = context["cookiecutter"]
if how == "jinja":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    sys.path.insert(0, template)
    from mlops_template_answers import AnswerChecks

    jinja = Environment(
        extensions=[AnswerChecks],
        loader=FileSystemLoader(root / "{{cookiecutter.project_slug}}"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        lstrip_blocks=True,
        trim_blocks=True,
    )
else:
    jinja = None
project = root / "{{cookiecutter.project_slug}}"
package = "{{cookiecutter.__package_dir}}"
for path in sorted(project.rglob("*")):
    if path.is_dir():
        continue
    name = path.relative_to(project).as_posix()
    copy = Path(target) / name.replace(package, answers["__package_dir"])
    copy.parent.mkdir(parents=True, exist_ok=True)
    as_it_is = any(fnmatch(name, pattern) for pattern in answers["_copy_without_render"])
    if jinja is None or as_it_is:
        copy.write_bytes(path.read_bytes())
    else:
        text = jinja.from_string(path.read_text(encoding="utf-8")).render(cookiecutter=answers)
        copy.write_text(text, encoding="utf-8", newline="\n")
