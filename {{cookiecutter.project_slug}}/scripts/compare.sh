#!/bin/sh
# Compare the newest version with the champion in models/ and write the decision beside its report. The
# champion stays: what is written to is a copy of the pointer. `compare.sh promote` lets the
# winner take its place in MODEL_STORE.
set -eu
cd "$(dirname "$0")/.."
run=.venv/bin/{{ cookiecutter.project_slug }}
export {{ cookiecutter.package_name | upper }}__SERVE__STORE=build/compare
if [ "${1:-}" = promote ]; then
    if [ -z "${MODEL_STORE:-}" ]; then
        echo "error: set the variable MODEL_STORE to a store (s3://, gs://, az://); without one, a release promotes" >&2
        exit 2
    fi
    {{ cookiecutter.package_name | upper }}__SERVE__STORE=$MODEL_STORE
else
    rm -rf build/compare
    mkdir -p build/compare
    if [ -e models/champion.json ]; then cp models/champion.json build/compare/; fi
fi
code=0
"$run" models promote || code=$?
[ "$code" -le 1 ] # 1: it was rejected, which is an answer too
