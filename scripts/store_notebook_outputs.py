"""Store in the template what the project's notebooks show, for each task.

    .venv/bin/python scripts/store_notebook_outputs.py PYTHON

PYTHON is one with what a rendered project needs to be developed, such as `make demo` makes. The
notebooks run in projects rendered for that, and their outputs are written into the template's
notebooks, those of a task between Jinja's tags.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "{{cookiecutter.project_slug}}/notebooks"
TASKS = ("classification", "regression")
PACKAGE = "flight_delays"


def shown(task: str, python: str, folder: Path) -> dict[str, Any]:
    """Return the notebooks of a project of that task, run, by name."""
    cook = [sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "-o", str(folder / task)]
    subprocess.run([*cook, f"task={task}"], check=True)
    project = folder / task / "flight-delays"
    environment = os.environ | {"PYTHONPATH": str(project / "src")}
    subprocess.run([python, "scripts/notebooks.py"], check=True, cwd=project, env=environment)
    paths = (project / "notebooks").glob("*.ipynb")
    return {path.name: json.loads(path.read_text("utf-8")) for path in paths}


def template(notebooks: list[dict[str, Any]]) -> str:
    """Write one notebook, as each task shows it, as the file that renders to any of them."""
    first = notebooks[0]
    choices: dict[str, list[Any]] = {}
    for number, cell in enumerate(first["cells"]):
        cell["source"] = [
            line.replace(PACKAGE, "{{ cookiecutter.package_name }}") for line in cell["source"]
        ]
        outputs = [one["cells"][number].get("outputs") for one in notebooks]
        if outputs[0] != outputs[1]:
            choices[f"<{number}>"] = outputs
            cell["outputs"] = f"<{number}>"
    a, b = (one["metadata"]["made_from"] for one in notebooks)
    text = json.dumps(first, indent=1, ensure_ascii=False) + "\n"
    text = text.replace(a, f"{{{{ '{a}' if cookiecutter.task == '{TASKS[0]}' else '{b}' }}}}")
    for mark, outputs in choices.items():
        lines = []
        for task, value in zip(TASKS, outputs, strict=True):
            assert not any(sign in str(value) for sign in ("{{", "{%", "{#")), "Jinja would read it"
            body = json.dumps({"outputs": value}, indent=1, ensure_ascii=False).splitlines()[1:-1]
            lines += [f"{{% if cookiecutter.task == '{task}' %}}"]
            lines += [*("  " + line for line in body[:-1]), f"  {body[-1]},", "{% endif %}"]
        text = text.replace(f'   "outputs": "{mark}",', "\n".join(lines))
    return text


def main(python: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        all_shown = [shown(task, python, Path(name)) for task in TASKS]
    for path in sorted(FOLDER.glob("*.ipynb")):
        path.write_text(template([notebooks[path.name] for notebooks in all_shown]), "utf-8")


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
