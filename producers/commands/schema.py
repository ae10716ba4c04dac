"""``yibao schema``: the transaction catalogue for people, and as JSON Schema for programs."""

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from bus.command_line import CommandError, ExitCode
from schemas.catalogue import (
    DEFAULT_PROFILE,
    Catalogue,
    UnknownTransactionError,
    classified,
    everything,
    load,
)
from schemas.data_files import names
from schemas.difference import differences
from schemas.fields import Field
from schemas.nodes import Node
from schemas.profile import UnknownProfileError
from schemas.readable import aligned, listing, page
from schemas.transaction import Transaction

SUMMARY = "the transactions: list, show one as a table, export JSON Schema 查看交易目录与字段"


SHOWN_MAX = 60
"""Characters of one side of a difference on a terminal; ``--json`` has all."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action, text in _ACTIONS.items():
        sub = actions.add_parser(action, help=text, description=text)
        if action == "compare":
            sub.add_argument("old", type=Path, metavar="OLD_DIR", help="earlier export 旧契约目录")
            sub.add_argument("new", type=Path, metavar="NEW_DIR", help="later export 新契约目录")
            continue
        if action == "diff":
            for side in ("left", "right"):
                sub.add_argument(side, metavar="PROFILE", help="a region 地区, such as yunnan")
            continue
        if action != "list":
            count = "?" if action == "export" else None
            sub.add_argument("infno", nargs=count, help="transaction number 交易编号, such as 2207")
        if action == "export":
            every = "write every document of the contract into this folder 导出全部文件到目录"
            sub.add_argument("--all", type=Path, metavar="DIR", help=every)
            parts = ["input", "output"]
            sub.add_argument("--part", choices=parts, default="", help="only this part")
        default = "" if action == "list" else DEFAULT_PROFILE
        words = default or "the whole interface 全部"
        sub.add_argument("--profile", default=default, help=f"region 地区 (default: {words})")


def run(args: argparse.Namespace) -> int:
    """Print what was asked for; unknown transactions and profiles are usage errors."""
    if args.action == "compare":
        return _compare(args)
    try:
        if args.action == "diff":
            sys.stdout.write(_diff(args))
            return ExitCode.OK
        catalogue = load(args.profile) if args.profile else everything()
        if args.action == "export" and (args.all is None) == (args.infno is None):
            raise CommandError(
                "name one transaction, or --all DIR",
                "请指定一个交易编号，或 --all 目录",
                ExitCode.USAGE,
            )
        whole = args.action == "export" and args.all is not None
        text = _export_all(args, catalogue) if whole else _text(args, catalogue)
    except UnknownProfileError as error:
        zh = f"没有地区配置 {error.args[0]}"
        raise CommandError(str(error), zh, ExitCode.USAGE) from error
    except UnknownTransactionError as error:
        zh = f"地区配置 {args.profile} 中没有交易 {args.infno}"
        raise CommandError(str(error), zh, ExitCode.USAGE) from error
    sys.stdout.write(text)
    return ExitCode.OK


_ACTIONS = {
    "list": "all transactions, of a region or of the whole interface 列出全部交易",
    "diff": "what two regions do differently 比较两个地区",
    "show": "one transaction as a table 查看一个交易",
    "export": "JSON Schema of one transaction, or all documents of the contract 导出交易契约",
    "compare": "what changed between two exports, and what breaks a HIS 比较两份契约",
}


def _compare(args: argparse.Namespace) -> int:
    # Only here: comparing and exporting need what no other action does.
    from producers.contracts.actions import compare_folders  # noqa: PLC0415

    text, code = compare_folders(args.old, args.new, as_json=args.json)
    sys.stdout.write(text)
    return code


def _export_all(args: argparse.Namespace, catalogue: Catalogue) -> str:
    from producers.contracts.actions import export_all  # noqa: PLC0415 - as above

    return export_all(catalogue, args.all, as_json=args.json)


def _diff(args: argparse.Namespace) -> str:
    found = differences(load(args.left), load(args.right))
    if args.json:
        return _json(found)
    head = ("what", "place", args.left, args.right)
    rows = [(one.what, one.place, _short(one.left), _short(one.right)) for one in found]
    return "\n".join(aligned([head, *rows])) + "\n"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."


def _text(args: argparse.Namespace, catalogue: Catalogue) -> str:
    if args.action == "list":
        every = [catalogue[key] for key in (catalogue.infnos() if args.profile else classified())]
        return _json([_row(one) for one in every]) if args.json else listing(every)
    transaction = catalogue[args.infno]
    if args.action == "export":
        return _json(transaction.json_schema(args.part))
    return _json(_whole(transaction)) if args.json else page(transaction)


def _row(one: Transaction) -> dict[str, Any]:
    """The facts of a list: with how many fields it has, and the regions it exists in."""
    roots = (one.inputs, one.outputs, one.files)
    fields = sum(len(node.fields) for root in roots for _, node in root.walk())
    here = [name for name in names("profiles") if _exists(one, load(name))]
    return {**_facts(one), "fields": fields, "profiles": here}


def _exists(one: Transaction, catalogue: Catalogue) -> bool:
    return one.infno in catalogue and catalogue[one.infno].edition == one.edition


def _facts(one: Transaction) -> dict[str, Any]:
    left_out = {"inputs", "outputs", "files", "codes", "notes"}
    kept = [name for name in Transaction.__struct_fields__ if name not in left_out]
    return {**{name: getattr(one, name) for name in kept}, "listed": one.listed}


def _whole(one: Transaction) -> dict[str, Any]:
    nodes = {"input": _node(one.inputs), "output": _node(one.outputs)}
    if one.files.nodes:
        nodes["file"] = _node(one.files)
    return {**_facts(one), "notes": one.notes, **nodes}


def _node(node: Node) -> dict[str, Any]:
    held = msgspec.to_builtins(node)
    held["fields"] = [_field(field) for field in node.fields]
    held["nodes"] = [_node(child) for child in node.nodes]
    return dict(held)


def _field(field: Field) -> dict[str, Any]:
    return {"type": field.type_text, **msgspec.to_builtins(field)}


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode("utf-8") + "\n"
