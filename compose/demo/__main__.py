"""``make demo``: two hospitals, one centre, and everything that goes wrong between them."""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
import unicodedata
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from compose.demo.judge import Line, Verdict, judge
from compose.demo.notebook import Notebook
from compose.demo.stage import Stage
from compose.demo.story import ELSEWHERE, EMPLOYEE, Hospital
from compose.node import NodeError
from producers.client import HisClient
from producers.keys import MemoryKeyStore

FIRST, SECOND = "H53010200001", "H53010200002"
HEAD = ("request", "infno", "the HIS was told", "journal", "the centre's books", "agree")


def main() -> int:
    """0 when hospital, journal and books agree on everything."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    args = parser.parse_args()
    # The broker is restarted on purpose: what the client library says of it is no news.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        with tempfile.TemporaryDirectory(prefix="yibao-demo-") as folder:
            lines, verdict = asyncio.run(play(Path(folder)))
    except NodeError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    say(table(lines))
    well = not (verdict.disagree or verdict.double_settled or verdict.lost)
    say(summary(verdict, well))
    if args.json:
        say(json.dumps(msgspec.to_builtins(verdict)))
    return 0 if well else 1


async def play(base: Path) -> tuple[list[Line], Verdict]:
    """Set the stage, let the hospitals work, judge."""
    say("Starting a private RabbitMQ node, a stand-in centre and a worker on loopback ...")
    stage = Stage(base)
    notebook = Notebook()
    try:
        await asyncio.to_thread(stage.start)
        began = time.monotonic()
        async with AsyncExitStack() as stack:
            first = await hospital(stack, stage, notebook, FIRST)
            second = await hospital(stack, stage, notebook, SECOND)
            await scenes(first, second)
        return await judge(stage, notebook, time.monotonic() - began)
    finally:
        await asyncio.to_thread(stage.stop)


async def scenes(first: Hospital, second: Hospital) -> None:
    """The story; the two hospitals work side by side."""
    say("\nOrdinary days, two hospitals side by side:")
    await asyncio.gather(
        in_turn(first.pharmacy(), first.with_voucher(), first.with_id_card()),
        in_turn(
            second.inpatient(EMPLOYEE, 250, "inpatient, local"),
            second.inpatient(ELSEWHERE, 20, "inpatient, other province"),
        ),
    )
    say("\nPeople:")
    await asyncio.gather(first.clicks(), second.changed_request())
    say("\nLost answers (the bus must find out what happened, and never settle twice):")
    await asyncio.gather(
        in_turn(first.lost_answer("lose_answer"), first.lost_answer("timeout_before_commit")),
        in_turn(second.lost_answer("http_502_after_commit"), second.lost_answer("late_commit")),
    )
    say("\nCrashes:")
    await first.killed_worker()
    await second.broker_restart()


async def in_turn(*scenes_in_order: Coroutine[None, None, None]) -> None:
    """One hospital does one thing after the other."""
    for scene in scenes_in_order:
        await scene


async def hospital(
    stack: AsyncExitStack, stage: Stage, notebook: Notebook, tenant: str
) -> Hospital:
    """Two HIS programs of one hospital, each with a reply queue and a key store of its own."""
    calls = []
    for program in ("cashier-1", "cashier-2"):
        client = await stack.enter_async_context(
            HisClient.connect(
                stage.his_url(tenant),
                tenant=tenant,
                key_store=MemoryKeyStore(),
                reply_queue=program,
                opter="0001",
                opter_name="示例收费员",
            )
        )
        calls.append(notebook.caller(client, tenant))
    return Hospital(stage, tenant, (calls[0], calls[1]), say)


def table(lines: Sequence[Line]) -> str:
    """The final table: what has an effect row by row, and of queries those that disagree."""
    rows = [HEAD]
    rows += [
        (
            line.title,
            line.infno,
            line.told,
            line.journal,
            line.centre,
            "yes" if line.agree else "NO",
        )
        for line in lines
        if line.kept or not line.agree
    ]
    queries = sum(line.agree for line in lines if not line.kept)
    rows.append((f"{queries} queries", "", "what it answered", "-", "answered", "yes"))
    widths = [max(width(row[column]) for row in rows) for column in range(len(HEAD))]
    return "\n" + "\n".join(
        "  ".join(cell + " " * (widths[n] - width(cell)) for n, cell in enumerate(row)).rstrip()
        for row in rows
    )


def width(text: str) -> int:
    """Columns on a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in text)


def summary(verdict: Verdict, well: bool) -> str:
    """The last words for people."""
    said = "Every book agrees" if well else "THE BOOKS DISAGREE"
    return (
        f"\n{said}: {verdict.agree} requests agree, {verdict.disagree} disagree, "
        f"{verdict.double_settled} settled twice, {verdict.lost} lost; {verdict.seconds} s."
    )


def say(text: str) -> None:
    """One line of the story."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
