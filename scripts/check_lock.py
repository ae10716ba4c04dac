"""Holds requirements.lock to its word, without network: every package pinned by version and hash,
no other source, nothing below a version in which a known vulnerability was fixed, and what is
installed is what is locked.

``--index`` also asks the package index which locked versions were withdrawn (``make audit``).
Prints every breach and exits 1 when there is one, 3 when the index cannot be asked.
"""

import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

LOCK = Path("requirements.lock")
FIXES = Path(__file__).with_name("known_fixes.toml")
OWN = "yibao-bus"
OF_THE_ENVIRONMENT = {"pip", "setuptools"}
"""What Python puts into a new virtual environment by itself. Nothing here imports them."""
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
INDEX_S = 600
UNREACHABLE = 3

Fixes = dict[str, dict[str, str]]


def main() -> int:
    text = LOCK.read_text("utf-8")
    fixes: Fixes = tomllib.loads(FIXES.read_text("utf-8"))
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    breaches = [
        *form_of(text),
        *below(text, fixes),
        *unlike(text, direct(project)),
        *installed(text),
    ]
    withdrawn = withdrawn_of(LOCK) if "--index" in sys.argv[1:] else ()
    breaches += withdrawn or ()
    sys.stdout.write("".join(f"{LOCK}: {line}\n" for line in breaches))
    known = sum(map(len, fixes.values()))
    sys.stdout.write(
        f"lock: {len(locked(text))} packages pinned by hash, {known} known fixes looked at, "
        f"{len(breaches)} breaches\n"
    )
    if withdrawn is None:
        sys.stdout.write("lock: the package index cannot be asked; withdrawn versions: unknown\n")
    return 1 if breaches else UNREACHABLE if withdrawn is None else 0


def entries(text: str) -> list[str]:
    """The lock's logical lines, without comments."""
    joined = text.replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip() and line.strip()[0] != "#"]


def pin(entry: str) -> tuple[str, Version] | None:
    """Name and version of an entry, None when it is no pin."""
    try:
        wanted = Requirement(HASH.sub("", entry).strip())
    except InvalidRequirement:
        return None
    only = [each for each in wanted.specifier if each.operator == "==" and "*" not in each.version]
    if wanted.url or len(only) != 1 or len(wanted.specifier) != 1:
        return None
    return canonicalize_name(wanted.name), Version(only[0].version)


def locked(text: str) -> dict[str, Version]:
    """Name -> version of all that is pinned."""
    return dict(found for found in map(pin, entries(text)) if found)


def form_of(text: str) -> Iterator[str]:
    """Lines that leave open what is installed, or say where from."""
    seen: dict[str, Version] = {}
    for entry in entries(text):
        found = pin(entry)
        if found is None:
            yield f"not pinned to one version, or not from the index: {entry[:80]}"
            continue
        name, version = found
        if not HASH.search(entry):
            yield f"{name} {version}: no sha256 hash"
        if seen.setdefault(name, version) != version:
            yield f"{name}: pinned twice, {seen[name]} and {version}"


def below(text: str, fixes: Fixes) -> Iterator[str]:
    """Versions with a vulnerability that was fixed later."""
    for name, version in locked(text).items():
        for fixed, advisory in fixes.get(name, {}).items():
            if version < Version(fixed):
                yield f"{name} {version} is below {fixed}: {advisory}"


def direct(project: Mapping[str, object]) -> dict[str, Version]:
    """What pyproject.toml pins, but for extras that are not locked."""
    extras = project.get("optional-dependencies", {})
    lists = [project.get("dependencies", [])]
    if isinstance(extras, dict):
        lists += [listed for extra, listed in extras.items() if extra in ("dev", "bench")]
    wanted = [each for listed in lists if isinstance(listed, list) for each in listed]
    return dict(found for found in map(pin, wanted) if found)


def unlike(text: str, pins: dict[str, Version]) -> Iterator[str]:
    """Where the lock is older than pyproject.toml."""
    found = locked(text)
    for name, version in pins.items():
        if found.get(name) != version:
            there = found.get(name, "nothing")
            yield f"{name}: pyproject.toml says {version}, the lock {there}; run make lock"


def installed(text: str) -> Iterator[str]:
    """Packages of this environment that are not those of the lock, or do not fit each other."""
    wanted = locked(text)
    for one in importlib.metadata.distributions():
        name = canonicalize_name(one.name)
        if name in OF_THE_ENVIRONMENT or name == OWN:
            continue
        if wanted.get(name) != Version(one.version):
            yield f"{name} {one.version} is installed, the lock has {wanted.get(name, 'nothing')}"
    command = [sys.executable, "-m", "pip", "check", "--disable-pip-version-check"]
    fit = subprocess.run(command, capture_output=True, text=True, check=False)
    if fit.returncode:
        yield from fit.stdout.splitlines()


def withdrawn_of(lock: Path) -> list[str] | None:
    """Locked versions that were withdrawn from the index ("yanked"), None when it cannot tell."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps"]
        command += ["--ignore-installed", "--require-hashes", "--disable-pip-version-check"]
        command += ["--report", str(report), "-r", str(lock)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=INDEX_S
            )
        except subprocess.TimeoutExpired:
            return None
        if done.returncode:
            sys.stderr.write(done.stderr[-600:])
            return None
        return [*yanked(json.loads(report.read_text("utf-8")))]


def yanked(report: dict[str, list[dict[str, object]]]) -> Iterator[str]:
    """What an installation report calls withdrawn."""
    for item in report.get("install", []):
        about = item.get("metadata")
        if item.get("is_yanked") and isinstance(about, dict):
            yield f"{about.get('name')} {about.get('version')} was withdrawn from the index"


if __name__ == "__main__":
    sys.exit(main())
