"""A worker process of its own on a shared journal; says on stdout what it was promised.

python -m tests.journal.journal_child <mode> <folder> <name> [<count>]
"""

import asyncio
import resource
import subprocess
import sys
from pathlib import Path
from typing import IO

from msgspec.structs import replace

from bus.journal.port import Fresh, Journal, JournalUnavailableError, Lease, Session
from bus.journal.sqlite import SqliteJournal
from tests.journal.journal_databases import postgres_in
from tests.journal.journal_engines import NOW, TENANT, done, line, make_sqlite, record, run

ROOT = Path(__file__).parents[2]

IN_FLIGHT = 8
ROOM_BYTES = 400_000
"""Above the size of an empty journal, far below what the child tries to write."""


def say(*words: str) -> None:
    """One line that the parent surely gets, whatever happens to this process next."""
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


async def endless(journal: Journal, name: str, _: int) -> None:
    """Begin and finish without end, saying each promise the moment it is made."""

    async def one_by_one(lane: int) -> None:
        for number in range(1_000_000):
            key = f"{name}-{lane}-{number}"
            result = await journal.begin(record(key), NOW, line())
            assert isinstance(result, Fresh)
            say("begun", key, result.record.msgid)
            if number % 2:
                assert await journal.advance(done(result.record), line("answered"))
                say("finished", key)

    await asyncio.gather(*(one_by_one(lane) for lane in range(IN_FLIGHT)))


async def numbers(journal: Journal, name: str, count: int) -> None:
    """Draw msgids, by records and by blocks."""

    async def one(number: int) -> None:
        result = await journal.begin(record(f"{name}-{number}"), NOW, line())
        assert isinstance(result, Fresh)
        say(result.record.msgid)
        block = await journal.allot(TENANT, NOW, 3)
        for drawn in range(block.first, block.first + block.count):
            say(f"{TENANT}{block.second}{drawn:04d}")

    await asyncio.gather(*(one(number) for number in range(count)))


async def claims(journal: Journal, name: str, count: int) -> None:
    """Try to claim visits that others want too; say which were got."""

    async def one(number: int) -> None:
        key = f"{name}-{number}"
        result = await journal.begin(record(key, visit=f"visit-{number}"), NOW, line())
        if isinstance(result, Fresh):
            say(f"visit-{number}")

    await asyncio.gather(*(one(number) for number in range(count)))


async def sweeps(journal: Journal, name: str, count: int) -> None:
    """Take over what is due until nothing is left, a few at a time; say which."""
    lease = Lease(owner=name, now_ms=NOW + 5000, lease_ms=60_000)
    for _ in range(count):
        for one in await journal.take_due(lease, 3):
            assert (one.owner, one.fence) == (name, 2)
            assert await journal.advance(done(one), line("look", fence=2, owner=name))
            say(one.key)


async def signs_in(journal: Journal, name: str, count: int) -> None:
    """Want to sign many operators in; say for whom it may."""

    async def one(number: int) -> None:
        wanted = Session(
            tenant=TENANT, opter=f"op{number}", day="2025-11-25", owner=name, until_ms=NOW + 1000
        )
        if (await journal.claim_sign_in(wanted, NOW)).owner == name:
            say(wanted.opter)

    await asyncio.gather(*(one(number) for number in range(count)))


async def schedules(journal: Journal, name: str, count: int) -> None:
    """Plan the same runs as everybody, take what is due until nothing is left; say which."""
    planned = tuple(run(due_ms=NOW + number) for number in range(count))
    await journal.plan_runs(planned)
    lease = Lease(owner=name, now_ms=NOW + count, lease_ms=60_000)
    for _ in range(count):
        for one in await journal.take_runs(lease, 3):
            assert (one.owner, one.fence, one.attempts) == (name, 1, 1)
            assert await journal.put_run(replace(one, state="done"))
            say(str(one.due_ms))


async def full(journal: Journal, name: str, count: int) -> None:
    """Write until the room is used up, say what was promised and refused; then with room again."""
    assert isinstance(journal, SqliteJournal)
    await journal.check()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.prlimit(journal.writer_pid, resource.RLIMIT_FSIZE, (ROOM_BYTES, hard))

    async def one(key: str) -> None:
        try:
            await journal.begin(record(key, request=b"x" * 20_000), NOW, line())
        except JournalUnavailableError:
            say("refused", key)
        else:
            say("kept", key)

    for number in range(count):
        await asyncio.gather(*(one(f"{name}-{number}-{lane}") for lane in range(3)))
    resource.prlimit(journal.writer_pid, resource.RLIMIT_FSIZE, (hard, hard))
    await one("after")


MODES = {
    "endless": endless,
    "numbers": numbers,
    "claims": claims,
    "sweeps": sweeps,
    "signs_in": signs_in,
    "schedules": schedules,
    "full": full,
}


def start(*words: str) -> subprocess.Popen[str]:
    """For the parent: a child with its words."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.journal.journal_child", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def output(child: subprocess.Popen[str]) -> IO[str]:
    """For the parent: what the child says."""
    assert child.stdout is not None
    return child.stdout


def finish(*children: subprocess.Popen[str]) -> list[list[str]]:
    """For the parent: what each said after ``ready``; none may have failed."""
    said = [child.communicate(timeout=50)[0].splitlines() for child in children]
    assert [child.returncode for child in children] == [0] * len(children)
    assert {lines[0] for lines in said} == {"ready"}
    return [lines[1:] for lines in said]


async def main(mode: str, folder: str, name: str, count: str = "0") -> None:
    """Open, do, close."""
    place = Path(folder)
    shared = (place / "postgres-url").exists()
    journal = postgres_in(place) if shared else make_sqlite(place)
    await journal.open()
    say("ready")
    await MODES[mode](journal, name, int(count))
    await journal.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
