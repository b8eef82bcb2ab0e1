#!/usr/bin/env python3
"""Documents that contradict the tree are worse than none: links lead somewhere, every decision is in the index, README's
commands exist."""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\(([^)\s]+)\)|<img[^>]+src=\"([^\"]+)\"")


def documents():
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, check=True, text=True,
                           capture_output=True).stdout.split()
    return [ROOT / n for n in sorted(names) if (ROOT / n).is_file()]


def broken_links(page):
    for number, line in enumerate(page.read_text().splitlines(), 1):
        for match in LINK.finditer(line):
            target = (match.group(1) or match.group(2)).split("#")[0]
            if target and "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists():
                yield f"{page.relative_to(ROOT)}:{number}: {target} does not exist"


def main():
    faults = [fault for page in documents() for fault in broken_links(page)]
    index = (ROOT / "docs/decisions/README.md").read_text()
    for page in sorted((ROOT / "docs/decisions").glob("[0-9]*.md")):
        if page.name not in index:
            faults.append(f"docs/decisions/README.md: {page.name} is not in the index")
    chores = subprocess.run(["./dev", "help"], cwd=ROOT, check=True, text=True, capture_output=True).stdout
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for chore in set(re.findall(r"\./dev ([a-z]+)", page.read_text())):
            if not re.search(rf"^  {chore}\b", chores, re.M):
                faults.append(f"{page.name}: ./dev {chore} is not a chore")
    for fault in faults:
        print(fault)
    print(f"documents: {len(documents())} pages, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
