"""Starts the page: `python -m app.app [--config FILE] [--host HOST] [--port PORT]`."""

import argparse
import sys
from pathlib import Path

import uvicorn

from {{ cookiecutter.package_name }}.config import DEFAULT, load_config
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.logging_config import setup_logging

from .demo import Demo

STOP_SECONDS = 5
INSTALL = ".venv/bin/uv pip install -c constraints.txt -r app/requirements.txt"


def main(arguments: list[str] | None = None) -> int:
    """Serve the page until stopped; exit code 1 if no model can answer, 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="python -m app.app", description="Try the model.")
    parser.add_argument("--config", type=Path, default=DEFAULT, help="configuration file")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0: for others too")
    parser.add_argument("--port", type=int, default=7860)
    options = parser.parse_args(arguments)
    try:
{% if cookiecutter.demo_app == 'gradio' %}
        from .gradio_app import application
{% else %}
        from .html_app import application
{% endif %}

        config = load_config(options.config)
        setup_logging(config.logging.level, config.logging.format)
        demo = Demo(config)
    except ModuleNotFoundError as error:
        print(f"error: {error.name} is not installed yet: {INSTALL}", file=sys.stderr)
        return 1
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code

    print(f"Starting on http://{options.host}:{options.port} (stop with Ctrl+C)", flush=True)
    uvicorn.run(
        application(demo),
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
