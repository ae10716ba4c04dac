"""The process that writes: its death, its parent's, signals, and what it says."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.gm import Keyring, KeyringError
from bus.journal.port import Fresh, JournalUnavailableError
from bus.journal.sqlite import SqliteJournal, writer
from bus.journal.sqlite.wire import Frames, frame
from tests.journal.journal_child import output, start
from tests.journal.journal_engines import (
    NOW,
    TENANT,
    begun,
    done,
    line,
    make_sqlite,
    record,
    stored,
    until,
)


def running(pid: int) -> bool:
    """A process that ended and whose parent did not look yet counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_writer_that_is_killed_is_started_again_and_no_promise_is_lost(
    sqlite: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "START_PAUSE_S", 0.0)
    promised: list[str] = []
    refused = 0

    async def one(key: str) -> None:
        nonlocal refused
        try:
            assert await sqlite.advance(done(await begun(sqlite, record(key))), line())
        except JournalUnavailableError:
            refused += 1
        else:
            promised.append(key)

    await sqlite.check()
    first = sqlite.writer_pid
    waves = [asyncio.create_task(one(f"k{number}")) for number in range(200)]
    await asyncio.sleep(0)
    os.kill(first, signal.SIGKILL)
    await asyncio.gather(*waves)
    assert refused
    await sqlite.check()
    assert sqlite.writer_pid not in {0, first}
    await one("after")
    assert "after" in promised
    for key in promised:
        kept = await stored(sqlite, TENANT, key)
        assert kept is not None
        assert kept.reply == b'{"status":"succeeded"}'


async def test_a_writer_that_cannot_start_is_unavailable_until_it_can(
    sqlite: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "START_PAUSE_S", 0.0)
    with monkeypatch.context() as broken:
        broken.setattr(writer, "COMMAND", ("/nowhere/python",))
        with pytest.raises(JournalUnavailableError, match="No such file"):
            await sqlite.check()
        broken.setattr(writer, "COMMAND", (sys.executable, "-c", "raise SystemExit(1)"))
        with pytest.raises(JournalUnavailableError, match="writer ended"):
            await sqlite.begin(record("k"), NOW, line())
    assert isinstance(await sqlite.begin(record("k"), NOW, line()), Fresh)


async def test_a_writer_that_dies_at_once_is_not_started_without_a_pause(
    sqlite: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(writer, "COMMAND", (sys.executable, "-c", "raise SystemExit(1)"))
        with pytest.raises(JournalUnavailableError):
            await sqlite.check()
    with pytest.raises(JournalUnavailableError, match="writer ended"):
        await sqlite.check()
    assert sqlite.counts.commits == 0


async def test_a_signal_to_the_whole_group_is_for_the_worker_alone(sqlite: SqliteJournal) -> None:
    await sqlite.check()
    pid = sqlite.writer_pid
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(pid, number)
    await begun(sqlite, record("k"))
    assert sqlite.writer_pid == pid


async def test_a_closed_journal_leaves_no_process(tmp_path: Path) -> None:
    journal = make_sqlite(tmp_path)
    await journal.open()
    tasks = [asyncio.create_task(begun(journal, record(f"k{n}"))) for n in range(50)]
    await asyncio.sleep(0)
    pid = journal.writer_pid
    await journal.close()
    assert not running(pid)
    assert len(await asyncio.gather(*tasks)) == 50


def test_a_killed_worker_takes_its_writer_along(tmp_path: Path) -> None:
    with start("endless", str(tmp_path), "w") as worker:
        for _ in zip(range(20), output(worker), strict=False):
            pass
        children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
        [pid] = [int(one) for one in children]
        worker.send_signal(signal.SIGKILL)
        output(worker).read()
    asyncio.run(until(lambda: not running(pid)))


async def test_a_worker_that_only_reads_starts_no_writer(sqlite: SqliteJournal) -> None:
    assert await stored(sqlite, TENANT, "k") is None
    assert sqlite.writer_pid == 0


async def test_the_keys_are_on_no_command_line_and_in_no_environment(
    sqlite: SqliteJournal,
) -> None:
    await sqlite.check()
    place = Path(f"/proc/{sqlite.writer_pid}")
    for name in ("cmdline", "environ"):
        assert b"5a5a5a5a" not in (place / name).read_bytes()
    assert "5a5a5a5a" not in repr(sqlite._parts()[0]._setting)


def test_a_keyring_written_out_opens_and_seals_the_same() -> None:
    text = Keyring.generate_text("k1") + Keyring.generate_text("k2")
    again = Keyring.from_text(Keyring.from_text(text).to_text())
    assert again.to_text() == text
    assert again.sealing() == Keyring.from_text(text).sealing()
    with pytest.raises(KeyringError):
        Keyring.from_text(text + text)


@given(st.lists(st.binary(max_size=300)), st.lists(st.integers(1, 50), min_size=1))
def test_frames_come_out_whole_however_the_bytes_arrive(
    bodies: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(frame(body) for body in bodies)
    frames, found, at = Frames(), [], 0
    while at < len(stream):
        step = cuts[at % len(cuts)]
        found += frames.feed(stream[at : at + step])
        at += step
    whole = Frames().feed(stream)
    assert found == whole
    assert len(whole) == len(bodies)
