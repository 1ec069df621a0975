"""List the licenses of all installed packages, and fail at one that nobody has looked at.

    .venv/bin/python scripts/licenses.py [--all]

What a package says of itself is taken at its word: its SPDX expression, else its classifiers, else
the first line of its license field.
"""

import re
import sys
from collections import Counter
from importlib.metadata import Distribution, distributions

OURS = "{{ cookiecutter.project_slug }}"
# A package passes if one of these stands in what it says, as a word of its own.
ALLOWED = (
    *("0BSD", "Apache", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "HPND"),
    *("ISC", "ISCL", "LGPL-2.1-or-later", "MIT", "MIT-0", "MIT-CMU", "MPL", "MPL-2.0", "PSF-2.0"),
    *("Python Software Foundation License", "Python-2.0", "Unlicense", "WTFPL", "ZPL-2.1", "Zlib"),
)
# Looked at by hand: the metadata say less than the license file.
LOOKED_AT = {"sigstore-models": "MIT"}


def license_of(package: Distribution) -> str:
    """Return in one line what a package says of its license."""
    said = package.metadata
    if "License-Expression" in said:
        return str(said["License-Expression"])
    prefix = "License :: "
    names = [line for line in said.get_all("Classifier") or [] if line.startswith(prefix)]
    names = [line.split(" :: ")[-1] for line in names if line != "License :: OSI Approved"]
    text = str(said["License"]).strip() if "License" in said else ""
    return "; ".join(names) or (text or "says nothing").splitlines()[0]


def is_allowed(text: str) -> bool:
    """Tell whether one of ALLOWED stands in a text as a word of its own."""
    return any(re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", text) for one in ALLOWED)


def main(arguments: list[str] | None = None) -> int:
    """Print how many packages have which license, or with --all each; exit code 1 at an unknown."""
    found = {
        str(one.metadata["Name"]): license_of(one)
        for one in distributions()
        if one.metadata and one.metadata["Name"] not in (None, OURS)
    }
    if "--all" in (sys.argv[1:] if arguments is None else arguments):
        for name, text in sorted(found.items()):
            print(f"{name:<30} {text}")
    else:
        for text, count in Counter(found.values()).most_common():
            print(f"{count:>4} {text[:90]}")
    unknown = {
        name: text
        for name, text in sorted(found.items())
        if not is_allowed(text) and name not in LOOKED_AT
    }
    for name, text in unknown.items():
        line = f"error: {name}: {text[:90]}. Allow it in scripts/licenses.py, or do without it"
        print(line, file=sys.stderr)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
