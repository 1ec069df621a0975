#!/bin/sh
# Run a command of the project from cron or a timer: never twice at once, with a log, and with the
# command's own exit code. Without arguments it runs `all`.
#   0 3 * * 1  /path/to/project/scripts/scheduled_run.sh
#   0 * * * *  /path/to/project/scripts/scheduled_run.sh predict new.csv --out predictions.csv
# Exit code 75: another run is still going.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- all

mkdir -p logs
lock=logs/.lock
# Making a folder is atomic everywhere. A run that was killed leaves it behind, with its process id.
if ! mkdir "$lock" 2>/dev/null; then
    holder=$(cat "$lock/pid" 2>/dev/null || true)
    if [ -z "$holder" ] || kill -0 "$holder" 2>/dev/null; then
        echo "Another run is still going (process ${holder:-unknown}); remove $lock if it is not" >&2
        exit 75
    fi
    rm -rf "$lock"
    mkdir "$lock"
fi
echo $$ >"$lock/pid"
trap 'rm -rf "$lock"' EXIT
trap 'exit 1' HUP INT TERM

log=logs/$(date -u +%Y%m%dT%H%M%SZ)-$$.log
status=0
.venv/bin/{{ cookiecutter.project_slug }} "$@" >"$log" 2>&1 || status=$?
echo "exit code $status" >>"$log"
if [ "$status" -ne 0 ]; then
    echo "{{ cookiecutter.project_slug }} $* ended with exit code $status; its last lines, from $log:" >&2
    tail -n 20 "$log" >&2
fi
exit "$status"
