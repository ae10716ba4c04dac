"""``yibao call`` against the real broker: what is printed, and the exit codes."""

import asyncio
import json
from pathlib import Path

import pytest

from bus.command_line import main
from tests.conftest import Vhost
from tests.producers.his_access import TENANT, HisAccess, apart
from tests.producers.his_responder import Responder

Capture = pytest.CaptureFixture[str]


async def yibao(his: HisAccess, folder: Path, *words: str) -> int:
    file = folder / "input.json"
    if not file.exists():
        file.write_text('{"data": {"psn_no": "1", "medfee_sumamt": "100.00"}}', encoding="utf-8")
    always = ["--tenant", his.tenant, *apart(his.url, folder)]
    always += ["--keys", str(folder / "keys.sqlite3")]
    return await asyncio.to_thread(main, ["call", *words, *always, "--input", str(file)])


async def test_a_success_is_told_to_the_cashier_first_and_exits_with_0(
    his: HisAccess, responder: Responder, tmp_path: Path, capsys: Capture
) -> None:
    assert await yibao(his, tmp_path, "2207", "--key", "bill-1", "--opter", "0001") == 0
    said = capsys.readouterr()
    assert said.out.startswith("交易成功\nsucceeded (ok): ")
    assert '"fund_pay_sumamt": "80.00"' in said.out
    assert "bill-1" in said.err
    assert json.loads(responder.seen[0].body)["opter"] == "0001"


async def test_json_is_one_object_and_a_repeat_needs_no_second_execution(
    his: HisAccess, responder: Responder, tmp_path: Path, capsys: Capture
) -> None:
    for _ in range(2):
        assert await yibao(his, tmp_path, "2207", "--key", "bill-1", "--direct", "--json") == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first == second
    assert (first["status"], first["key"]) == ("succeeded", "bill-1")
    assert responder.executed == {"bill-1": 1}


@pytest.mark.parametrize(
    ("code", "expected"), [("refused", 1), ("fields", 1), ("reversed", 1), ("settling", 4)]
)
async def test_the_exit_code_tells_final_from_in_doubt(
    his: HisAccess, responder: Responder, tmp_path: Path, code: str, expected: int
) -> None:
    responder.code = code
    assert await yibao(his, tmp_path, "2207") == expected


async def test_no_reply_in_time_exits_as_in_doubt_and_names_the_key(
    his: HisAccess, responder: Responder, tmp_path: Path, capsys: Capture
) -> None:
    responder.may_answer.clear()
    assert await yibao(his, tmp_path, "2207", "--key", "bill-1", "--wait-s", "0.5") == 4
    assert "--key bill-1" in capsys.readouterr().err
    responder.may_answer.set()
    assert await yibao(his, tmp_path, "2207", "--key", "bill-1") == 0


async def test_what_was_not_sent_says_so(
    his: HisAccess, responder: Responder, tmp_path: Path, capsys: Capture
) -> None:
    assert await yibao(his, tmp_path, "9999") == 3
    assert "nothing was sent" in capsys.readouterr().err
    assert await yibao(his, tmp_path, "22-07") == 2
    (tmp_path / "input.json").write_text("[1]", encoding="utf-8")
    assert await yibao(his, tmp_path, "2207") == 2
    (tmp_path / "input.json").write_text('{"input": {"data": {}}}', encoding="utf-8")
    assert await yibao(his, tmp_path, "2207") == 0
    assert json.loads(responder.seen[-1].body)["input"] == {"data": {}}


async def test_the_address_may_come_from_the_configuration_file(
    vhost: Vhost,
    responder: Responder,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("YIBAO_KEYS", str(tmp_path / "new folder" / "keys.sqlite3"))
    monkeypatch.setenv("YIBAO_TEST_KEYS", f"k1 {'0' * 64}")
    broker = vhost.settings()
    config, file = tmp_path / "yibao.toml", tmp_path / "input.json"
    config.write_text(
        f'[broker]\nurl = "{broker.url}"\npassword_file = "{broker.password_file}"\n'
        '[journal]\nkeys_env = "YIBAO_TEST_KEYS"\n',
        encoding="utf-8",
    )
    file.write_text('{"data": {}}', encoding="utf-8")
    words = ["call", "2207", "--tenant", TENANT, "--input", str(file), "--config", str(config)]
    assert await asyncio.to_thread(main, words) == 0, capsys.readouterr().err
    assert responder.seen[0].user_id == "yibao-admin"
