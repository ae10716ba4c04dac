"""``yibao topology``: what has to exist on the broker, declared and compared."""

import argparse
import asyncio
import json
import os
import sys
from urllib.parse import unquote, urlsplit

import msgspec

from bus.broker.client import Broker
from bus.broker.declare import Difference
from bus.broker.errors import TopologyConflictError
from bus.clock import SystemClock
from bus.command_line import CommandError, ExitCode, in_language
from bus.config.load import load_settings
from bus.config.settings import Settings
from bus.topology import (
    Account,
    Binding,
    Exchange,
    Item,
    Role,
    declaration,
    definitions,
)
from consumers.worker import lanes_of

SUMMARY = "show, apply or check the exchanges, queues and bindings on the broker"
_PROBLEMS = {
    "missing": ("missing", "缺失"),
    "differs": ("differs", "属性不一致"),
    "refused": ("refused", "被拒绝"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """The three actions."""
    parser.add_argument("action", choices=("show", "apply", "check"))
    parser.add_argument(
        "--definitions",
        action="store_true",
        help="with show: a document for `rabbitmqctl import_definitions`, with the permissions of "
        "every user in the configuration (create the users first: passwords are not in it)",
    )


def run(args: argparse.Namespace) -> int:
    """Do one action. ``check`` answers with exit code 1 when the broker differs."""
    settings = load_settings(args.config, os.environ)
    items = declaration(lanes_of(settings), settings.institutions)
    if args.action == "show":
        return _show(settings, items, args)
    if args.action == "apply":
        return _apply(settings, items, as_json=args.json)
    return _check(settings, items, as_json=args.json)


def accounts_of(settings: Settings) -> tuple[Account, ...]:
    """The broker users the configuration names: the worker's, and those of every HIS."""
    worker = unquote(urlsplit(settings.broker.url).username or "")
    return (
        Account(user=worker, role=Role.WORKER),
        *(
            Account(user=user, role=Role.HIS, tenant=tenant)
            for tenant, institution in settings.institutions.items()
            for user in institution.users
        ),
    )


def described(item: Item) -> str:
    """One item as a line for people."""
    if isinstance(item, Binding):
        return f"binding   {item.exchange} --{item.key or '(all)'}--> {item.queue}"
    arguments = " ".join(f"{name}={value}" for name, value in item.arguments().items())
    if isinstance(item, Exchange):
        return f"exchange  {item.name} ({item.kind}) {arguments}".rstrip()
    return f"queue     {item.name} {arguments}"


def _show(settings: Settings, items: tuple[Item, ...], args: argparse.Namespace) -> int:
    if args.definitions:
        vhost = unquote(urlsplit(settings.broker.url).path[1:]) or "/"
        _print_json(definitions(items, vhost, accounts_of(settings)))
    elif args.json:
        _print_json(msgspec.to_builtins(items))
    else:
        sys.stdout.write("".join(f"{described(item)}\n" for item in items))
    return ExitCode.OK


def _apply(settings: Settings, items: tuple[Item, ...], *, as_json: bool) -> int:
    try:
        asyncio.run(_connected(settings, items))
    except TopologyConflictError as error:
        raise CommandError(
            f"something exists with other properties: {error}. What stands before it is declared. "
            "A queue's properties cannot be changed: empty it, delete it, apply again",
            f"已存在同名但属性不同的对象：{error}。其前的对象已建立。队列属性无法修改："
            "请先处理完队列中的消息并删除该队列，再重新执行",
        ) from None
    if as_json:
        _print_json({"applied": len(items)})
    else:
        sys.stdout.write(
            in_language(f"{len(items)} items are in place", f"{len(items)} 项均已就绪") + "\n"
        )
    return ExitCode.OK


async def _connected(settings: Settings, items: tuple[Item, ...]) -> None:
    broker = await Broker.connect(settings.broker, SystemClock(), declare=items)
    await broker.close()


def _check(settings: Settings, items: tuple[Item, ...], *, as_json: bool) -> int:
    differences = asyncio.run(_differences(settings, items))
    if as_json:
        _print_json(msgspec.to_builtins(differences))
    else:
        sys.stdout.write("".join(_line(each) for each in differences))
        if not differences:
            sys.stdout.write(in_language("the broker has it all", "消息服务与声明一致") + "\n")
    return ExitCode.NEGATIVE if differences else ExitCode.OK


async def _differences(settings: Settings, items: tuple[Item, ...]) -> tuple[Difference, ...]:
    broker = await Broker.connect(settings.broker, SystemClock())
    try:
        return await broker.check(items)
    finally:
        await broker.close()


def _line(difference: Difference) -> str:
    words = in_language(*_PROBLEMS[difference.problem]).replace("\n", " ")
    return f"{words}: {described(difference.item)}  {difference.detail}".rstrip() + "\n"


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
