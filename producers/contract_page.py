"""The parts of docs/his-contract*.md that come from code and data, and the tool that renews them.

``python -m producers.contract_page docs`` rewrites the parts between the markers; a test holds that
nothing is left to rewrite.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from bus import topology
from bus.topology.permissions import Account, Role, rights, topic_rights
from producers.link import LinkSettings, as_message
from producers.wire import CallOptions, build_request
from schemas.contract import CentreAnswer, Reply, Times
from schemas.outcomes import outcome, outcome_codes

TENANT, USER, KEY = "H53010200001", "his-h53010200001", "bill-20261123-0001"
SENT_MS = 1_795_400_100_000
"""2026-11-23T02:15:00Z, the moment of the example on the page."""
MSGID = f"{TENANT}202611231015000001"
PAGES = {"en": "his-contract.md", "zh": "his-contract.zh-CN.md"}

_MONEY = {
    "moved": ("moved once", "已发生一次"),
    "not_moved": ("not moved", "未发生"),
    "unchanged": ("unchanged", "不变"),
    "being_settled": ("being settled", "核实中"),
}
_WORDS = {
    "en": ("code", "status", "money", "what it means", "the cashier reads", "what to do"),
    "zh": ("代码", "状态", "资金", "窗口提示", "处理办法"),
}
_MARK = re.compile(r"(<!-- begin (\w+) -->\n)(.*?)(<!-- end \2 -->)", re.DOTALL)


def filled(page: str, language: str, examples: Path) -> str:
    """The page with every marked part made anew. ``examples`` is docs/examples."""
    parts: dict[str, Callable[[], str]] = {
        "outcomes": lambda: outcome_table(language),
        "permissions": lambda: permission_table(language),
        "request": lambda: request_text(examples),
        "reply": lambda: reply_text(examples),
    }
    return _MARK.sub(lambda found: found[1] + parts[found[2]]() + found[4], page)


def outcome_table(language: str) -> str:
    """Every code of ``schemas/data/outcomes.toml`` as a table."""
    rows: list[tuple[str, ...]] = []
    for code, entry in outcome_codes().items():
        english, chinese = _MONEY[entry.money]
        if language == "en":
            todo = f"{entry.todo_en}<br>{entry.todo_zh}" if entry.todo_en else ""
            rows.append((f"`{code}`", f"`{entry.status}`", english, entry.en, entry.zh, todo))
        else:
            rows.append((f"`{code}`", f"`{entry.status}`", chinese, entry.zh, entry.todo_zh))
    return _table(_WORDS[language], rows)


def permission_table(language: str) -> str:
    """What the broker user of the example institution may do."""
    account = Account(user=USER, role=Role.HIS, tenant=TENANT)
    may = rights(account)
    rows = [
        ("configure", f"`{may.configure}`"),
        ("write", f"`{may.write}`"),
        ("read", f"`{may.read}`"),
    ]
    for exchange, (write, read) in topic_rights(account).items():
        rows += [(f"topic write, `{exchange}`", f"`{write}`")] if write != "^$" else []
        rows += [(f"topic read, `{exchange}`", f"`{read}`")] if read != "^$" else []
    head = ("right", "names it covers") if language == "en" else ("权限", "适用名称")
    return _table(head, [(name, text.replace("|", r"\|")) for name, text in rows])


def request_text(examples: Path) -> str:
    """One request as our own client sends it: exchange, properties, headers, body."""
    content = json.loads((examples / "settle-2207.json").read_text("utf-8"))
    said: CallOptions = {"key": KEY, "opter": "0001", "opter_name": "张三"}
    request = build_request("2207", content, {**said, "insuplc_admdvs": "530102"}, SENT_MS)
    queue = f"{topology.reply_queue(TENANT)}.cashier-7"
    settings = LinkSettings(url=f"amqp://{USER}@127.0.0.1", tenant=TENANT, reply_queue=queue)
    message = as_message(request, settings)
    lines = [
        f"exchange        {topology.REQUESTS_EXCHANGE}",
        f"routing key     {topology.request_key('2207', TENANT)}",
        "mandatory       true",
        f"content_type    {message.content_type}",
        f"delivery_mode   {int(message.delivery_mode)}",
        "message_id      6f1c0a52-3f0e-4c56-9d5e-0b6f2f0a7c11",
        f"correlation_id  {message.correlation_id}",
        f"reply_to        {message.reply_to}",
        f"type            {message.type}",
        f"user_id         {message.user_id}",
        *(f"header          {name}: {value!s}" for name, value in message.headers.items()),
    ]
    return _wire(lines, message.body)


def reply_text(examples: Path) -> str:
    """The reply to that request."""
    output = json.loads((examples / "settle-2207.output.json").read_text("utf-8"))
    body = example_reply(msgspec.json.encode(output))
    lines = [
        f"queue           {topology.reply_queue(TENANT)}.cashier-7",
        "content_type    application/json",
        "delivery_mode   2",
        f"correlation_id  {KEY}",
        "type            2207",
        f"header          idempotency-key: {KEY}",
    ]
    return _wire(lines, body)


def example_reply(output: bytes) -> bytes:
    """Body of the reply on the page."""
    entry = outcome("ok")
    return msgspec.json.encode(
        Reply(
            status=entry.status,
            code="ok",
            message=entry.zh,
            infno="2207",
            msgid=MSGID,
            output=msgspec.Raw(output),
            centre=CentreAnswer(infcode="0", inf_refmsgid="530000202611231015010000000001"),
            attempts=1,
            times=Times(
                received="2026-11-23T02:15:00.020Z",
                sent="2026-11-23T02:15:00.031Z",
                answered="2026-11-23T02:15:01.204Z",
            ),
        )
    )


def main(folder: Path) -> int:
    """Rewrite both pages under ``folder``; the number of pages that changed."""
    changed = 0
    for language, name in PAGES.items():
        file = folder / name
        old = file.read_text("utf-8")
        new = filled(old, language, folder / "examples")
        if new != old:
            file.write_text(new, encoding="utf-8")
            changed += 1
    return changed


def _wire(lines: list[str], body: bytes) -> str:
    text = body.decode()
    return "```text\n" + "\n".join(lines) + f"\n\n{text}\n```\n\n{len(body)} bytes\n"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
