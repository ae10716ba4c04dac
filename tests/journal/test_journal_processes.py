"""Several processes on one journal, and one of them killed: with real processes."""

import asyncio
import signal
from pathlib import Path

from bus.journal.port import FindBy
from bus.lifecycle.record import State
from tests.journal.journal_child import finish, output, start
from tests.journal.journal_engines import TENANT, Engine, begun, record, stored

KILLED_AFTER = 200
"""Promises; enough that many groups were committed and some are in flight."""


async def test_nothing_promised_is_lost_when_the_process_is_killed(
    lasting: Engine, tmp_path: Path
) -> None:
    lasting.make(tmp_path)
    promises: list[str] = []
    with start("endless", str(tmp_path), "w") as child:
        for promise in output(child):
            promises.append(promise)
            if len(promises) > KILLED_AFTER:
                child.send_signal(signal.SIGKILL)
                break
        promises += output(child)
    assert child.returncode == -signal.SIGKILL
    journal = lasting.make(tmp_path)
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


def test_processes_that_start_together_on_new_books_never_share_a_number(
    lasting: Engine, tmp_path: Path
) -> None:
    lasting.make(tmp_path)
    said = finish(*(start("numbers", str(tmp_path), f"w{n}", "150") for n in range(3)))
    drawn = [msgid for lines in said for msgid in lines]
    assert len(drawn) >= 3 * 150 * 2
    assert len(drawn) == len(set(drawn))
    assert {len(msgid) for msgid in drawn} == {30}


def test_a_visit_is_claimed_by_one_of_all_processes(lasting: Engine, tmp_path: Path) -> None:
    lasting.make(tmp_path)
    said = finish(*(start("claims", str(tmp_path), f"w{n}", "200") for n in range(3)))
    held = [visit for lines in said for visit in lines]
    assert sorted(held) == sorted(f"visit-{number}" for number in range(200))


async def test_each_record_is_taken_over_by_one_of_all_processes(
    lasting: Engine, tmp_path: Path
) -> None:
    journal = lasting.make(tmp_path)
    await journal.open()
    keys = [f"k{number:03d}" for number in range(120)]
    await asyncio.gather(*(begun(journal, record(key)) for key in keys))
    said = finish(*(start("sweeps", str(tmp_path), f"w{n}", "120") for n in range(3)))
    assert sorted(key for lines in said for key in lines) == keys
    for one in await journal.find(FindBy(limit=1000)):
        assert (one.state, one.fence) == (State.SUCCEEDED, 2)
        told = await journal.story(TENANT, one.key)
        assert [line.what for line in told] == ["received", "taken_over", "look"]
    await journal.close()


def test_one_of_all_processes_signs_an_operator_in(lasting: Engine, tmp_path: Path) -> None:
    lasting.make(tmp_path)
    said = finish(*(start("signs_in", str(tmp_path), f"w{n}", "100") for n in range(3)))
    signing = [opter for lines in said for opter in lines]
    assert sorted(signing) == sorted(f"op{number}" for number in range(100))
