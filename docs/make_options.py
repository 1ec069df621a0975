"""Write docs/options.md from cookiecutter.json and the pruning table: it is never behind."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/options.md"
HEAD = """\
# Options

The questions in the order in which they are asked. Enter takes the default; on the command line
give them as `name=value`. Written by `make options` from `cookiecutter.json`: do not edit.

Questions and choices are never renamed or removed once released, and new ones come switched off,
so that `cruft update` keeps working for projects made long ago.
"""


def page() -> str:
    questions: dict[str, Any] = json.loads((ROOT / "cookiecutter.json").read_text("utf-8"))
    prompts = questions["__prompts__"]
    parts = [
        f"## {name}\n\n{entry(name, default, prompts[name])}"
        for name, default in questions.items()
        if not name.startswith("_")
    ]
    return "\n".join([HEAD, *parts])


def entry(name: str, default: Any, prompt: Any) -> str:
    if isinstance(default, list):
        lines = [prompt["__prompt__"] + ".", ""]
        for choice in default:
            mark = " (default)" if choice == default[0] else ""
            label = prompt[choice].removeprefix(choice).strip().removeprefix("(")
            says = f": {label.removesuffix(')')}" if label else ""
            brings = paths(f"{name}={choice}")
            stop = "." if brings and says else ""
            lines.append(f"- `{choice}`{mark}{says}{stop}{brings}")
    elif isinstance(default, bool):
        answer = "yes" if default else "no"
        lines = [f"{prompt} Default: {answer}.{paths(name)}"]
    else:
        lines = [f"{prompt}.", "", f"Default: {shown(default)}."]
    return "\n".join(lines) + "\n"


def shown(default: str) -> str:
    source = re.search(r"cookiecutter\.(\w+)", default)
    return f"made from `{source[1]}`" if source else f"`{default}`"


def paths(part: str) -> str:
    """Name the files that this answer brings and others do not."""
    spec = importlib.util.spec_from_file_location("hook", ROOT / "hooks/post_gen_project.py")
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    question, _, choice = part.partition("=")
    only = [
        path
        for name, paths in hook.OPTIONAL.items()
        if name.partition("=")[0] == question and choice in name.partition("=")[2].split(",")
        for path in paths
    ]
    return " Brings " + ", ".join(f"`{path}`" for path in only) + "." if only else ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
