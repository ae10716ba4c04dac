"""Holds the contract HIS vendors have: fails on a change that breaks a HIS and is not declared.

Run from the top folder. ``--renew`` makes today's contract the baseline and empties the list of
breaks: at a release, when others get the new one.
"""

import sys
from pathlib import Path

from producers.contracts.baseline import (
    BASELINE,
    BREAKS,
    NO_BREAKS,
    FaultyContractError,
    Standing,
    baseline_text,
    judge,
    read_baseline,
    read_breaks,
)
from producers.contracts.structure import Contract, contract_of
from schemas.catalogue import load

FOLDER = Path("docs/contract")
REGIONS = ("yunnan", "hunan")


def main(words: list[str]) -> int:
    today = contracts()
    if words == ["--renew"]:
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / BASELINE).write_text(baseline_text(today), "utf-8")
        (FOLDER / BREAKS).write_text(NO_BREAKS, "utf-8")
        return 0
    try:
        old = read_baseline(FOLDER / BASELINE)
        standing = judge(old, today, read_breaks(FOLDER / BREAKS))
    except (FaultyContractError, OSError) as error:
        sys.stdout.write(f"contract: {error}\n")
        return 1
    sys.stdout.write(report(standing))
    return 0 if standing.is_sound else 1


def contracts() -> list[Contract]:
    """Today's contracts of all regions."""
    return [contract_of(load(name)) for name in REGIONS]


def report(standing: Standing) -> str:
    """Every breach with what to do about it, and a line of counts."""
    lines = [
        f"{region}: {change.path} {change.kind}: {change.words.en}"
        f" ({change.before or '-'} -> {change.after or '-'})"
        for region, changes in standing.undeclared.items()
        for change in changes
    ]
    if lines:
        lines.append(f"  breaks a HIS: take it back, or declare it in {FOLDER / BREAKS}")
    lines += [f"{FOLDER / BREAKS}: {b.path} {b.kind} is no change" for b in standing.idle]
    undeclared = sum(map(len, standing.undeclared.values()))
    lines.append(
        f"contract: {undeclared} undeclared breaks, {standing.declared} declared,"
        f" {standing.harmless} changes that break nothing"
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
