"""Write .env, readable by its owner only, with the keys that docker-compose.yml asks for.

    .venv/bin/python scripts/make_env.py

Compose reads the file by itself. Lines that are there stay; remove one to have its key drawn anew.
"""

import os
import re
import secrets
import sys
from pathlib import Path

from {{ cookiecutter.package_name }}.config import SECRETS, variable
from {{ cookiecutter.package_name }}.utils.files import write_text

ENV = Path(".env")


def make_env(path: Path = ENV) -> list[str]:
    """Add the keys that are missing, and return their names."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    keys = sorted(variable(*key.split(".")) for key in SECRETS)
    missing = [key for key in keys if not re.search(rf"^{key}=.", text, re.MULTILINE)]
    if missing:
        text += "" if not text or text.endswith("\n") else "\n"
        text += "".join(f"{key}={secrets.token_hex(32)}\n" for key in missing)
        former = os.umask(0o077)  # never readable by others, not for a moment
        try:
            write_text(path, text)
        finally:
            os.umask(former)
    path.chmod(0o600)
    return missing


def main() -> int:
    """Make the file and say what is new in it."""
    missing = make_env()
    print(f"{ENV}: {', '.join(missing)} drawn" if missing else f"{ENV} has all keys already")
    return 0


if __name__ == "__main__":
    sys.exit(main())
