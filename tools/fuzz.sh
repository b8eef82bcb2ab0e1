#!/usr/bin/env bash
# Fuzzes every target (or the one named) of a build folder, two at a time: tools/fuzz.sh build/fuzz [TARGET]
# Seeds: tests/corpus/TARGET; what it finds grows in build/corpus/TARGET; a crash is kept in build/logs/fuzz.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/say.sh
. tools/results.sh

folder=$1 only=${2:-}
seconds=${GATEHOUSE_FUZZ_SECONDS:-60}
logs=$PWD/build/logs/fuzz
mkdir -p "$logs"
export ASAN_SYMBOLIZER_PATH=${ASAN_SYMBOLIZER_PATH:-/usr/bin/llvm-symbolizer-19}

fuzz_one() {  # TARGET; exit code of the fuzzer in a file, since it runs in the background
  local seeds=() corpus=build/corpus/$1
  mkdir -p "$corpus"
  [[ -d tests/corpus/$1 ]] && seeds=("tests/corpus/$1")
  local code=0
  timeout $((seconds + 120)) "$folder/$1" "$corpus" "${seeds[@]}" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -max_len=65536 -print_final_stats=1 -artifact_prefix="$logs/$1-" >"$logs/$1.log" 2>&1 || code=$?
  echo "$code" >"$logs/$1.code"
}

mapfile -t targets < <(find src -name '*_fuzz.cpp' -printf '%f\n' | sed 's/\.cpp$//' | sort)
[[ -n "$only" ]] && targets=("$only")
((${#targets[@]})) || die "There are no fuzz targets."

rm -f "$logs"/*.code
for target in "${targets[@]}"; do
  if [[ ! -x $folder/$target ]]; then
    echo "$folder/$target was not built" >"$logs/$target.log"; echo 127 >"$logs/$target.code"
    continue
  fi
  while (($(jobs -rp | wc -l) >= 2)); do wait -n || true; done
  fuzz_one "$target" &
done
wait

failures=0
for target in "${targets[@]}"; do
  runs=$(awk '/stat::number_of_executed_units/ {print $2}' "$logs/$target.log")
  if [[ "$(cat "$logs/$target.code")" == 0 && "${runs:-0}" -gt 0 ]]; then
    count "fuzz $target ($runs runs)" 1 0 0
  else
    count "fuzz $target" 0 1 0 "$logs/$target.log"
    grep -E 'ERROR: |SUMMARY: |runtime error|was not built' "$logs/$target.log" | head -n 5 >&2 || true
    failures=1
  fi
done
exit "$failures"
