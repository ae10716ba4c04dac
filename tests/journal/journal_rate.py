"""What the SQLite journal costs: begin, advance and told per request in a closed loop. Not a test.

    python -m tests.journal.journal_rate [<in flight>] [<requests>]

Request and reply have 1.5 KB each and are sealed. Prints one line; CPU is of the whole process, the
loop's own share and the making of records included. One machine, one disk: compare, do not quote.
"""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from tests.journal.journal_engines import NOW, TENANT, begun, done, line, make_sqlite, record

BODY = os.urandom(1500)


async def main(in_flight: int, requests: int) -> None:
    """Run them all, then print."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        journal = make_sqlite(Path(folder))
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


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:] or ("64", "10000"))))
