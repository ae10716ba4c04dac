"""``yibao topology``: what has to exist on the broker, declared and compared."""

import argparse
import asyncio
import json
import os
import sys

import msgspec

from bus.broker.client import Broker
from bus.broker.declare import Difference
from bus.broker.errors import TopologyConflictError
from bus.clock import SystemClock
from bus.command_line import CommandError, ExitCode, in_language
from bus.config.load import load_settings
from bus.config.settings import Settings
from bus.topology import (
    Binding,
    Exchange,
    Item,
    declaration,
)
from consumers.commands import provision
from consumers.worker import lanes_of

SUMMARY = "show, apply or check what exists on the broker; provision its users and rights"
_PROBLEMS = {
    "missing": ("missing", "缺失"),
    "differs": ("differs", "属性不一致"),
    "refused": ("refused", "被拒绝"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """The four actions."""
    parser.add_argument("action", choices=("show", "apply", "check", "provision"))
    provision.configure(parser)


def run(args: argparse.Namespace) -> int:
    """Do one action. ``check`` answers with exit code 1 when the broker differs."""
    if args.action == "provision":
        return provision.run(args)
    provision.refuse_options(args)
    settings = load_settings(args.config, os.environ)
    items = declaration(lanes_of(settings), settings.institutions)
    if args.action == "show":
        return _show(items, as_json=args.json)
    if args.action == "apply":
        return _apply(settings, items, as_json=args.json)
    return _check(settings, items, as_json=args.json)


def described(item: Item) -> str:
    """One item as a line for people."""
    if isinstance(item, Binding):
        return f"binding   {item.exchange} --{item.key or '(all)'}--> {item.queue}"
    arguments = " ".join(f"{name}={value}" for name, value in item.arguments().items())
    if isinstance(item, Exchange):
        return f"exchange  {item.name} ({item.kind}) {arguments}".rstrip()
    return f"queue     {item.name} {arguments}"


def _show(items: tuple[Item, ...], *, as_json: bool) -> int:
    if as_json:
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
