"""A worker process of its own on a shared journal file; says on stdout what it was promised.

python -m tests.journal.journal_child <mode> <folder> <name> [<count>]
"""

import asyncio
import resource
import sys
from pathlib import Path

from bus.journal.port import Fresh, JournalUnavailableError
from bus.journal.sqlite import SqliteJournal
from tests.journal.journal_engines import NOW, TENANT, done, line, make_sqlite, record

IN_FLIGHT = 8
ROOM_BYTES = 400_000
"""Above the size of an empty journal, far below what the child tries to write."""


def say(*words: str) -> None:
    """One line that the parent surely gets, whatever happens to this process next."""
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


async def endless(journal: SqliteJournal, name: str, _: int) -> None:
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


async def numbers(journal: SqliteJournal, name: str, count: int) -> None:
    """Draw msgids, by records and by blocks."""

    async def one(number: int) -> None:
        result = await journal.begin(record(f"{name}-{number}"), NOW, line())
        assert isinstance(result, Fresh)
        say(result.record.msgid)
        block = await journal.allot(TENANT, NOW, 3)
        for drawn in range(block.first, block.first + block.count):
            say(f"{TENANT}{block.second}{drawn:04d}")

    await asyncio.gather(*(one(number) for number in range(count)))


async def claims(journal: SqliteJournal, name: str, count: int) -> None:
    """Try to claim visits that others want too; say which were got."""

    async def one(number: int) -> None:
        key = f"{name}-{number}"
        result = await journal.begin(record(key, visit=f"visit-{number}"), NOW, line())
        if isinstance(result, Fresh):
            say(f"visit-{number}")

    await asyncio.gather(*(one(number) for number in range(count)))


async def full(journal: SqliteJournal, name: str, count: int) -> None:
    """Write until the room is used up, say what was promised and refused; then with room again."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM_BYTES, hard))

    async def one(key: str) -> None:
        try:
            await journal.begin(record(key, request=b"x" * 20_000), NOW, line())
        except JournalUnavailableError:
            say("refused", key)
        else:
            say("kept", key)

    for number in range(count):
        await asyncio.gather(*(one(f"{name}-{number}-{lane}") for lane in range(3)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await one("after")


MODES = {"endless": endless, "numbers": numbers, "claims": claims, "full": full}


async def main(mode: str, folder: str, name: str, count: str = "0") -> None:
    """Open, do, close."""
    journal = make_sqlite(Path(folder))
    await journal.open()
    say("ready")
    await MODES[mode](journal, name, int(count))
    await journal.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
