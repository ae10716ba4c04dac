"""``yibao serve``: what it consumes, and when it refuses to start."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiormq
import pytest

from bus.topology import EXPIRED_QUEUE, UNROUTED_QUEUE, request_queue
from compose.demo.stage import YIBAO, end
from compose.node import PrivateNode
from tests.consumers.bus_stage import FIRST, BusStage, program, until
from tests.door.raw_his import frame, raw_his, settlement
from tests.producers.his_access import apart


@pytest.fixture(scope="module")
def narrow(
    broker_node: PrivateNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BusStage]:
    """A stage whose only worker serves 2207 and the fee batches 2301."""
    with BusStage(tmp_path_factory.mktemp("narrow"), broker_node) as stage:
        end(stage.workers.pop())
        stage.start_worker("--only", "2207,2301")
        yield stage


async def consumers(stage: BusStage, *queues: str) -> list[int]:
    """How many consumers the broker has on each queue."""
    connection = await aiormq.connect(stage.admin_url)
    channel = await connection.channel()
    declared = [await channel.queue_declare(queue, passive=True) for queue in queues]
    await connection.close()
    return [each.consumer_count or 0 for each in declared]


async def test_a_narrow_worker_consumes_its_transactions_and_what_reached_no_queue(
    narrow: BusStage,
) -> None:
    served = [request_queue("2207"), request_queue("2301", FIRST), EXPIRED_QUEUE, UNROUTED_QUEUE]
    assert await consumers(narrow, *served) == [1, 1, 1, 1]
    others = [request_queue(infno) for infno in ("2208", "1101", "1201", "2204", "2601")]
    assert await consumers(narrow, *others) == [0] * 5


async def test_what_a_narrow_worker_leaves_waits_for_another(narrow: BusStage) -> None:
    async with raw_his(narrow.his_url(FIRST), FIRST) as his:
        await his.send(frame(), f"1201.{FIRST}", message_id="waits-1")
        heard = await his.ask(settlement(psn_no=None), "2207", message_id="served-1")
        assert heard.correlation_id == "served-1"
        worker = await asyncio.to_thread(narrow.start_worker, "--only", "1201")
        heard = await his.next()
        assert (heard.correlation_id, *heard.outcome) == ("waits-1", "succeeded", "ok")
    await asyncio.to_thread(end, worker)


async def test_a_transaction_nobody_has_is_refused_at_the_start(narrow: BusStage) -> None:
    done = await asyncio.to_thread(narrow.yibao, "serve", "--only", "2207,22O8")
    assert done.returncode == 2
    assert "22O8" in done.stderr
    assert "worker_started" not in done.stderr


async def test_a_configuration_with_faults_is_refused_and_every_fault_named(
    narrow: BusStage, tmp_path: Path
) -> None:
    file = tmp_path / "yibao.toml"
    text = narrow.config.read_text("utf-8")
    text = text.replace("drain_s = 10.0", "drain_s = -1\npatiense_s = 3")
    text = text.replace(f'"{narrow.base}/journal-keys"', '"/nowhere"')
    text = text.replace('gateway = "centre"', 'gateway = "center"', 1)
    file.write_text(text, encoding="utf-8")
    done = await asyncio.to_thread(run, "serve", "--config", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    for place in (
        "worker.drain_s",
        "worker.patiense_s",
        "journal.keys_file",
        f"institutions.{FIRST}.gateway",
    ):
        assert f"  {place}: " in done.stderr
    assert "4 fault(s)" in done.stderr
    assert not (tmp_path / "journal.sqlite3").exists()


async def test_a_configuration_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    done = await asyncio.to_thread(run, "serve", "--config", str(tmp_path / "none.toml"))
    assert done.returncode == 2
    assert "none.toml" in done.stderr


async def test_a_broker_that_refuses_the_worker_ends_it_in_words(
    narrow: BusStage, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong-password"
    wrong.touch(mode=0o600)
    wrong.write_text("planted-secret", encoding="utf-8")
    file = tmp_path / "yibao.toml"
    text = narrow.config.read_text("utf-8")
    file.write_text(text.replace(str(narrow.base / "broker-password"), str(wrong)), "utf-8")
    done = await asyncio.to_thread(run, "serve", "--config", str(file))
    assert done.returncode == 3
    assert "the broker refused" in done.stderr
    assert "planted-secret" not in done.stderr
    assert "Traceback" not in done.stderr


async def test_an_address_in_use_for_the_metrics_ends_the_worker_in_words(
    narrow: BusStage,
) -> None:
    port = str(narrow.centre_port)
    done = await asyncio.to_thread(narrow.yibao, "serve", "--metrics-port", port)
    assert done.returncode == 2
    assert f"127.0.0.1:{port}" in done.stderr
    assert '"event": "worker_stopped"' in done.stderr
    await until(lambda: alone(narrow))


async def alone(stage: BusStage) -> bool:
    """Only the narrow worker is left at the broker."""
    return await consumers(stage, request_queue("2207")) == [1]


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    """The command as a person types it."""
    return subprocess.run(
        [YIBAO, "--lang", "en", *words], capture_output=True, text=True, timeout=30, check=False
    )


async def test_a_call_from_the_command_line_goes_all_the_way(
    narrow: BusStage, tmp_path: Path
) -> None:
    worker = await asyncio.to_thread(narrow.start_worker, "--only", "1201")
    asked = tmp_path / "input.json"
    asked.write_bytes(frame())
    words = ["--tenant", FIRST, *apart(narrow.his_url(FIRST), tmp_path)]
    words += ["--input", str(asked), "--json"]
    words += ["--keys", str(tmp_path / "keys.sqlite3"), "--opter", "0001", "--key", "typed-1"]
    done = await asyncio.to_thread(run, "call", "1201", *words)
    assert done.returncode == 0, done.stderr
    assert '"status":"succeeded"' in done.stdout
    await asyncio.to_thread(end, worker)
    async with program(narrow) as his:
        assert (await his.call("2207", {"data": {}})).status == "invalid"
