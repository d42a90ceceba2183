#!/bin/sh
# Run the tests: all of them without arguments, else what the arguments name (handed to pytest).
#
# The fast tests share the cores. The tests that start PostgreSQL, Valkey or Chromium run one after the
# other: their time-outs are real, and a test must not fail because its neighbour was busy.
set -u
cd "$(dirname "$0")/.." || exit 1

if [ "$#" -gt 0 ]; then
    exec .venv/bin/pytest "$@"
fi

status=0
.venv/bin/pytest tests/unit tests/architecture -q -n 2 || status=1
.venv/bin/pytest tests --ignore tests/unit --ignore tests/architecture -q --durations 15 || status=1
exit "$status"
