#!/usr/bin/env bash
# `./dev test`: every test of the project, in the order in which a mistake is cheapest to hear of. A step that fails does
# not stop the others, except a build that fails. Logs are in build/logs. The last line is the count.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. tools/say.sh
. tools/results.sh
start_counting

check() {  # NAME COMMAND…
  local name=$1 log; shift
  log=build/logs/check-${name// /-}.log
  if "$@" >"$log" 2>&1; then count "$name" 1 0 0; else count "$name" 0 1 0 "$log"; head -n 40 "$log" >&2; fi
}

build() {  # PRESET [TARGET…]
  if ! ./dev build "$@"; then
    count "build $1" 0 1 0 "build/logs/build-$1.log"
    close_counting
    exit 1
  fi
}

step "Checks"
check "layers" tools/layers.py
check "style" tools/style.py
check "documents" tools/docs.py
check "shell syntax" bash -n dev .ci/run tools/*.sh bench/*.sh

build release gatehouse
build asan

step "Unit tests with address and undefined-behaviour sanitizers, SQLite and PostgreSQL"
tools/with_postgres.sh tools/unit_tests.sh build/asan || true

step "Fuzzing, ${GATEHOUSE_FUZZ_SECONDS:-60} s per target"
tools/fuzz.sh build/asan || true

step "Black-box tests: real clients, raw sockets, Chromium, kill -9, secrets in logs"
tools/blackbox.sh || true

step "Benchmarks, a few requests each"
check "benchmarks run" node bench/bench.mjs --smoke

step "Done; logs are in build/logs"
close_counting
