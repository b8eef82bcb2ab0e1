#!/usr/bin/env bash
# Runs a command beside a throw-away PostgreSQL: tools/with_postgres.sh build/dev/gh_store_test
# The command finds its conninfo in GATEHOUSE_TEST_POSTGRES. The server listens on a unix socket only, has its data in a
# temporary folder, syncs nothing, and is stopped and removed at the end. Exit code: the command's; 3: no PostgreSQL.
set -euo pipefail

[ $# -gt 0 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -n "$bin" ] || bin=$(dirname "$(command -v initdb 2>/dev/null || echo /none/initdb)")
[ -x "$bin/initdb" ] || { echo "with_postgres: no PostgreSQL server found: apt-get install postgresql" >&2; exit 3; }

dir=$(mktemp -d /tmp/gatehouse-postgres-XXXXXX)  # short: a socket's path has at most 107 characters
as_owner=()
if [ "$(id -u)" = 0 ]; then  # the server refuses to run as root
  chown postgres "$dir"
  as_owner=(runuser -u postgres --)
fi
cd "$dir"
started=
clean_up() {
  cd /
  [ -z "$started" ] || "${as_owner[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

if ! "${as_owner[@]}" "$bin/initdb" -D "$dir/data" -U gatehouse -A trust --no-sync -E UTF8 --locale=C >"$dir/initdb.log" 2>&1; then
  cat "$dir/initdb.log" >&2
  exit 3
fi
started=yes
if ! "${as_owner[@]}" "$bin/pg_ctl" -D "$dir/data" -l "$dir/data/log" -w -t 60 start \
  -o "-k $dir -c listen_addresses='' -c fsync=off -c full_page_writes=off -c max_connections=200 -c deadlock_timeout=50ms -c shared_buffers=32MB" >/dev/null; then
  cat "$dir/data/log" >&2
  exit 3
fi

cd "$OLDPWD"
status=0
GATEHOUSE_TEST_POSTGRES="host=$dir user=gatehouse dbname=postgres" "$@" || status=$?
exit "$status"
