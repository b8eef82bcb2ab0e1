#!/usr/bin/env bash
# Runs the unit tests of a build folder, one room after the other: tools/unit_tests.sh build/asan [ROOM…]
# A room with *_test.cpp files and no program is a failure: it was not built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/say.sh
. tools/results.sh

folder=$1; shift
logs=build/logs/unit-$(basename "$folder")
mkdir -p "$logs"

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-second_deadlock_stack=1}
export ASAN_SYMBOLIZER_PATH=${ASAN_SYMBOLIZER_PATH:-/usr/bin/llvm-symbolizer-19}

rooms=("$@")
((${#rooms[@]})) || mapfile -t rooms < <(sed -nE 's/^([a-z]+):.*/\1/p' src/layers.txt)
failures=0
for room in "${rooms[@]}"; do
  [[ -n "$(find "src/$room" -name '*_test.cpp' -print -quit 2>/dev/null)" ]] || continue
  log=$logs/$room.log code=0
  if [[ -x $folder/gh_${room}_test ]]; then
    timeout 900 "$folder/gh_${room}_test" >"$log" 2>&1 || code=$?
  else
    echo "$folder/gh_${room}_test was not built" >"$log"; code=127
  fi
  count_gtest "unit $room" "$log" "$code"
  if ((code != 0)); then
    failures=1
    grep -E '^\[  FAILED  \]|Failure$|ERROR: |WARNING: ThreadSanitizer|runtime error' "$log" | sort -u | head -n 20 >&2 || true
  fi
done
exit "$failures"
