#!/usr/bin/env python3
"""The signs of decay that fail a build; the others are for reviews. Each check prints file:line and what to do.
A line may carry `// allowed: why`, and the why is read by people."""
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
README_LINES_MAX = 40


def sources(*suffixes):
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "src"], cwd=ROOT, check=True, text=True,
                           capture_output=True).stdout.split()
    return [ROOT / n for n in sorted(names) if n.endswith(suffixes) and (ROOT / n).is_file()]


def code_lines(path):
    """Lines without comments and without the contents of string literals."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if "// allowed: " in line:
            continue
        line = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)
        yield number, line.split("//")[0]


def find(pattern, files):
    shape = re.compile(pattern)
    return [f"{p.relative_to(ROOT)}:{n}: {line.strip()}" for p in files for n, line in code_lines(p) if shape.search(line)]


def without(files, *parts):
    return [p for p in files if not any(part in p.relative_to(ROOT).as_posix() for part in parts)]


def co_await_is_plain():
    """no aggregate and no lambda inside a co_await line; name the value on the line above"""
    # `{}` alone is an empty view, optional or number; what stands after a co_return on the same line is another expression.
    return find(r"co_await(?:(?!co_return)[^;])*(\[[^]]*\] *[({]|[{,(] *\{(?!\})|[A-Za-z_>]\{(?!\}))", sources(".cpp", ".h"))


def headers_hide_third_parties():
    """umbrella headers of third parties stay out of our headers"""
    return find(r"#include <(openssl|sqlite3|libpq|libxml|hiredis|boost/(asio|beast|json)\.hpp)",
                [p for p in sources(".h") if not re.search(r"src/(crypto|net|store)/", p.as_posix())])


def nothing_from_thin_air():
    """time, chance and environment are injected"""
    files = without(sources(".cpp", ".h"), "src/core/", "src/crypto/", "src/app/", "_test.cpp", "_bench.cpp")
    # Deadlines of sockets and waiting times of queues are monotonic time, and the business of these two rooms.
    timeless = without(files, "src/net/", "src/store/")
    return find(r"system_clock::now|random_device|RAND_bytes|getenv\(", files) + find(r"steady_clock::now", timeless)


def sql_stays_in_stores():
    """SQL lives in *_store.cpp and in store/ (tables are declared where a room says migrations())"""
    files = without(sources(".cpp"), "src/store/", "_store.cpp", "_test.cpp", "_bench.cpp", "_fuzz.cpp")
    shape = re.compile(r'"\s*(select .+ from|insert into|update \w+ set|delete from) ', re.I)
    return [f"{p.relative_to(ROOT)}:{n}: {line.strip()[:100]}" for p in files
            for n, line in enumerate(p.read_text().splitlines(), 1) if shape.search(line) and "// allowed: " not in line]


def files_are_short():
    """a file has at most 600 lines"""
    counted = ((p, len(p.read_text().splitlines())) for p in sources(".cpp", ".h"))
    return [f"{p.relative_to(ROOT)}: {n} lines" for p, n in counted if n > FILE_LINES_MAX]


def functions_are_short():
    """a function has at most 70 lines (tables of cases in tests may be longer)"""
    files = [str(p) for p in sources(".cpp", ".h")]
    tags = subprocess.run(["ctags", "--languages=C++", "--kinds-C++=f", "--langmap=C++:+.h", "--fields=+ne", "--output-format=json",
                           "-f", "-", "-L", "-"], input="\n".join(files), text=True, check=True, capture_output=True).stdout
    faults = []
    for tag in (t for t in map(json.loads, tags.splitlines()) if t["_type"] == "tag"):
        lines = tag.get("end", tag["line"]) - tag["line"] + 1
        if lines > FUNCTION_LINES_MAX and not tag["path"].endswith("_test.cpp"):
            faults.append(f"{Path(tag['path']).relative_to(ROOT)}:{tag['line']}: {tag['name']} has {lines} lines")
    return faults


def no_dumping_grounds():
    """no utils, helpers, common, misc or shared"""
    return [str(p.relative_to(ROOT)) for p in sources(".cpp", ".h") if re.search(r"/(utils?|helpers?|common|misc|shared)(/|\.)", str(p))]


def coroutines_take_values():
    """a Task does not take a string_view, span or const reference to a string: its caller may be gone"""
    files = without(sources(".h"), "src/net/", "src/gateway/stage.h")  # there a piece of a body is lent until the send is done
    return find(r"Task<[^;]*> *\w+\([^)]*(std::string_view|std::span<|const std::string ?&)", files)


def rooms_introduce_themselves():
    """a room has a README.md of at most 40 lines"""
    faults = []
    for room in sorted({p.relative_to(ROOT / "src").parts[0] for p in sources(".cpp")}):
        readme = ROOT / "src" / room / "README.md"
        if not readme.is_file():
            faults.append(f"src/{room}/README.md: missing")
        elif len(readme.read_text().splitlines()) > README_LINES_MAX:
            faults.append(f"src/{room}/README.md: more than {README_LINES_MAX} lines")
    return faults


CHECKS = [co_await_is_plain, headers_hide_third_parties, nothing_from_thin_air, sql_stays_in_stores, files_are_short,
          functions_are_short, no_dumping_grounds, coroutines_take_values, rooms_introduce_themselves]


def main():
    failed = 0
    for check in CHECKS:
        faults = check()
        failed += bool(faults)
        print(f"{'not ok' if faults else 'ok'} - {check.__name__}: {check.__doc__}")
        for fault in faults:
            print(f"    {fault}")
    print(f"style: {len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
