#!/bin/sh
# Set up the checkout: a Python, the locked packages in .venv, a Chromium that starts.
#
# Writes only inside the checkout, except that as root on Debian or Ubuntu it may install packages with
# apt-get. Does nothing when it has already succeeded for this uv.lock in this folder. Leaves
# .stonechat/setup.json, whose setup_seconds is what this very call took: 0 when all was there already.
#
#   PYTHON=/path/to/python3.12   use this interpreter
#   BROWSER_EXECUTABLE=/path     use this Chromium
set -eu
cd "$(dirname "$0")/.."

unset VIRTUAL_ENV PYTHONHOME PYTHONPATH || true
export UV_PROJECT_ENVIRONMENT=.venv
# Trust what the machine trusts (a company's proxy, say), where it keeps a list; uv's own list otherwise.
if [ -s /etc/ssl/certs/ca-certificates.crt ] || [ "$(uname)" = Darwin ]; then
    export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}" UV_NATIVE_TLS="${UV_NATIVE_TLS:-1}"
fi
TOOLS=.venv-tools
# uv in one version, and only where its hash is right: it installs everything else by the hashes of uv.lock.
PINNED="-qq --disable-pip-version-check --require-hashes --only-binary :all: -r scripts/uv.txt"
# Fetched only where the machine's Python has neither venv nor pip; a wheel of pip also runs as a program.
PIP_WHEEL=https://files.pythonhosted.org/packages/07/25/ee8c38ae72d66b844ce8eb9711ba905dba21ca1a8a0c960057c41cd23337/pip-26.3-py3-none-any.whl
PIP_SHA256=f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13

seconds() { date +%s; }
say() { printf '%s\n' "$*"; }
fail() {
    printf '\nSet-up stopped: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 1
}
root_with_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

record() {
    mkdir -p .stonechat
    printf '{"setup_seconds": %s}\n' "$1" >.stonechat/setup.json
}

# What .venv was made from: the lock, the project file, this folder (scripts in .venv carry its path).
key=$( (cat uv.lock pyproject.toml; pwd) | cksum | tr -d ' ')
stamp=.venv/.set-up-$key
if [ -e "$stamp" ] && .venv/bin/python -c '' 2>/dev/null; then
    record 0
    exit 0
fi

began=$(seconds)
say "Setting up Stonechat in $(pwd)"

# --- 1. Python -------------------------------------------------------------------------------------
supported() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}
any_python=""
python=""
for candidate in ${PYTHON:-} python3 python3.12 python3.13 python3.11; do
    found=$(command -v "$candidate" 2>/dev/null) || continue
    "$found" -c '' 2>/dev/null || continue
    any_python=${any_python:-$found}
    if supported "$found"; then
        python=$("$found" -c 'import sys; print(sys.executable)')
        break
    fi
done
[ -n "$any_python" ] || fail "there is no python3 on the PATH." \
    "Debian or Ubuntu: apt-get install python3 python3-venv" \
    "macOS: xcode-select --install, or brew install python@3.12"
if [ -n "$python" ]; then
    say "[1/3] Python: $("$python" -c 'import platform; print(platform.python_version())') found"
else
    # uv brings its own Python where the machine's is too old or too new.
    python=3.12
    say "[1/3] Python: $("$any_python" -V 2>&1) is not 3.11, 3.12 or 3.13; uv will fetch Python $python"
fi

# --- 2. uv, and with it the packages ---------------------------------------------------------------
fetch_uv() {
    if [ -x "$TOOLS/bin/uv" ] && "$TOOLS/bin/uv" --version >/dev/null 2>&1; then return 0; fi
    rm -rf "$TOOLS"
    say "[2/3] Packages: getting uv into $TOOLS (about 5 s) …"
    if make_venv; then
        "$TOOLS/bin/python" -m pip install $PINNED && return 0
    fi
    rm -rf "$TOOLS"
    if "$any_python" -m pip --version >/dev/null 2>&1; then
        "$any_python" -m pip install $PINNED --target "$TOOLS" && return 0
    fi
    # A stock Ubuntu has python3 with neither venv nor pip.
    mkdir -p "$TOOLS"
    wheel=$TOOLS/${PIP_WHEEL##*/}
    if "$any_python" -c "
import hashlib, sys, urllib.request
with urllib.request.urlopen('$PIP_WHEEL', timeout=30) as answer:
    data = answer.read()
if hashlib.sha256(data).hexdigest() != '$PIP_SHA256':
    sys.exit('what came in the place of pip is not pip: its hash is another one')
with open('$wheel', 'wb') as file:
    file.write(data)"; then
        "$any_python" "$wheel/pip" install $PINNED --target "$TOOLS" && return 0
    fi
    fail "uv, which installs the packages, could not be had." \
        "Debian or Ubuntu: sudo apt-get install python3-venv" \
        "macOS: brew install uv" \
        "Behind a proxy: set HTTPS_PROXY, or PIP_INDEX_URL to your mirror." \
        "Then run make again."
}
make_venv() {
    "$any_python" -m venv "$TOOLS" >/dev/null 2>&1 && return 0
    root_with_apt || return 1
    say "[2/3] Packages: python3 cannot make environments yet; installing python3-venv with apt-get …"
    rm -rf "$TOOLS"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends python3-venv; } >/dev/null 2>&1 </dev/null || return 1
    "$any_python" -m venv "$TOOLS" >/dev/null 2>&1
}
sync() {
    if [ -t 2 ]; then
        "$1" sync --frozen --python "$python"
    else
        "$1" sync --frozen --quiet --python "$python"
    fi
}

step=$(seconds)
uv=""
if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then
    uv=uv
else
    fetch_uv
    uv=$TOOLS/bin/uv
fi
count=$(grep -c '^name = ' uv.lock)
say "[2/3] Packages: installing what uv.lock names ($count at most, under a minute on a fair line) …"
if ! sync "$uv" </dev/null; then
    # An old uv on the PATH may not read this lock; a fresh one will.
    [ "$uv" = uv ] || fail "the packages could not be installed; uv's message is above." \
        "Behind a proxy or with a mirror: set HTTPS_PROXY or UV_DEFAULT_INDEX, then run make again."
    fetch_uv
    uv=$TOOLS/bin/uv
    sync "$uv" </dev/null || fail "the packages could not be installed; uv's message is above." \
        "Behind a proxy or with a mirror: set HTTPS_PROXY or UV_DEFAULT_INDEX, then run make again."
fi
say "[2/3] Packages: installed in $(($(seconds) - step)) s by $("$uv" --version | cut -d' ' -f1,2)"

# --- 3. Chromium -----------------------------------------------------------------------------------
.venv/bin/python scripts/setup_browser.py </dev/null || exit 1

rm -f .venv/.set-up-*
: >"$stamp"
took=$(($(seconds) - began))
[ "$took" -gt 0 ] || took=1
record "$took"
say "Set up in $took s. The command is .venv/bin/stonechat; try: make demo"
