"""``yibao doctor``: one finding for everything a settlement needs, and what to do about it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.consumers.bus_stage import FIRST, TENANTS, BusStage, calls_of, hospital, program
from tests.verbs.conftest import Operator

CHECKS = ["config", "journal", "broker", "topology", "permissions"]
CHECKS += [f"{what} {tenant}" for tenant in TENANTS for what in ("centre", "clock")]


@pytest.fixture
def config(stage: BusStage) -> Iterator[Path]:
    """The configuration file of the stage, given back after the test."""
    text = stage.config.read_text("utf-8")
    yield stage.config
    stage.config.write_text(text, encoding="utf-8")


def changed(config: Path, old: str, new: str) -> None:
    """Put ``new`` for ``old`` in the file."""
    text = config.read_text("utf-8")
    assert old in text
    config.write_text(text.replace(old, new), encoding="utf-8")


async def examined(yibao: Operator, code: int) -> dict[str, Any]:
    """Findings by check; the exit code says whether all is well."""
    said = await yibao("doctor", "--json")
    assert said.code == code, said
    return {each["check"]: each for each in said.json}


async def test_everything_well_is_told_check_by_check(yibao: Operator, stage: BusStage) -> None:
    found = await examined(yibao, 0)
    assert list(found) == CHECKS
    assert all(each["ok"] for each in found.values())
    said = await yibao("doctor")
    assert said.code == 0
    assert said.out.count("[ok ]") == len(CHECKS)
    assert "BAD" not in said.out
    settled = [call for call in await calls_of(stage, "") if call["infno"] != "1201"]
    assert settled == []


async def test_after_a_look_by_the_doctor_the_bus_serves_as_before(
    yibao: Operator, stage: BusStage
) -> None:
    await examined(yibao, 0)
    async with program(stage) as his:
        person = yibao.customers.newcomer()
        assert (await hospital(stage, his).with_card(person)).patient.psn_no == person.psn_no


async def test_a_broker_that_is_down_is_found_and_the_rest_still_examined(
    yibao: Operator, config: Path, stage: BusStage
) -> None:
    changed(config, f"127.0.0.1:{stage.node.port}/", "127.0.0.1:9/")
    found = await examined(yibao, 1)
    assert [name for name, each in found.items() if not each["ok"]] == ["broker"]
    assert "127.0.0.1:9" in found["broker"]["detail"]
    assert found["broker"]["todo_zh"]
    assert found["journal"]["ok"]
    assert found[f"centre {FIRST}"]["ok"]


async def test_a_refused_password_is_found_and_not_shown(
    yibao: Operator, config: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong-password"
    wrong.touch(mode=0o600)
    wrong.write_text("planted-secret", encoding="utf-8")
    changed(config, str(config.parent / "broker-password"), str(wrong))
    said = await yibao("doctor")
    assert said.code == 1
    assert "[BAD] broker" in said.out
    assert "planted-secret" not in said.out + said.err


async def test_a_topology_that_is_not_declared_is_found(
    yibao: Operator, config: Path, stage: BusStage
) -> None:
    changed(config, f'/{stage.vhost}"', f'/{stage.vhost}-bare"')
    stage.node.add_vhost(f"{stage.vhost}-bare")
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    granted = {"user": f"{stage.vhost}-worker", "vhost": f"{stage.vhost}-bare", **everything}
    stage.node.import_definitions({"permissions": [granted]})
    found = await examined(yibao, 1)
    bad = [name for name, each in found.items() if not each["ok"]]
    assert bad == ["topology", "permissions"]
    assert "yibao topology apply" in found["topology"]["todo_en"]
    assert (await yibao("topology", "check")).code == 1
    assert (await yibao("topology", "apply")).code == 0
    assert all(each["ok"] for each in (await examined(yibao, 0)).values())


async def test_a_centre_that_is_down_is_found_for_every_institution(
    yibao: Operator, config: Path, stage: BusStage
) -> None:
    changed(config, f"127.0.0.1:{stage.centre_port}/", "127.0.0.1:9/")
    found = await examined(yibao, 1)
    bad = [name for name, each in found.items() if not each["ok"]]
    assert bad == [f"centre {tenant}" for tenant in TENANTS]
    assert found[bad[0]]["detail"].startswith("NeverSent")
    assert "网关" in found[bad[0]]["todo_zh"]


async def test_a_journal_that_cannot_be_written_is_found(yibao: Operator, config: Path) -> None:
    changed(config, str(config.parent / "journal.sqlite3"), "/proc/journal.sqlite3")
    found = await examined(yibao, 1)
    assert [name for name, each in found.items() if not each["ok"]] == ["journal"]
    assert "/proc/journal.sqlite3" in found["journal"]["detail"]


async def test_a_journal_file_that_is_none_is_found(
    yibao: Operator, config: Path, tmp_path: Path
) -> None:
    garbage = tmp_path / "garbage.sqlite3"
    garbage.write_bytes(b"this is no journal" * 1000)
    changed(config, str(config.parent / "journal.sqlite3"), str(garbage))
    found = await examined(yibao, 1)
    assert [name for name, each in found.items() if not each["ok"]] == ["journal"]
    assert garbage.read_bytes() == b"this is no journal" * 1000


@pytest.mark.parametrize("shift_s", [90, -90])
async def test_a_clock_that_disagrees_with_the_centres_is_found(
    yibao: Operator, stage: BusStage, shift_s: int
) -> None:
    await asyncio.to_thread(stage.admin, "/clock", {"shift_s": shift_s})
    try:
        found = await examined(yibao, 1)
    finally:
        await asyncio.to_thread(stage.admin, "/clock", {"shift_s": -shift_s})
    bad = [name for name, each in found.items() if not each["ok"]]
    assert bad == [f"clock {tenant}" for tenant in TENANTS]
    assert "NTP" in found[bad[0]]["todo_en"]


async def test_a_configuration_with_faults_is_told_before_anything_else(
    yibao: Operator, config: Path
) -> None:
    changed(config, "reconnect_s_max = 0.5", "reconnect_s_max = -1\nheartbeet_s = 3")
    said = await yibao("doctor", "--json")
    assert (said.code, said.out) == (2, "")
    assert "broker.reconnect_s_max" in said.err
    assert "did you mean heartbeat_s" in said.err
