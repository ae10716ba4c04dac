"""Where chaos happens: a stage whose workers can be held and killed, and a view into its books."""

import asyncio
import itertools
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import msgspec

from bus.clock import SystemClock
from bus.config.load import load_settings
from bus.journal.open import open_journal
from bus.journal.port import FindBy, Journal
from bus.lifecycle.record import Record, StoryLine
from compose.chaos.points import Fault
from compose.chaos.trap import Plan
from compose.demo.stage import Stage, Timing
from compose.node import PrivateNode

TIMING = Timing(money_s=3.0, call_s=2.0, centre_s=2.0, patience_s=20.0, sweep_s=0.2)
"""Short waits, set like a hospital's: what the bus must sit out is over in seconds."""
BREAKER_OFF = "\n[gateways.centre.breaker]\nfailures = 1000\n"
"""Many cases share one address; a fault of one must not pause the others."""
POLL_S = 0.05
AGAIN = frozenset({"repeat", "stale_sign_in"})
"""Lines of a story whose detail ends with the number of the attempt that is over."""
_numbers = itertools.count(1)


class ChaosStage(Stage):
    """``extra``: TOML after the stage's own settings. ``port``: where the broker is found when not
    at its own. ``journal``: TOML of a journal that is not the stage's own file."""

    def __init__(
        self,
        base: Path,
        node: PrivateNode,
        *,
        timing: Timing = TIMING,
        extra: str = BREAKER_OFF,
        port: int = 0,
        journal: str = "",
    ) -> None:
        super().__init__(base, node=node, vhost=f"chaos-{next(_numbers)}", timing=timing)
        self.extra = extra
        self._port, self._journal = port, journal
        self._plan, self._tell = base / "plan.json", base / "told.jsonl"

    def config_text(self, secret: Path, keys: Path) -> str:
        """The stage's file with what this job adds."""
        return super().config_text(secret, keys) + self.extra

    def journal_text(self) -> str:
        """Where the journal is kept."""
        return self._journal or super().journal_text()

    @property
    def broker_port(self) -> int:
        """Where the broker is found."""
        return self._port or super().broker_port

    def worker_command(self) -> list[str]:
        """The real worker behind the trap."""
        trap = ["--plan", str(self._plan), "--tell", str(self._tell)]
        worker = [sys.executable, "-m", "compose.chaos.worker", *trap, "--"]
        return [*worker, "serve", "--config", str(self.config)]

    # -- holding and killing -----------------------------------------------------------------------

    def set_trap(self, plan: Plan) -> None:
        """Requests that arrive from now on are held as ``plan`` says."""
        self._tell.unlink(missing_ok=True)
        fresh = self._plan.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(plan))
        fresh.replace(self._plan)

    def trapped(self) -> set[str]:
        """Keys of the requests that stand at the point."""
        if not self._tell.exists():
            return set()
        lines = self._tell.read_text("utf-8").splitlines()
        return {json.loads(line)["key"] for line in lines}

    def kill(self, *, everything: bool = False) -> None:
        """kill -9 of the worker process; ``everything``: of all it has started too, at one blow."""
        self._plan.unlink(missing_ok=True)
        for worker in self.workers:
            if everything:
                os.killpg(worker.pid, signal.SIGKILL)
            worker.kill()
            worker.wait()
        self.workers.clear()

    # -- the journal's file --------------------------------------------------------------------

    @property
    def journal_file(self) -> Path:
        """The file of the SQLite journal."""
        return self.base / "journal.sqlite3"

    def stall_commit(self, keys: tuple[str, ...], change: str) -> None:
        """From now on the commit that writes the last of ``keys`` does not come to its end.

        A trigger in the file counts for ever once all rows are there: no hook in any process.
        ``change``: ``INSERT`` of the requests, or ``UPDATE`` to their outcome.
        """
        quoted = ", ".join(f"'{key}'" for key in keys)
        done = " AND open = 0" if change == "UPDATE" else ""
        with closing(sqlite3.connect(self.journal_file, timeout=5.0)) as db:
            db.execute(
                "CREATE VIEW IF NOT EXISTS endless AS WITH RECURSIVE c(n) AS "
                "(SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c"
            )
            db.execute(
                f"CREATE TRIGGER stalled AFTER {change} ON requests WHEN (SELECT count(*) "  # noqa: S608 - our own keys
                f"FROM requests WHERE key IN ({quoted}){done}) = {len(keys)} "
                "BEGIN SELECT count(*) FROM endless; END"
            )
            db.commit()

    def commit_stalled(self) -> bool:
        """Whether somebody holds the file's write lock at this moment."""
        with closing(sqlite3.connect(self.journal_file, timeout=0.0)) as db:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            db.rollback()
        return False

    def free_commit(self) -> None:
        """Take the trigger away again."""
        with closing(sqlite3.connect(self.journal_file, timeout=5.0)) as db:
            db.execute("DROP TRIGGER stalled")
            db.execute("DROP VIEW endless")
            db.commit()

    # -- books -------------------------------------------------------------------------------------

    async def ask(self, path: str, body: Any = None) -> Any:
        """The centre's admin address, without holding up this process."""
        return await asyncio.to_thread(self.admin, path, body)

    async def script(self, fault: Fault, infno: str, tenant: str, times: int = 1) -> None:
        """The next ``times`` calls of this transaction meet the fault."""
        rule = {"infno": infno, "call": "next", "times": times, "tenant": tenant}
        await self.ask("/faults", {**rule, "fault": fault.fault, "params": fault.params})

    async def unused_faults(self, tenant: str) -> list[str]:
        """Faults that nothing has met."""
        rules = (await self.ask("/faults"))["rules"]
        return [f"{rule['fault']} of {rule['infno']}" for rule in rules if rule["tenant"] == tenant]

    @asynccontextmanager
    async def journal(self) -> AsyncIterator[Journal]:
        """The journal of the stage's workers, opened by a process of its own: this one."""
        journal = open_journal(load_settings(self.config, {}).journal, SystemClock())
        await journal.open()
        try:
            yield journal
        finally:
            await journal.close()


async def record_of(journal: Journal, tenant: str, key: str) -> Record | None:
    """What the journal has under a key."""
    found = await journal.find(FindBy(tenant=tenant, key=key))
    return found[0] if found else None


def numbers_of(record: Record, story: list[StoryLine]) -> list[str]:
    """Every msgid the request itself ever travelled under, the current one last."""
    earlier = [line.detail.split()[-1] for line in story if line.what in AGAIN and line.detail]
    return [one for one in (*earlier, record.msgid) if one]


async def until(holds: Callable[[], Awaitable[Any]], within_s: float) -> bool:
    """Whether ``holds`` becomes true in time; other processes have no event to wait for."""
    end_s = asyncio.get_running_loop().time() + within_s
    while not await holds():
        if asyncio.get_running_loop().time() > end_s:
            return False
        await asyncio.sleep(POLL_S)
    return True
