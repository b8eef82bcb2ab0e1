# Counting truly. Every runner adds one line per program it ran to $GATEHOUSE_RESULTS: name, passed, failed, skipped.
# Sourced after tools/say.sh.
# shellcheck shell=bash

export GATEHOUSE_RESULTS="${GATEHOUSE_RESULTS:-$PWD/build/logs/results.tsv}"

start_counting() { mkdir -p "$(dirname "$GATEHOUSE_RESULTS")"; : >"$GATEHOUSE_RESULTS"; }

count() {  # NAME PASSED FAILED SKIPPED [WHERE TO READ ON]
  printf '%s\t%d\t%d\t%d\n' "$1" "$2" "$3" "$4" >>"$GATEHOUSE_RESULTS"
  local tail=''
  (($4 > 0)) && tail=", $4 skipped"
  if (($3 > 0)); then fail "       $1: $2 passed, $3 failed$tail${5:+  ($5)}"; else note "$1: $2 passed$tail"; fi
}

# From a GoogleTest log and exit code. A crash is a failure even when no test could say so.
count_gtest() {  # NAME LOG CODE
  local passed failed skipped
  passed=$(grep -cE '^\[       OK \] .*\([0-9]+ ms\)$' "$2" || true)
  failed=$(grep -cE '^\[  FAILED  \] .*\([0-9]+ ms\)$' "$2" || true)
  skipped=$(grep -cE '^\[  SKIPPED \] .*\([0-9]+ ms\)$' "$2" || true)
  if (($3 != 0 && failed == 0)); then failed=1; fi
  if (($3 == 0 && passed + skipped == 0)); then failed=1; fi
  count "$1" "$passed" "$failed" "$skipped" "$2"
}

# From a TAP log of Node's test runner.
count_tap() {  # NAME LOG CODE
  local passed failed cancelled skipped
  passed=$(awk '/^# pass /{n+=$3} END{print n+0}' "$2")
  failed=$(awk '/^# fail /{n+=$3} END{print n+0}' "$2")
  cancelled=$(awk '/^# cancelled /{n+=$3} END{print n+0}' "$2")
  skipped=$(awk '/^# skipped /{n+=$3} END{print n+0}' "$2")
  failed=$((failed + cancelled))
  if (($3 != 0 && failed == 0)); then failed=1; fi
  if (($3 == 0 && passed + skipped == 0)); then failed=1; fi
  count "$1" "$passed" "$failed" "$skipped" "$2"
}

# The closing line, alone on its line, and the exit code. Nothing run at all is a failure too.
close_counting() {
  awk -F'\t' '{p += $2; f += $3; s += $4}
    END {if (NR == 0) f = 1; printf "%d passed, %d failed", p, f; if (s > 0) printf ", %d skipped", s; print ""; exit f > 0}' \
    "$GATEHOUSE_RESULTS"
}
