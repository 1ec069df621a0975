"""Carry the champion from where it is served to where it is needed.

    .venv/bin/python scripts/champion.py bake          # into build/champion, for an image
    .venv/bin/python scripts/champion.py get           # into paths.models, whole, to compare with
    .venv/bin/python scripts/champion.py pack          # into build/release, whole, for a release
    .venv/bin/python scripts/champion.py unpack FILE   # from a release into paths.models

It comes from `serve.store`, wherever that is, verified as the server does it. An image gets what
serving reads: no pickle, and nothing of who promoted what.
"""

import argparse
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from {{ cookiecutter.package_name }}.config import DEFAULT, Config, Serve, load_config
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models.model_io import (
    METADATA,
    SERVED,
    Metadata,
    open_version,
)
from {{ cookiecutter.package_name }}.models.registry import (
    CHAMPION,
    ModelRegistry,
    Pointer,
)
from {{ cookiecutter.package_name }}.predict.reload import open_served
from {{ cookiecutter.package_name }}.utils.files import (
    atomic_folder,
    sha256,
    write_text,
)

BAKED, RELEASE = Path("build/champion"), Path("build/release")
SUMS = "SHA256SUMS"


def copy(source: Path, names: Iterable[str], pointer: Pointer, folder: Path) -> None:
    """Write files of a version below a folder, and champion.json without its history."""
    alone = Pointer(version=pointer.version, metadata_sha256=pointer.metadata_sha256)
    with atomic_folder(folder, replace=True) as temporary:
        (temporary / pointer.version).mkdir()
        for name in (METADATA, *names):
            shutil.copyfile(source / name, temporary / pointer.version / name)
        (temporary / CHAMPION).write_text(alone.model_dump_json(), encoding="utf-8")


def bake(settings: Serve, folder: Path = BAKED) -> str:
    """Copy what serving needs of the champion, and return its version.

    Raises:
        UserError: There is none, or its files are not those that were promoted.
    """
    registry = ModelRegistry(settings.store, settings.cache)
    pointer = registry.needed_champion()
    source = registry.fetch_promoted(pointer)
    open_served(source, settings.max_batch_rows)
    copy(source, SERVED, pointer, folder)
    return pointer.version


def pack(settings: Serve, folder: Path = RELEASE) -> Path:
    """Write the whole champion into model-vX.Y.tar.gz, its SHA-256 beside it.

    Raises:
        UserError: There is none, or its files are not those that were promoted.
    """
    registry = ModelRegistry(settings.store, settings.cache)
    pointer = registry.needed_champion()
    names = Metadata.read(registry.fetch_promoted(pointer)).files
    source = registry.fetch(pointer.version, names)
    name = f"model-{pointer.version}.tar.gz"
    with tempfile.TemporaryDirectory() as temporary, atomic_folder(folder, replace=True) as target:
        copy(source, names, pointer, Path(temporary, "models"))
        with tarfile.open(target / name, "w:gz") as archive:
            archive.add(Path(temporary, "models"), ".")
        (target / SUMS).write_text(f"{sha256(target / name)}  {name}\n", encoding="utf-8")
    return folder / name


def unpack(archive: Path, models: Path) -> str:
    """Put the version in an archive of `pack` among the others, as the champion.

    Raises:
        UserError: The archive is none of `pack`, or a file is not the one that was promoted.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
        except (OSError, tarfile.TarError) as error:
            raise UserError(f"{archive}: no archive of `champion.py pack`: {error}") from None
        return take(ModelRegistry(temporary, folder), models)


def take(registry: ModelRegistry, models: Path) -> str:
    """Copy the whole champion of a registry among the versions of a folder.

    Raises:
        UserError: There is none, a file is not the one that was promoted, or the folder has
            another version of that name.
    """
    pointer = registry.needed_champion()
    names = Metadata.read(registry.fetch_promoted(pointer)).files
    source, target = registry.fetch(pointer.version, names), models / pointer.version
    open_version(source)
    if not target.exists():
        with atomic_folder(target) as temporary:
            for name in (METADATA, *names):
                shutil.copyfile(source / name, temporary / name)
    elif sha256(target / METADATA) != sha256(source / METADATA):
        raise UserError(f"{target} is another version of that name; move it away")
    present = ModelRegistry(str(models), models).champion()
    if present is None or present.version != pointer.version:
        write_text(models / CHAMPION, pointer.model_dump_json(indent=2) + "\n")
    return pointer.version


def done(command: str, config: Config, archive: Path) -> str:
    """Do what a command says, and say it."""
    if command == "bake":
        return f"{BAKED}: {bake(config.serve)}"
    if command == "pack":
        return f"{pack(config.serve)}: with {SUMS} beside it"
    models = config.paths.models
    if command == "unpack":
        return f"{models}: {unpack(archive, models)} is the champion"
    registry = ModelRegistry(config.serve.store, config.serve.cache)
    version = registry.needed_champion().version
    if registry.local is None or registry.local.resolve() != models.resolve():
        take(registry, models)
    return f"{models}: {version} is the champion"


def main(arguments: list[str] | None = None) -> int:
    """Do it; exit code 1 if there is no champion that can be served."""
    parser = argparse.ArgumentParser(prog="scripts/champion.py", description="Carry the champion.")
    parser.add_argument("command", choices=("bake", "get", "pack", "unpack"))
    parser.add_argument("archive", nargs="?", type=Path, help="for unpack: model-vX.Y.tar.gz")
    parser.add_argument("--config", type=Path, default=DEFAULT, help="configuration file")
    options = parser.parse_args(arguments)
    if (options.archive is None) == (options.command == "unpack"):
        parser.error("an archive is for `unpack`, which needs one")
    try:
        print(done(options.command, load_config(options.config), options.archive or Path()))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
