"""What a journal costs: begin, advance and told per request in a closed loop. Not a test.

    python -m tests.journal.journal_rate [sqlite|postgres] [<in flight>] [<requests>]

Request and reply have 1.5 KB each and are sealed. Prints one line; CPU is of the whole process, the
loop's own share and the making of records included, but not that of a server. One machine, one
disk: compare, do not quote. For postgres it starts a private server.
"""

import asyncio
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import uvloop

from bus.journal.postgres import PostgresJournal
from bus.journal.sqlite import SqliteJournal
from compose.pg import PrivatePostgres
from tests.journal.journal_databases import make_postgres
from tests.journal.journal_engines import NOW, TENANT, begun, done, line, make_sqlite, record

BODY = os.urandom(1500)


async def main(journal: SqliteJournal | PostgresJournal, in_flight: int, requests: int) -> None:
    """Run them all, then print."""
    await journal.open()
    times: list[float] = []
    numbers = iter(range(requests))

    async def lane() -> None:
        for number in numbers:
            start = time.perf_counter()
            visit = f"visit-{number}"
            one = await begun(
                journal,
                record(visit=visit, mdtrt_id=visit, subject="s" * 64, request=BODY),
                NOW + number,
            )
            assert await journal.advance(
                done(one, reply=BODY, updated_ms=NOW + number), line("answered")
            )
            await journal.told(TENANT, one.key, "succeeded")
            times.append(time.perf_counter() - start)

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(lane() for _ in range(in_flight)))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    times.sort()
    sys.stdout.write(
        f"{in_flight} in flight: {requests / seconds:.0f} requests/s, "
        f"{cpu / requests * 1e6:.0f} us CPU each, "
        f"p50 {times[requests // 2] * 1e3:.1f} ms, "
        f"p99 {times[requests * 99 // 100] * 1e3:.1f} ms, "
        f"{requests / journal.counts.commits:.1f} requests per commit\n"
    )
    await journal.close()


def run(engine: str = "sqlite", in_flight: str = "64", requests: str = "10000") -> None:
    """The command."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=Path.cwd())))
        journal: SqliteJournal | PostgresJournal = make_sqlite(folder)
        if engine == "postgres":
            journal = make_postgres(stack.enter_context(PrivatePostgres()), folder)
        uvloop.run(main(journal, int(in_flight), int(requests)))


if __name__ == "__main__":
    run(*sys.argv[1:])
