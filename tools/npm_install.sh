#!/usr/bin/env bash
# The clients that the black-box tests use, exactly as tests/package-lock.json says. Nothing to do when they are there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/say.sh
cd tests

# The benchmarks' peer is among them; Node looks for packages in the folders above a file.
ln -sfn ../tests/node_modules ../bench/node_modules
stamp=node_modules/.installed-from
if [[ -f $stamp ]] && cmp -s package-lock.json "$stamp"; then exit 0; fi
step "Fetching the test clients from npm"
mkdir -p ../build/logs
# Nothing here needs install scripts; the browser is Debian's.
npm ci --ignore-scripts --no-audit --no-fund >../build/logs/npm.log 2>&1 || { tail -n 20 ../build/logs/npm.log >&2; die "npm ci failed: build/logs/npm.log"; }
cp package-lock.json "$stamp"
