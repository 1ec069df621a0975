"""What checkov and trivy say of files, each with its own way to say that it is content."""

import os
import subprocess
from pathlib import Path


def objections(policies: Path, tool: str, folder: Path, *for_checkov: str) -> str:
    """Return what a tool has against the files of a folder; nothing where it passes them.

    `policies` has both programs; what they keep goes beside the folder.
    """
    command = {
        "checkov": [
            *("--quiet", "--compact", "--skip-download", "--directory", str(folder)),
            *for_checkov,
        ],
        "trivy": ["config", "--quiet", "--skip-check-update", "--exit-code=1", str(folder)],
    }[tool]
    home = {"HOME": str(folder.parent), "XDG_CACHE_HOME": str(folder.parent)}
    done = subprocess.run(
        [policies / tool, *command], env={**os.environ, **home}, capture_output=True, text=True
    )
    return done.stdout + done.stderr if done.returncode else ""
