"""A disk that is full, with a real process that may not write more."""

from pathlib import Path

from bus.journal.port import FindBy
from tests.journal.journal_child import finish, start
from tests.journal.journal_engines import TENANT, make_sqlite


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
