#!/usr/bin/env python3
"""Who may include whom. Fails on an include that src/layers.txt does not allow, on a room that is not in it, and on
third-party headers outside the rooms that own them (or visible through a header to another room)."""
import re
import sys
from pathlib import Path

SRC = Path(__file__).resolve().parent.parent / "src"

# Header prefix -> rooms that may include it. A prefix that matches nothing here is the standard library or fmt.
OWNERS = {
    "openssl/": {"crypto", "net"},
    "argon2.h": {"crypto"},
    "sqlite3.h": {"store"},
    "libpq": {"store"},
    "libpq-fe.h": {"store"},
    "postgresql/": {"store"},
    "hiredis/": {"store"},
    "libxml/": {"xml"},
    "boost/asio": {"core", "net", "store"},
    "boost/beast": {"net"},
    "boost/url": {"net"},
    "boost/json": {"core"},
    "spdlog/": {"app"},
    "yaml-cpp/": {"app"},
    "CLI/": {"app"},
    "nghttp2/": {"net"},
    "brotli/": {"gateway"},
    "zlib.h": {"gateway"},
    "zstd.h": {"gateway"},
    "protozero/": {"gateway"},
    "modsecurity/": {"gateway"},
    "pcre2.h": {"gateway"},
}
# What every room may see of a third party, because core passes it on: the coroutine type and the JSON value.
# awaitable.hpp is also what a header names that declares coroutines without a Result.
PUBLIC = {"core/task.h", "core/json.h", "core/spawn.h"}
FOR_ALL = {"boost/asio/awaitable.hpp"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def read_layers():
    """room -> rooms it may include; a line may name only rooms above it."""
    allowed, faults = {}, []
    for number, line in enumerate((SRC / "layers.txt").read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        room, _, below = line.partition(":")
        for lower in below.split():
            if lower not in allowed:
                faults.append(f"src/layers.txt:{number}: {room} names {lower}, which is not a line above it")
        if room in allowed:
            faults.append(f"src/layers.txt:{number}: {room} stands there twice")
        allowed[room] = set(below.split()) | {"core", room}
    return allowed, faults


def includes_of(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match.group(1), match.group(2)


def is_test(name):
    """Tests and their fixtures may use what they like of third parties, but no room that is not theirs."""
    return re.search(r"_(test|fuzz|bench)\.cpp$|_fixture\.h$", name) is not None


def third_party(name):
    return next((prefix for prefix in OWNERS if name.startswith(prefix)), None)


def main():
    allowed, faults = read_layers()
    files = sorted(p for p in SRC.rglob("*") if p.suffix in (".h", ".cpp"))
    used_outside, own_headers, opens = set(), {}, {}  # headers seen by other rooms; includes inside a room; third parties

    for path in files:
        name = path.relative_to(SRC).as_posix()
        room = name.split("/")[0]
        where = f"src/{name}"
        if "/" not in name:
            faults.append(f"{where}: belongs to no room")
            continue
        if room not in allowed:
            faults.append(f"{where}: room {room} is not in src/layers.txt")
            continue
        for number, quote, target in includes_of(path):
            if quote == '"':
                other = target.split("/")[0]
                if not (SRC / target).is_file():
                    faults.append(f'{where}:{number}: "{target}" is not a file under src/ (write paths from src/)')
                elif other not in allowed[room]:
                    faults.append(f"{where}:{number}: {room} may not include {other} ({target}); see src/layers.txt")
                elif other != room:
                    if not is_test(name):
                        used_outside.add(target)
                else:
                    own_headers.setdefault(name, set()).add(target)
                continue
            prefix = third_party(target)
            if prefix is None or target in FOR_ALL or is_test(name):
                continue
            if room not in OWNERS[prefix]:
                owners = ", ".join(sorted(OWNERS[prefix]))
                faults.append(f"{where}:{number}: <{target}> belongs to {owners}; {room} may not include it")
            elif path.suffix == ".h" and name not in PUBLIC:
                opens.setdefault(name, []).append((number, target))

    # A header that another room sees must not show third-party types, not even through a header of its own room.
    seen, todo = set(), list(used_outside)
    while todo:
        header = todo.pop()
        if header in seen:
            continue
        seen.add(header)
        todo.extend(own_headers.get(header, ()))
    for header in sorted(seen & opens.keys()):
        for number, target in opens[header]:
            faults.append(f"src/{header}:{number}: other rooms see this header, so <{target}> must move to a .cpp")

    for fault in faults:
        print(fault)
    print(f"layers: {len(files)} files, {len(allowed)} rooms, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
