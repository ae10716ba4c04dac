"""Holds out of the tree what has no place in it: package-index hosts, paths of one machine, links
to other people's repositories.

Run from the top folder; prints every find and exits 1 when there is one.
"""

import re
import subprocess
import sys
from pathlib import Path

FORBIDDEN = {
    "package-index host": re.compile(
        r"py[p]i\.org|python[h]osted\.org|registry\.np[m]js|deb\.deb[i]an\.org"
    ),
    "path of one machine": re.compile(r"(?<![\w./])/(?:wor[k]|roo[t]|hom[e]/\w+)/"),
    "somebody's repository": re.compile(r"(?:git[h]ub|git[e]e|git[l]ab)\.com[/:]\w"),
}


def main() -> int:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, check=True, capture_output=True, text=True)
    finds = [find for name in listing.stdout.splitlines() for find in finds_in(Path(name))]
    sys.stdout.write("".join(f"{find}\n" for find in finds))
    sys.stdout.write(f"words: {len(finds)} finds\n")
    return 1 if finds else 0


def finds_in(file: Path) -> list[str]:
    """What one file holds that it should not, as ``file:line: what``."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [
        f"{file}:{number}: {what}"
        for number, line in enumerate(lines, start=1)
        for what, pattern in FORBIDDEN.items()
        if pattern.search(line)
    ]


if __name__ == "__main__":
    sys.exit(main())
