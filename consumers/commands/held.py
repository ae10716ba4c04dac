"""``yibao held``: what waits for a person, and what a person decides.

Without a term it lists what is held, and what has been in doubt for longer than a minute.
"""

import argparse
import json
import sys
import time

from bus.clock import SystemClock
from bus.command_line import CommandError, ExitCode
from bus.journal.port import FindBy
from bus.lifecycle.record import Record, State
from bus.lifecycle.table import Event
from bus.masking import masked_text
from consumers.commands.journal_use import Desk, facts_of, none_found, run_with, search
from consumers.person import person_decides

SUMMARY = "list what waits for a person; look again at one, or record what was decided"
DOUBT_SHOWN_MS = 60_000
"""What is in doubt for a minute belongs on the work list even while the bus still works on it."""
LISTED = (State.HELD, State.DOUBTFUL, State.VERIFYING, State.REVERSING, State.SENDING)
LISTED_MAX = 1000
EVENTS = {
    "look": Event.PERSON_LOOK,
    "succeeded": Event.PERSON_SUCCEEDED,
    "reversed": Event.PERSON_REVERSED,
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("term", nargs="?", default="", metavar="KEY|MSGID")
    parser.add_argument("--tenant", default="", help="only of this institution")
    parser.add_argument(
        "--decide",
        choices=sorted(EVENTS),
        help="look: let the bus look at the centre again; succeeded or reversed: what you proved "
        "with the centre (the HIS is told at once)",
    )
    parser.add_argument(
        "--why", default="", help="who decided and on what proof; kept in the story"
    )


def run(args: argparse.Namespace) -> int:
    """List, show, or decide."""
    if args.decide:
        return run_with(args.config, lambda desk: decide(desk, args))
    records = run_with(args.config, lambda desk: listed(desk, args.term, args.tenant))
    if args.json:
        sys.stdout.write(json.dumps([facts_of(r) for r in records], ensure_ascii=False) + "\n")
    else:
        for record in records:
            sys.stdout.write(as_text(record))
        if not records:
            sys.stdout.write("nothing is held or in doubt / 没有待处理的交易\n")
    return ExitCode.NEGATIVE if records else ExitCode.OK


async def listed(desk: Desk, term: str, tenant: str) -> list[Record]:
    """The work list, oldest first; with a term only what it matches."""
    by = FindBy(tenant=tenant, states=LISTED, limit=LISTED_MAX)
    found = await search(desk.journal, term, tenant) if term else await desk.journal.find(by)
    before_ms = SystemClock().now_ms() - DOUBT_SHOWN_MS
    return sorted(
        (
            r
            for r in found
            if r.state is State.HELD or (r.state in LISTED and r.created_ms < before_ms)
        ),
        key=lambda record: record.created_ms,
    )


def as_text(record: Record) -> str:
    """One record of the list."""
    facts = facts_of(record)
    minutes = int(time.time() * 1000 - record.created_ms) // 60_000
    return (
        f"{record.infno}  {record.tenant}  {record.key}\n"
        f"  {record.state} ({minutes} min)  msgid {record.msgid}  visit {record.mdtrt_id or '-'}\n"
        f"  {facts['message']}\n"
    )


async def decide(desk: Desk, args: argparse.Namespace) -> int:
    """Record a person's decision; the worker announces it to the HIS."""
    found = [r for r in await search(desk.journal, args.term, args.tenant) if r.state is State.HELD]
    if len(found) != 1:
        raise none_held(args.term) if not found else too_many(args.term)
    if args.decide != "look" and not args.why:
        raise CommandError(
            "--why is needed: who decided, on what proof",
            "必须用 --why 写明由谁、依据什么认定",
            ExitCode.USAGE,
        )
    event, why = EVENTS[args.decide], masked_text(args.why)
    if not await person_decides(desk.journal, SystemClock(), found[0], event, why):
        raise CommandError(
            "the request changed meanwhile: look again", "该请求刚刚发生变化，请重新查看"
        )
    return ExitCode.OK


def none_held(term: str) -> CommandError:
    """The term matches nothing that is held."""
    return (
        none_found(term)
        if not term
        else CommandError(f"{term!r} is not held", f"{term!r} 不在待人工处理清单中")
    )


def too_many(term: str) -> CommandError:
    """The term matches more than one record."""
    return CommandError(
        f"{term!r} matches several requests: name the key and --tenant",
        f"{term!r} 对应多笔请求：请用幂等键并加 --tenant",
    )
