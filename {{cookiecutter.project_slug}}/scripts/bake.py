"""Copy the champion into build/champion, from where `make docker BAKE=1` puts it into an image.

    .venv/bin/python scripts/bake.py [--config FILE]

It comes from `serve.store`, wherever that is, verified as the server does it. Only what serving
reads is copied: no pickle, and nothing of who promoted what.
"""

import argparse
import shutil
import sys
from pathlib import Path

from {{ cookiecutter.package_name }}.config import DEFAULT, Serve, load_config
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models.model_io import METADATA, SERVED
from {{ cookiecutter.package_name }}.models.registry import (
    CHAMPION,
    TWO_WAYS_ON,
    ModelRegistry,
    Pointer,
)
from {{ cookiecutter.package_name }}.predict.reload import open_served
from {{ cookiecutter.package_name }}.utils.files import atomic_folder

FOLDER = Path("build/champion")


def bake(settings: Serve, folder: Path = FOLDER) -> str:
    """Copy the champion and return its version.

    Raises:
        UserError: There is none, or its files are not those that were promoted.
    """
    registry = ModelRegistry(settings.store, settings.cache)
    pointer = registry.champion()
    if pointer is None:
        raise UserError(TWO_WAYS_ON)
    source = registry.fetch_promoted(pointer)
    open_served(source, settings.max_batch_rows)
    alone = Pointer(version=pointer.version, metadata_sha256=pointer.metadata_sha256)
    with atomic_folder(folder, replace=True) as temporary:
        (temporary / pointer.version).mkdir()
        for name in (METADATA, *SERVED):
            shutil.copyfile(source / name, temporary / pointer.version / name)
        (temporary / CHAMPION).write_text(alone.model_dump_json(), encoding="utf-8")
    return pointer.version


def main(arguments: list[str] | None = None) -> int:
    """Copy the champion; exit code 1 if there is none that can be served."""
    parser = argparse.ArgumentParser(prog="scripts/bake.py", description="Copy the champion.")
    parser.add_argument("--config", type=Path, default=DEFAULT, help="configuration file")
    try:
        version = bake(load_config(parser.parse_args(arguments).config).serve)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code
    print(f"{FOLDER}: {version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
