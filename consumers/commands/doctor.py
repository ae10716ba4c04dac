"""``yibao doctor``: is everything there that a settlement needs? Changes nothing."""

import argparse
import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from bus.broker.client import Broker
from bus.broker.port import Message, PublishFailedError
from bus.clock import CENTRE_ZONE, Clock, SystemClock, centre_time
from bus.command_line import ExitCode, in_language
from bus.config.load import load_settings
from bus.config.settings import Settings
from bus.gateway.envelope import EnvelopeHead, build_envelope, inf_time
from bus.gateway.port import Answered, GatewayCall
from bus.journal.open import open_journal, place_of
from bus.masking import masked_error
from bus.topology import EVENTS_EXCHANGE, centre_event, declaration
from consumers.institution import Institution
from consumers.worker import build_institutions, lanes_of

SUMMARY = "check configuration, broker, permissions, journal, centre and clock"
PROBE_S = 10.0
PROBE_INFNO = "1201"
"""A query about the institution itself: no patient, nothing written; any answer will do."""
SKEW_S_MAX = 60
"""Gateways that sign with a time stamp refuse a clock that is off by more than minutes."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One check: what was looked at, whether it is well, and what to do when it is not."""

    check: str
    ok: bool
    detail: str = ""
    todo_en: str = ""
    todo_zh: str = ""


def configure(parser: argparse.ArgumentParser) -> None:
    """No options of its own."""
    del parser


def run(args: argparse.Namespace) -> int:
    """Print every finding; the configuration's own faults are reported by the command line."""
    settings = load_settings(args.config, os.environ)
    findings = asyncio.run(examine(settings, args.config))
    if args.json:
        sys.stdout.write(json.dumps(msgspec.to_builtins(findings), ensure_ascii=False) + "\n")
    else:
        for finding in findings:
            sys.stdout.write(as_text(finding))
    return ExitCode.OK if all(finding.ok for finding in findings) else ExitCode.NEGATIVE


def as_text(finding: Finding) -> str:
    """One finding for people."""
    mark = "ok " if finding.ok else "BAD"
    line = f"[{mark}] {finding.check}: {finding.detail}\n"
    if finding.ok:
        return line
    return line + f"      {in_language(finding.todo_en, finding.todo_zh)}\n"


async def examine(settings: Settings, config: Path) -> list[Finding]:
    """All checks; one that fails does not keep the others from being made."""
    clock = SystemClock()
    findings = [Finding(check="config", ok=True, detail=str(config))]
    findings += await guarded("journal", partial(journal, settings, clock))
    findings += await guarded("broker", partial(broker, settings, clock))
    institutions, gateways = build_institutions(settings, clock)
    for code, institution in institutions.items():
        findings += await guarded(f"centre {code}", partial(centre, institution, clock))
    for gateway in gateways.values():
        await gateway.close()
    return findings


async def guarded(name: str, check: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    """The check's findings, or one that says why it could not be made."""
    try:
        return await check()
    except Exception as error:  # noqa: BLE001 - whatever is broken is a finding
        return [
            Finding(
                check=name,
                ok=False,
                detail=masked_error(error),
                todo_en="mend what the text says, then run doctor again",
                todo_zh="按提示处理后再次运行 doctor",
            )
        ]


async def journal(settings: Settings, clock: Clock) -> list[Finding]:
    """A durable write works."""
    book = open_journal(settings.journal, clock)
    await book.open()
    try:
        await book.check()
    finally:
        await book.close()
    where = place_of(settings.journal)
    return [Finding(check="journal", ok=True, detail=f"{where}: durable write")]


async def broker(settings: Settings, clock: Clock) -> list[Finding]:
    """Connects, has what the bus needs, and lets the worker publish."""
    client = await Broker.connect(settings.broker, clock)
    try:
        wanted = declaration(lanes_of(settings), settings.institutions)
        differences = await client.check(wanted)
        topology = Finding(
            check="topology",
            ok=not differences,
            detail=f"{len(wanted)} items, {len(differences)} differ",
            todo_en="yibao topology check names them, yibao topology apply declares them",
            todo_zh="用 yibao topology check 查看，用 yibao topology apply 建立",
        )
        permissions = await publishing(client)
    finally:
        await client.close()
    found = Finding(check="broker", ok=True, detail=settings.broker.url)
    return [found, topology, permissions]


async def publishing(client: Broker) -> Finding:
    """The worker may publish: an event nobody reads."""
    message = Message(
        body=b"{}", exchange=EVENTS_EXCHANGE, routing_key=centre_event("doctor"), mandatory=False
    )
    try:
        await client.publish(message)
    except PublishFailedError as error:
        return Finding(
            check="permissions",
            ok=False,
            detail=str(error),
            todo_en="yibao topology provision gives users their rights; then yibao topology apply",
            todo_zh="先用 yibao topology provision 授权，再用 yibao topology apply 建立拓扑",
        )
    return Finding(check="permissions", ok=True, detail="the worker may publish")


async def centre(institution: Institution, clock: Clock) -> list[Finding]:
    """The gateway answers, and its clock and ours agree."""
    outcome = await institution.gateway.call(probe(institution, clock))
    name = f"centre {institution.code}"
    if not isinstance(outcome, Answered):
        return [
            Finding(
                check=name,
                ok=False,
                detail=f"{type(outcome).__name__}: {outcome.reason} {outcome.detail}".rstrip(),
                todo_en="check address, private network and DNS of the gateway",
                todo_zh="检查网关地址、医保专网和域名解析",
            )
        ]
    return [
        Finding(check=name, ok=True, detail=f"answers (HTTP {outcome.http_status})"),
        clock_finding(institution.code, outcome.body, clock.now_ms()),
    ]


def probe(institution: Institution, clock: Clock) -> GatewayCall:
    """A query without a patient. Its msgid is of a past second, so it takes no real number."""
    now_ms = clock.now_ms()
    msgid = f"{institution.code[:12]}19700101000000{now_ms % 10_000:04d}"
    profile = institution.catalogue.profile
    head = EnvelopeHead(
        infno=PROBE_INFNO,
        msgid=msgid,
        mdtrtarea_admvs=institution.area,
        recer_sys_code=profile.recer_sys_code,
        infver=profile.infver,
        opter_type="1",
        opter="doctor",
        opter_name="doctor",
        inf_time=inf_time(now_ms),
        fixmedins_code=institution.code,
        fixmedins_name=institution.settings.name,
    )
    asked = {
        "medinsinfo": {
            "fixmedins_type": "1",
            "fixmedins_name": institution.settings.name,
            "fixmedins_code": institution.code,
        }
    }
    body = build_envelope(head, institution.catalogue[PROBE_INFNO].encode_input(asked))
    return GatewayCall(
        tenant=institution.code,
        infno=PROBE_INFNO,
        msgid=msgid,
        body=body,
        deadline_s=PROBE_S,
        probe_ok=True,
    )


def clock_finding(code: str, body: bytes, now_ms: int) -> Finding:
    """The centre's respond_time (yyyyMMddHHmmssSSS) against our clock."""
    found = re.search(rb'"(?:respond_time|refmsg_time)"\s*:\s*"(\d{14})\d{0,3}"', body)
    if found is None:
        return Finding(check=f"clock {code}", ok=True, detail="the centre names no time")
    theirs = datetime.strptime(found[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=CENTRE_ZONE)
    skew_s = (centre_time(now_ms) - theirs).total_seconds()
    return Finding(
        check=f"clock {code}",
        ok=abs(skew_s) <= SKEW_S_MAX,
        detail=f"ours is {skew_s:+.0f} s from the centre's",
        todo_en="synchronise this machine's clock (NTP)",
        todo_zh="校准本机时钟（NTP）",
    )
