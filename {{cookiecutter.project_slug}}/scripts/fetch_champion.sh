#!/bin/sh
# Bring the champion into models/, to compare a new version with it: from MODEL_STORE (s3://, gs://, az://),
# else from the newest release that has one. Where neither has, say so and go on.
set -eu
cd "$(dirname "$0")/.."
if [ -n "${MODEL_STORE:-}" ]; then
    {{ cookiecutter.package_name | upper }}__SERVE__STORE=$MODEL_STORE .venv/bin/python scripts/champion.py get
    exit
fi
rm -rf build/newest
tag=$(gh release list --limit 1 --exclude-drafts --exclude-pre-releases --json tagName --jq '.[].tagName')
if [ -z "$tag" ] || ! gh release download "$tag" --dir build/newest --pattern 'model-*.tar.gz' --pattern SHA256SUMS; then
    echo "No release has a model yet: there is no champion to compare with"
    exit
fi
(cd build/newest && sha256sum --check SHA256SUMS)
# Made by the release workflow of this repository, and by nothing else.
gh attestation verify build/newest/model-*.tar.gz --repo "$GITHUB_REPOSITORY" \
    --signer-workflow "$GITHUB_REPOSITORY/.github/workflows/release.yml"
.venv/bin/python scripts/champion.py unpack build/newest/model-*.tar.gz
