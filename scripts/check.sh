#!/bin/sh
# Everything that can be known without running the program. Goes on after a failure and names all of them.
set -u
cd "$(dirname "$0")/.." || exit 1

failed=""
step() {
    name=$1
    shift
    if output=$("$@" 2>&1); then
        printf 'ok      %s\n' "$name"
    else
        printf 'FAILED  %s: %s\n%s\n\n' "$name" "$*" "$output"
        failed="$failed $name"
    fi
}

step lint .venv/bin/ruff check .
step format .venv/bin/ruff format --check .
step types .venv/bin/mypy
step imports .venv/bin/lint-imports
step site sh scripts/docs.sh
step documents .venv/bin/python scripts/check_docs.py

if [ -n "$failed" ]; then
    printf 'Failed:%s\n' "$failed"
    exit 1
fi
