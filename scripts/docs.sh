#!/bin/sh
# Build the docs site into site/: the reference pages from the code, then everything, refusing dead links.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/python scripts/make_reference.py
# Zensical colours what it says also in a pipe, and ends a strict build with a traceback of its own.
if ! said=$(.venv/bin/zensical build --clean --strict 2>&1); then
    escape=$(printf '\033')
    printf '%s\n' "$said" | sed "s/$escape\[[0-9;]*m//g; /^Traceback/,\$d"
    exit 1
fi
echo "The docs site is in site/: open site/index.html"
