#!/bin/sh
# Put what a release brings into build/release, and print model=FILE, or model= where there is no champion.
set -eu
cd "$(dirname "$0")/.."
export {{ cookiecutter.package_name | upper }}__SERVE__STORE="${MODEL_STORE:-models}"
mkdir -p build/release
if [ -n "${MODEL_STORE:-}" ] || [ -e models/champion.json ]; then
    .venv/bin/python scripts/champion.py pack >&2
    (cd build/release && echo "model=$(echo model-*.tar.gz)")
else
    echo "::notice::There is no champion: this release has no model" >&2
    echo "model="
fi
.venv/bin/cyclonedx-py requirements locks/serve.txt --output-reproducible --output-file build/release/packages.cdx.json >&2
