# How the chores talk: one heading per step with the time, colours on a terminal only, one closing line.
# Sourced by ./dev and tools/*.sh; has no effects of its own.
# shellcheck shell=bash

if [[ -t 1 && -z "${NO_COLOR:-}" ]]; then
  bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' yellow=$'\e[33m' plain=$'\e[0m'
else
  bold='' dim='' red='' yellow='' plain=''
fi

started_at=$SECONDS

clock() { printf '%d:%02d' $(((SECONDS - started_at) / 60)) $(((SECONDS - started_at) % 60)); }
step() { printf '%s[%s]%s %s%s%s\n' "$dim" "$(clock)" "$plain" "$bold" "$*" "$plain"; }
note() { printf '       %s\n' "$*"; }
warn() { printf '%s       %s%s\n' "$yellow" "$*" "$plain" >&2; }
fail() { printf '%s%s%s\n' "$red" "$*" "$plain" >&2; }
die() { fail "$*"; exit 1; }

# How many compilers at once: one per core, but each wants about 1.5 GB.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ {print int($2 / 1572864)}' /proc/meminfo)
  ((memory < 1)) && memory=1
  echo "${GATEHOUSE_JOBS:-$((cores < memory ? cores : memory))}"
}
