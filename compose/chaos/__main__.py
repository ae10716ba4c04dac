"""``make chaos``: real processes are killed, restarted and lied to; every book must still agree."""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec

from compose.chaos import lanes
from compose.chaos.case import Case
from compose.chaos.faults import fault_round, troubles
from compose.chaos.kills import NINE, kill_round
from compose.chaos.lanes import Piece
from compose.chaos.people import duplicates, vanishes
from compose.chaos.points import points
from compose.chaos.report import Result, result_of, table, write_document
from compose.chaos.resolution import doubt
from compose.chaos.surroundings import broker, cluster, database
from compose.node import NodeError, PrivateNode

LANES = 4
"""Stages side by side: most of a case is waiting."""
ROUNDS = {"short": 1, "long": 5}
"""How often each point is taken."""
DOUBTFUL = {"short": 100, "long": 500}
"""Settlements in doubt at once."""


def main() -> int:
    """0 when no promise was broken."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the form that CI runs")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    parser.add_argument("--write-docs", action="store_true", help="draw the table of docs/chaos.md")
    args = parser.parse_args()
    # The broker goes away on purpose: what the client library says of it is no news.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        with tempfile.TemporaryDirectory(prefix="yibao-chaos-") as folder:
            result = asyncio.run(play(Path(folder), "short" if args.short else "long"))
    except NodeError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    sys.stdout.write(table(result))
    for violation in result.violations:
        sys.stdout.write(f"VIOLATION {json.dumps(msgspec.to_builtins(violation))}\n")
    if args.write_docs:
        write_document(result)
    if args.json:
        sys.stdout.write(json.dumps(msgspec.to_builtins(result)) + "\n")
    return 1 if result.violations else 0


async def play(base: Path, form: str) -> Result:
    """Everything, judged."""
    began = time.monotonic()
    rounds = ROUNDS[form]
    with PrivateNode(base / "rabbitmq") as node:
        *done, (doubtful, measures) = await asyncio.gather(
            lanes.run(node, base, pieces(rounds), LANES),
            taken_away(node, base, form),
            doubt(node, base, DOUBTFUL[form]),
        )
    cases = [case for group in (*done, doubtful) for case in group]
    return result_of(form, cases, time.monotonic() - began, measures)


async def taken_away(node: PrivateNode, base: Path, form: str) -> list[Case]:
    """What the bus leans on is taken away, one after the other: each start costs much."""
    rounds = ROUNDS[form]
    cases = await broker(base, rounds)
    cases += await database(node, base, rounds)
    return cases if form == "short" else cases + await cluster(base, rounds)


def pieces(rounds: int) -> Iterator[Piece]:
    """What the lanes do, so many times over; the slow ones first, so that they end together."""
    for _ in range(rounds):
        yield from faults()
        yield from kills()
        yield partial(vanishes, infnos=NINE, queue_too=False)
        yield partial(vanishes, infnos=NINE, queue_too=True)
        yield partial(duplicates, infnos=NINE)


def faults() -> Iterator[Piece]:
    """Each fault of the centre, met by the nine transactions."""
    known = troubles()
    for name in sorted(known, key=lambda name: known[name].later is None):
        yield partial(fault_round, of=(name, known[name]), infnos=NINE)


def kills() -> Iterator[Piece]:
    """One kill at each point with the nine transactions there."""
    known = points()
    for name in sorted(known, key=lambda name: known[name].about != "reversal"):
        yield partial(kill_round, at=(name, known[name]), infnos=NINE)


if __name__ == "__main__":
    sys.exit(main())
