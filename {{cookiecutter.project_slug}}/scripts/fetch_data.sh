#!/bin/sh
# Fetch a file by HTTP into data/external, whole or not at all.
#   sh scripts/fetch_data.sh URL [SHA256]
# Without arguments: take in the source that configs/default.yml names, as `make ingest` does.
set -eu
cd "$(dirname "$0")/.."

if [ $# -eq 0 ]; then
    exec .venv/bin/{{ cookiecutter.project_slug }} ingest
fi

url=$1
name=$(basename "${url%%[?#]*}")
target=data/external/$name
if [ -e "$target" ]; then
    echo "$target exists already: remove or rename it to fetch it anew" >&2
    exit 1
fi
part=$(mktemp "data/external/.$name.XXXXXX")
trap 'rm -f "$part"' EXIT
trap 'exit 1' HUP INT TERM

curl --fail --location --retry 3 --progress-bar --output "$part" "$url"
sha256=$(python3 -c 'import hashlib, sys
print(hashlib.file_digest(open(sys.argv[1], "rb"), "sha256").hexdigest())' "$part")
if [ $# -ge 2 ] && [ "$2" != "$sha256" ]; then
    echo "SHA-256 is $sha256, expected $2: nothing kept" >&2
    exit 1
fi
chmod 644 "$part"
mv "$part" "$target"
echo "$target"
echo "SHA-256 $sha256"
echo "Next: .venv/bin/{{ cookiecutter.project_slug }} schema infer $target --target COLUMN"
