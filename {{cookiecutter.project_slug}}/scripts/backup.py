"""Back up raw data, models, reports and settings into one dated archive, and restore it.

    .venv/bin/python scripts/backup.py [FOLDER]             (default: backups)
    .venv/bin/python scripts/backup.py --restore ARCHIVE

The archive appears whole or not at all, with its SHA-256 beside it. Restoring checks that first and
leaves alone what is there; what it brings back appears whole as well.
"""

import argparse
import os
import shutil
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

from {{ cookiecutter.package_name }}.utils.files import atomic_file, sha256, write_text

ROOT = Path(__file__).resolve().parents[1]
NAME = "{{ cookiecutter.project_slug }}"
CONTENTS = (
    "artifacts",
    "configs",
    "data/external",
    "data/raw",
    "docs/governance",
    "model_card.md",
    "models",
)


def checksum_file(archive: Path) -> Path:
    """Return where an archive's checksum stands."""
    return archive.with_name(archive.name + ".sha256")


def back_up(folder: Path) -> Path:
    """Write a new archive into `folder` and return it."""
    archive = folder / f"{NAME}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.tar.gz"
    with atomic_file(archive) as part:
        with tarfile.open(part, "w:gz", compresslevel=3) as tar:
            for name in CONTENTS:
                if (ROOT / name).exists():
                    tar.add(ROOT / name, arcname=name)
        write_text(checksum_file(archive), f"{sha256(part)}  {archive.name}\n")
    archive.chmod(0o600)  # the data are in it
    return archive


def restore(archive: Path) -> int:
    """Bring back the files that are missing; return their number."""
    try:
        expected = checksum_file(archive).read_text("utf-8").split()[0]
        actual = sha256(archive)
    except (OSError, IndexError) as error:
        sys.exit(f"{archive}: archive or checksum cannot be read: {error}")
    if actual != expected:
        sys.exit(f"{archive}: SHA-256 is {actual}, expected {expected}; nothing restored")
    restored = 0
    with tarfile.open(archive) as tar:
        for entry in tar:
            member = tarfile.data_filter(entry, str(ROOT))  # refuses paths that lead elsewhere
            path = ROOT / member.name
            content = tar.extractfile(entry) if entry.isfile() and not path.exists() else None
            if content is not None:
                with atomic_file(path) as part:
                    with content, part.open("wb") as file:
                        shutil.copyfileobj(content, file)
                    os.utime(part, (entry.mtime, entry.mtime))
                path.chmod(entry.mode & 0o777)  # raw data stay read-only
                restored += 1
    return restored


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Back up data, models, reports and settings.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "backups")
    parser.add_argument("--restore", type=Path, metavar="ARCHIVE")
    args = parser.parse_args()
    if args.restore:
        print(f"{restore(args.restore)} files restored from {args.restore}")
    else:
        print(back_up(args.folder))


if __name__ == "__main__":
    main()
