"""``yibao parked``: what nobody could process, listed without being consumed, and replayed.

Bodies hold identities and are never printed: a parked message is known by a short digest.
"""

import argparse
import asyncio
import hashlib
import json
import os
import sys

import msgspec

from bus.broker.client import Broker
from bus.broker.port import Delivery, Message, Publisher
from bus.clock import SystemClock
from bus.command_line import CommandError, ExitCode, in_language
from bus.config.load import load_settings
from bus.masking import masked_text
from bus.topology import PARKED_QUEUE, REQUESTS_EXCHANGE
from consumers.intake import SENDER, text_header
from consumers.parking import WITHHELD

SUMMARY = "list parked messages, show one, or send them on again"
LIMIT_DEFAULT = 200
"""Messages looked at in one go. They are held while the command runs, bodies included."""
ID_CHARS = 12
_OURS = ("x-park-", "x-original-", "x-first-death-", "x-last-death-", "x-death", "x-delivery-")
"""Headers that tell how a message came to be parked; a replayed message starts without a story."""
_LOOKED_AT = "x-delivery-count"
"""The broker counts our own looking."""


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """A parked message for people and programs: no body, no identity."""

    id: str
    reason: str
    detail: str
    parked_at: str
    routing_key: str
    queue: str
    message_id: str
    body_bytes: int
    headers: dict[str, str]


def configure(parser: argparse.ArgumentParser) -> None:
    """The three actions."""
    parser.add_argument("action", choices=("list", "show", "replay"))
    parser.add_argument("id", nargs="?", default="", help="of one message, as `list` prints it")
    parser.add_argument("--reason", default="", help="only messages parked for this reason")
    parser.add_argument("--all", action="store_true", help="with replay: every listed message")
    parser.add_argument("--limit", type=int, default=LIMIT_DEFAULT, help="look at so many at most")


def run(args: argparse.Namespace) -> int:
    """Do one action."""
    if args.action == "show" and not args.id:
        raise _usage("show needs the id of a message", "show 需要消息编号")
    if args.action == "replay" and bool(args.id) == bool(args.all or args.reason):
        raise _usage(
            "replay needs an id, or --reason, or --all", "replay 需要消息编号，或 --reason、--all"
        )
    return asyncio.run(_run(args))


def parked(delivery: Delivery) -> Parked:
    """What may be told about a parked message."""
    headers = {
        name: masked_text(str(value))
        for name, value in delivery.headers.items()
        if name != _LOOKED_AT
    }
    mark = f"{delivery.message_id}\n{headers.get('x-park-at', '')}\n".encode() + delivery.body
    return Parked(
        id=hashlib.sha256(mark).hexdigest()[:ID_CHARS],
        reason=headers.get("x-park-reason", "unknown"),
        detail=headers.get("x-park-detail", ""),
        parked_at=headers.get("x-park-at", ""),
        routing_key=headers.get("x-original-routing-key", ""),
        queue=headers.get("x-original-queue", ""),
        message_id=masked_text(delivery.message_id),
        body_bytes=len(delivery.body),
        headers=headers,
    )


async def replay(publisher: Publisher, delivery: Delivery, user: str) -> None:
    """Send it on under its original routing key, confirmed, then take it out of the queue.

    A request goes through the front door again, where its key makes it harmless and its first
    sender is checked anew: ``user``, under whose name it goes, vouches for that header and no
    more. A reply that had no queue goes to that queue, under nobody's name.
    ``PublishFailedError`` leaves it parked.
    """
    if WITHHELD in delivery.headers:
        raise CommandError(
            "a parked message has lost what looked like an identity in its properties, perhaps its "
            "key: it cannot be sent on, it stays parked. Let the HIS ask again with the same key",
            "该消息的属性中含疑似身份信息，停放时已去除（可能含幂等键），不能重新投递，仍保留在停放队列。"
            "请 HIS 用同一幂等键再问",
        )
    key = delivery.headers.get("x-original-routing-key")
    queue = delivery.headers.get("x-original-queue")
    if not isinstance(key, str) and not isinstance(queue, str):
        raise CommandError(
            "a parked message does not say where it came from; it stays parked",
            "该消息没有来源信息，无法重新投递，仍保留在暂存队列",
        )
    headers: dict[str, str | int] = {
        name: value
        for name, value in delivery.headers.items()
        if isinstance(value, str | int) and not name.startswith(_OURS)
    }
    request = isinstance(key, str)
    if request:
        headers[SENDER] = text_header(delivery, SENDER)
    message = Message(
        body=delivery.body,
        exchange=REQUESTS_EXCHANGE if request else "",
        routing_key=key if isinstance(key, str) else str(queue),
        message_id=delivery.message_id,
        correlation_id=delivery.correlation_id,
        type=delivery.type,
        reply_to=delivery.reply_to,
        user_id=user if request else "",
        headers=headers,
    )
    await publisher.publish(message)
    delivery.ack()


async def _run(args: argparse.Namespace) -> int:
    settings = load_settings(args.config, os.environ).broker
    broker = await Broker.connect(settings, SystemClock())
    held: list[Delivery] = []
    try:
        while len(held) < args.limit and (one := await broker.get(PARKED_QUEUE)) is not None:
            held.append(one)
        chosen = [each for each in held if _wanted(each, args)]
        return await _act(broker, settings.user, chosen, args)
    finally:
        for each in held:
            each.requeue()  # does nothing for what was replayed
        await broker.close()


async def _act(broker: Broker, user: str, chosen: list[Delivery], args: argparse.Namespace) -> int:
    if args.id and not chosen:
        raise CommandError(
            f"no parked message {args.id} among the first {args.limit}",
            f"前 {args.limit} 条暂存消息中没有 {args.id}",
        )
    if args.action == "replay":
        for each in chosen:
            await replay(broker, each, user)
    found = [parked(each) for each in chosen]
    if args.json:
        sys.stdout.write(json.dumps(msgspec.to_builtins(found), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("".join(_as_text(each, whole=args.action == "show") for each in found))
        sys.stdout.write(_summary(args.action, len(found)) + "\n")
    return ExitCode.OK


def _wanted(delivery: Delivery, args: argparse.Namespace) -> bool:
    facts = parked(delivery)
    return (not args.id or facts.id == args.id) and (not args.reason or facts.reason == args.reason)


def _as_text(facts: Parked, *, whole: bool) -> str:
    where = facts.routing_key or facts.queue
    line = f"{facts.id}  {facts.parked_at:<24}  {facts.reason}  {where}  {facts.body_bytes} bytes\n"
    if not whole:
        return line
    rows = {"message-id": facts.message_id, **facts.headers}
    return line + "".join(f"  {name}: {value}\n" for name, value in sorted(rows.items()))


def _summary(action: str, count: int) -> str:
    if action == "replay":
        return in_language(f"{count} sent on again", f"已重新投递 {count} 条")
    return in_language(f"{count} parked", f"暂存 {count} 条")


def _usage(en: str, zh: str) -> CommandError:
    return CommandError(en, zh, ExitCode.USAGE)
