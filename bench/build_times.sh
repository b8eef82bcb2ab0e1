#!/usr/bin/env bash
# How long a clean release build takes, and one after an edit of one source file. In a folder of its own, without ccache,
# with as many compilers as there are cores. Bars: 12 minutes on 2 cores, 20 seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/say.sh

folder=build/bench-build
rm -rf "$folder"
export CCACHE_DISABLE=1
cmake --preset release -B "$folder" >/dev/null

timed() {  # LABEL
  local from=$EPOCHREALTIME
  ninja -C "$folder" -j "$(build_jobs)" gatehouse >build/logs/bench-build.log 2>&1 || die "The build failed: build/logs/bench-build.log"
  awk -v a="$from" -v b="$EPOCHREALTIME" -v l="$1" 'BEGIN{printf "       %-48s %7.1f s\n", l, b - a}'
}
mkdir -p build/logs
step "Build times, $(build_jobs) compilers at once"
timed "clean release build (bar: 720 s on 2 cores)"
for file in src/core/text.cpp src/directory/users.cpp src/net/connection.cpp src/app/house.cpp; do
  [[ -f $file ]] || continue
  touch "$file"
  timed "after an edit of $file (bar: 20 s)"
done
rm -rf "$folder"
