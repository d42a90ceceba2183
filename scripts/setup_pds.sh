#!/bin/sh
# Installs the real personal data server that the long tests of Bluesky run against, into .stonechat/pds.
# Needs node, npm and a C++ compiler; takes minutes. Without it these tests are skipped.
set -eu
cd "$(dirname "$0")/.."
mkdir -p .stonechat/pds
cp tests/support/pds/package.json tests/support/pds/package-lock.json .stonechat/pds
cd .stonechat/pds
npm ci --no-audit --no-fund --ignore-scripts
node="$(readlink -f "$(command -v node)")"
npm_config_nodedir="${npm_config_nodedir:-$(dirname "$(dirname "$node")")}" \
  npm rebuild better-sqlite3 --ignore-scripts=false --foreground-scripts
