#!/bin/sh
# Make .venv with the project and its tools in the versions of constraints.txt.
# Needs Python 3.11 to 3.13 and pip; PYTHON=/path/to/python chooses one. LOCKED=1 takes everything,
# what comes at first use too, from locks/all.txt, and no file without its hash.
set -eu
cd "$(dirname "$0")/.."
if [ -e HOOKS_DID_NOT_RUN.md ]; then
    cat HOOKS_DID_NOT_RUN.md >&2
    exit 1
fi

usable() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

if [ -n "${PYTHON:-}" ]; then
    usable "$PYTHON" || {
        echo "PYTHON=$PYTHON is not a Python 3.11 to 3.13" >&2
        exit 1
    }
else
    for candidate in python{{ cookiecutter.python_version }} python3 python python3.13 python3.12 python3.11; do
        if usable "$candidate"; then
            PYTHON=$candidate
            break
        fi
    done
    [ -n "${PYTHON:-}" ] || {
        echo "No Python 3.11 to 3.13 found: install one, or give PYTHON=..." >&2
        exit 1
    }
fi

if ! usable .venv/bin/python; then
    echo "Making .venv with $("$PYTHON" --version)"
    rm -rf .venv
    # Some systems ship Python without ensurepip; pip can install into the environment from outside.
    "$PYTHON" -m venv .venv 2>/dev/null || "$PYTHON" -m venv --without-pip .venv
fi
uv="-c constraints.txt uv"
[ -z "${LOCKED:-}" ] || uv="--require-hashes -r locks/build.txt"
if [ -x .venv/bin/pip ]; then
    # shellcheck disable=SC2086 # several words
    .venv/bin/python -m pip install --quiet $uv
else
    # shellcheck disable=SC2086
    "$PYTHON" -m pip --python .venv/bin/python install --quiet $uv
fi
install() {
    .venv/bin/uv pip install --quiet --python .venv/bin/python "$@"
}
if [ -n "${LOCKED:-}" ]; then
    install --require-hashes -r locks/all.txt
    install --no-deps --build-constraints locks/build.txt -e .
else
    install --build-constraints constraints.txt -c constraints.txt -r requirements-dev.txt -e .
fi

echo "Ready. Next: make all (or .venv/bin/{{ cookiecutter.project_slug }} --help)"
