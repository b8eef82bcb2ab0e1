#!/usr/bin/env bash
# Black-box tests: the real binary, real clients. tools/blackbox.sh [FILE…]; without files all of them, and then the
# search for secrets in every log of the run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/say.sh
. tools/results.sh

tools/npm_install.sh
export GATEHOUSE_BINARY=${GATEHOUSE_BINARY:-$PWD/build/release/gatehouse}
export GATEHOUSE_RUN=${GATEHOUSE_RUN:-$PWD/build/logs/run}      # every log of the program, every secret that was used
[[ -x $GATEHOUSE_BINARY ]] || die "$GATEHOUSE_BINARY is missing; ./dev build makes it."
rm -rf "$GATEHOUSE_RUN"
mkdir -p "$GATEHOUSE_RUN" build/screenshots build/logs/blackbox

failures=0
run_file() {  # FILE
  local name log code=0
  name=$(basename "$1" .test.js)
  log=build/logs/blackbox/$name.tap
  (cd tests && timeout 900 node --test --test-reporter=tap "${1#tests/}") >"$log" 2>&1 || code=$?
  count_tap "black box $name" "$log" "$code"
  if ((code != 0)); then
    failures=1
    grep -E '^ *not ok|^ *(error|message): ' "$log" | head -n 30 >&2 || true
  fi
}

if (($#)); then
  for file in "$@"; do run_file "$file"; done
else
  for file in tests/*.test.js; do [[ "$file" == tests/secrets.test.js ]] || run_file "$file"; done
  run_file tests/secrets.test.js
fi
exit "$failures"
