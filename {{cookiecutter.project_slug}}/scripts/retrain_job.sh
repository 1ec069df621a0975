#!/bin/sh
# What the training image does on a schedule, in an empty folder: train on what data.source holds now. The
# champion of serve.store is what a new version must beat; a winner goes into the store, and every server
# takes it over within seconds.
set -eu
cp -r /project/. .
if [ -d /configs ]; then cp -L /configs/* configs/; fi # other settings than the image's
run={{ cookiecutter.project_slug }}
set -- --config configs/prod.yml
python scripts/champion.py get "$@" || echo "no champion to compare with: the baseline it is"
"$run" ingest "$@"
"$run" preprocess "$@"
"$run" train --version "v$(date -u +%Y.%m%d%H%M%S)" "$@"
"$run" evaluate "$@"
code=0
"$run" models promote "$@" || code=$?
[ "$code" -le 1 ] # 1: it was rejected, which is an answer too
