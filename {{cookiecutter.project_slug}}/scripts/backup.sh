#!/bin/sh
# Back up raw data, models, reports and configuration into one dated archive.
#   sh scripts/backup.sh [FOLDER]       (default: backups)
#   sh scripts/backup.sh --restore ARCHIVE
# The archive is written whole or not at all and has its SHA-256 beside it. Restoring verifies that
# and never overwrites a file that is there.
set -eu
cd "$(dirname "$0")/.."

if [ "${1:-}" = --restore ]; then
    archive=${2:?name the archive to restore}
    (cd "$(dirname "$archive")" && sha256sum --check --quiet "$(basename "$archive").sha256")
    tar --extract --gzip --file "$archive" --skip-old-files
    echo "Restored from $archive what was not there"
    exit 0
fi

folder=${1:-backups}
mkdir -p "$folder"
archive=$folder/{{ cookiecutter.project_slug }}-$(date -u +%Y%m%dT%H%M%SZ).tar.gz
if [ -e "$archive" ]; then
    echo "$archive exists already" >&2
    exit 1
fi
part=$(mktemp "$folder/.backup.XXXXXX")
trap 'rm -f "$part"' EXIT
trap 'exit 1' HUP INT TERM

tar --create --gzip --file "$part" artifacts configs data/raw model_card.md models
chmod 644 "$part"
mv "$part" "$archive"
(cd "$folder" && sha256sum "$(basename "$archive")" >"$(basename "$archive").sha256")
echo "$archive"
