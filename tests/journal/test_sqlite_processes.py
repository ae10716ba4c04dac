"""Several processes on one file, a process killed, a disk that is full: with real processes."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

from bus.journal.port import FindBy
from bus.lifecycle.record import State
from tests.journal.journal_engines import TENANT, make_sqlite, stored

ROOT = Path(__file__).parents[2]
KILLED_AFTER = 200
"""Promises; enough that many groups were committed and some are in flight."""


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.journal.journal_child", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def output(child: subprocess.Popen[str]) -> IO[str]:
    assert child.stdout is not None
    return child.stdout


def finish(*children: subprocess.Popen[str]) -> list[list[str]]:
    """What each said after ``ready``; none may have failed."""
    said = [child.communicate(timeout=50)[0].splitlines() for child in children]
    assert [child.returncode for child in children] == [0] * len(children)
    assert {lines[0] for lines in said} == {"ready"}
    return [lines[1:] for lines in said]


async def test_nothing_promised_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    promises: list[str] = []
    with start("endless", str(tmp_path), "w") as child:
        for promise in output(child):
            promises.append(promise)
            if len(promises) > KILLED_AFTER:
                child.send_signal(signal.SIGKILL)
                break
        promises += output(child)
    assert child.returncode == -signal.SIGKILL
    journal = make_sqlite(tmp_path)
    await journal.open()
    for promise in promises[1:]:
        if not promise.endswith("\n"):
            continue
        what, key, *msgid = promise.split()
        kept = await stored(journal, TENANT, key)
        assert kept is not None, promise
        if what == "begun":
            assert [kept.msgid] == msgid
        else:
            assert kept.state is State.SUCCEEDED
    assert len(promises) > KILLED_AFTER
    stories = [
        await journal.story(TENANT, one.key) for one in await journal.find(FindBy(limit=10_000))
    ]
    assert all(stories)
    await journal.close()


def test_processes_that_start_together_on_a_new_file_never_share_a_number(tmp_path: Path) -> None:
    said = finish(*(start("numbers", str(tmp_path), f"w{n}", "150") for n in range(3)))
    drawn = [msgid for lines in said for msgid in lines]
    assert len(drawn) >= 3 * 150 * 2
    assert len(drawn) == len(set(drawn))
    assert {len(msgid) for msgid in drawn} == {30}


def test_a_visit_is_claimed_by_one_of_all_processes(tmp_path: Path) -> None:
    said = finish(*(start("claims", str(tmp_path), f"w{n}", "200") for n in range(3)))
    held = [visit for lines in said for visit in lines]
    assert sorted(held) == sorted(f"visit-{number}" for number in range(200))


async def test_a_full_disk_refuses_without_a_trace_and_recovers_with_room(tmp_path: Path) -> None:
    [said] = finish(start("full", str(tmp_path), "w", "20"))
    words = {key: word for word, key in (promise.split() for promise in said)}
    refused = [key for key, word in words.items() if word == "refused"]
    kept = [key for key, word in words.items() if word == "kept"]
    assert refused
    assert words["after"] == "kept"
    assert len(kept) > 3
    journal = make_sqlite(tmp_path)
    await journal.open()
    assert sorted(one.key for one in await journal.find(FindBy(limit=1000))) == sorted(kept)
    for key in refused:
        assert await journal.story(TENANT, key) == []
    await journal.close()
