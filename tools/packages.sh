# Which Debian packages a chore needs, and how they get here. Names what is missing before it installs anything.
# Sourced by ./dev. The one place where packages are listed.
# shellcheck shell=bash

debian_version() { (. /etc/os-release 2>/dev/null && echo "${VERSION_ID:-0}") || echo 0; }

packages_for() {  # build | test | bench | tidy
  local boost=1.81
  [[ "$(debian_version)" == 13 ]] && boost=1.83
  case "$1" in
    build)
      echo clang-19 lld-19 cmake ninja-build pkg-config ccache git ca-certificates
      echo "libboost${boost}-dev" "libboost-json${boost}-dev" "libboost-url${boost}-dev"
      echo libssl-dev libfmt-dev libspdlog-dev libsqlite3-dev libpq-dev libyaml-cpp-dev libcli11-dev libargon2-dev libmimalloc-dev
      echo libnghttp2-dev libsystemd-dev libhiredis-dev libbrotli-dev libzstd-dev zlib1g-dev
      echo libre2-dev libhowardhinnant-date-dev tzdata libprotozero-dev
      echo libmodsecurity-dev modsecurity-crs libpcre2-dev
      ;;
    test)
      packages_for build
      echo libclang-rt-19-dev llvm-19 libgtest-dev libgmock-dev python3 universal-ctags chromium fonts-dejavu-core
      echo postgresql redis-server nghttp2-client curl jq nginx-light caddy wrk
      # Node 18 or newer, from wherever it came; else Debian's.
      if ! node_is_new_enough; then echo nodejs npm; elif ! command -v npm >/dev/null; then echo npm; fi
      ;;
    bench) packages_for test; echo nginx-light wrk util-linux haproxy apache2 libapache2-mod-auth-openidc nghttp2-client strace procps openssl ;;
    tidy) packages_for test; echo clang-format-19 clang-tidy-19 clang-tools-19 shellcheck ;;
  esac
}

node_is_new_enough() {
  command -v node >/dev/null && [[ "$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null)" -ge 18 ]]
}

# Prints those of the given packages that are not installed.
missing_packages() {
  local wanted=("$@") have name
  # dpkg-query fails when it knows nothing of one of them, and still tells of the others.
  have=$(dpkg-query -W -f '${db:Status-Abbrev}${Package} ' "${wanted[@]}" 2>/dev/null || true)
  have=" $(tr -s ' ' <<<"$have" | sed 's/ii /ii:/g') "
  for name in "${wanted[@]}"; do
    [[ "$have" == *" ii:$name "* ]] || echo "$name"
  done
}

need_packages() {  # build | test | bench | tidy
  local wanted missing as_root=()
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    [[ -n "${GATEHOUSE_NO_PACKAGES:-}" ]] && return 0
    fail "This is not Debian, so packages cannot be installed for you."
    fail "Install what provides these, then run again with GATEHOUSE_NO_PACKAGES=1:"
    fail "  $(packages_for "$1" | tr '\n' ' ')"
    exit 1
  fi
  mapfile -t wanted < <(packages_for "$1" | tr ' ' '\n' | sort -u)
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  ((${#missing[@]} == 0)) && return 0

  step "Missing Debian packages (${#missing[@]})"
  printf '%s\n' "${missing[*]}" | fold -s -w 100 | while IFS= read -r line; do note "$line"; done
  if [[ "$(id -u)" != 0 ]]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
      as_root=(sudo)
    else
      fail "Neither root nor sudo is at hand. Ask somebody who has root to run:"
      fail "  apt-get update && apt-get install --no-install-recommends ${missing[*]}"
      fail "and then run this command again."
      exit 1
    fi
  fi
  step "Installing them with apt-get"
  mkdir -p build/logs
  if ! { "${as_root[@]}" apt-get update -q && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -q -y --no-install-recommends "${missing[@]}"; } >build/logs/apt.log 2>&1; then
    tail -n 5 build/logs/apt.log >&2
    die "apt-get failed; the whole story is in build/logs/apt.log."
  fi
}
