#!/bin/sh
# Run the unit and contract tests on the lowest versions that pyproject.toml allows, in an environment apart.
#
# A bound that was never tried is a promise that nobody keeps: raise it where a test fails here.
set -eu
cd "$(dirname "$0")/.."

unset VIRTUAL_ENV || true
folder=.venv-lowest
uv=$(command -v uv || echo .venv-tools/bin/uv)
python=$(.venv/bin/python -c 'import sys; print(sys.executable)')

"$uv" venv --quiet --clear --python "$python" "$folder"
"$uv" pip compile --quiet --resolution lowest-direct --python "$folder/bin/python" --group dev \
    --no-emit-package stonechat-aviary pyproject.toml -o "$folder/lowest.txt"
"$uv" pip install --quiet --python "$folder/bin/python" -r "$folder/lowest.txt"
"$uv" pip install --quiet --python "$folder/bin/python" --no-deps -e . -e packages/aviary
[ $# -gt 0 ] || set -- tests/unit tests/contract
exec "$folder/bin/python" -m pytest "$@" -q -p no:cacheprovider
