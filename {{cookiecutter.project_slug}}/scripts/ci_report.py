"""What the workflows ask: whether the data are here, and what came of a training, as Markdown.

.venv/bin/python scripts/ci_report.py data      # here=true, or here=false and a notice
.venv/bin/python scripts/ci_report.py metrics   # a table of the newest version's test metrics
"""

import argparse
import json
import sys
from pathlib import Path

from {{ cookiecutter.package_name }}.config import DEFAULT, Config, load_config
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models.registry import versions

MARK = "<!-- metrics of the model -->"  # by which the workflow finds its comment again


def data(source: str) -> str:
    """Return an output line for GitHub; a table of nobody but its owner is not in a clone."""
    if "://" in source or Path(source).exists():
        return "here=true"
    print(
        f"::notice title=Nothing is trained::{source} is not here. Training and load test run "
        "where the data are: put them in, or let data.source name a URL that this job may read.",
        file=sys.stderr,
    )
    return "here=false"


def metrics(config: Config) -> str:
    """Return a table of the newest version's metrics, and what was decided about it.

    Raises:
        UserError: Nothing was trained, or it was not evaluated.
    """
    known = versions(config.paths.models)
    folder = config.paths.artifacts / (known[-1] if known else "none")
    if not (folder / "evaluation.json").exists():
        raise UserError(f"{folder} has no evaluation.json: run `evaluate`")
    found = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    lines = [
        MARK,
        f"### {found['metadata']['name']} {found['version']}: {found['target']}, {found['task']}",
        "",
        f"| {found['rows']:,} test rows | model | 95 % interval | baseline |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, row in found["metrics"].items():
        model, baseline = row["model"], row["baseline"]
        interval = f"{model['low']:.4g} to {model['high']:.4g}"
        lines.append(f"| {name} | {model['value']:.4g} | {interval} | {baseline['value']:.4g} |")
    decision = folder / "decision.json"
    if decision.exists():
        said = json.loads(decision.read_text(encoding="utf-8"))
        lines += ["", f"Decision: **{said['decision']}**", ""]
        lines += [f"- {reason}" for reason in said["reasons"]]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print what is asked for; exit code 1 if it is not there."""
    parser = argparse.ArgumentParser(prog="scripts/ci_report.py", description=__doc__)
    parser.add_argument("what", choices=("data", "metrics"))
    parser.add_argument("--config", type=Path, default=DEFAULT, help="configuration file")
    options = parser.parse_args(arguments)
    try:
        config = load_config(options.config)
        print(data(config.data.source) if options.what == "data" else metrics(config))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
