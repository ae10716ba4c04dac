"""``yibao topology provision``: who may do what on the broker. Users, rights, passwords.

The configuration names the users; their rights follow from their duty, see
``bus.topology.permissions``. What exists on the broker (exchanges, queues, bindings) is for
``apply`` and the worker to declare.
"""

import argparse
import json
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bus.broker.management import Management
from bus.command_line import CommandError, ExitCode, in_language
from bus.config.load import load_settings
from bus.config.secret import read_secret
from bus.config.settings import Settings
from bus.topology import Account, Role, definitions
from bus.topology.difference import Change, Document, differences, hash_for, to_import
from bus.topology.permissions import SALT_BYTES
from consumers.passwords import Passwords, write_private

CREDENTIALS_ENV = "YIBAO_MANAGEMENT"
PASSWORDS_FOLDER = Path("secrets")
_PROBLEMS = {
    "missing": ("missing", "缺失"),
    "differs": ("differs", "不一致"),
    "surplus": ("not in the configuration", "配置中没有"),
}
_OPTIONS = ("definitions", "management", "credentials", "ca_file", "passwords", "check")


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this action."""
    group = parser.add_argument_group("provision: one of --definitions and --management")
    group.add_argument(
        "--definitions",
        type=Path,
        metavar="FILE",
        help="write a document for `rabbitmqctl import_definitions` or load_definitions",
    )
    group.add_argument(
        "--management",
        metavar="URL",
        help="use the management API at https://host:15671 (http on loopback only)",
    )
    group.add_argument(
        "--credentials",
        type=Path,
        metavar="FILE",
        help=f"one line <user>:<password> of an administrator (or in ${CREDENTIALS_ENV})",
    )
    group.add_argument(
        "--ca-file", metavar="FILE", help="authority (PEM) of an https address; else the system's"
    )
    group.add_argument(
        "--passwords",
        type=Path,
        metavar="DIR",
        help="a file <user>.password for each user, made when missing (default: secrets beside the "
        "configuration)",
    )
    group.add_argument(
        "--check",
        "--dry-run",
        action="store_true",
        help="change nothing, list the differences; exit code 1 when there are some",
    )
    group.add_argument(
        "--remove-others",
        action="store_true",
        help="take the rights on this virtual host from users the configuration does not name",
    )


def refuse_options(args: argparse.Namespace) -> None:
    """The other actions take none of these."""
    given = [name for name in (*_OPTIONS, "remove_others") if getattr(args, name)]
    if given:
        option = f"--{given[0].replace('_', '-')}"
        raise _usage(f"{option} belongs to provision", f"{option} 只用于 provision")


def run(args: argparse.Namespace) -> int:
    """Compare, tell, and unless ``--check`` change."""
    if bool(args.definitions) == bool(args.management):
        raise _usage(
            "provision needs one of --definitions FILE and --management URL",
            "provision 须在 --definitions 文件 与 --management 地址 中选一个",
        )
    settings = load_settings(args.config, os.environ, secrets=False)
    folder = args.passwords or args.config.absolute().parent / PASSWORDS_FOLDER
    passwords = Passwords(folder, settings.broker, os.environ)
    if args.definitions:
        return _to_file(args, settings, passwords)
    return _to_broker(args, settings, passwords)


def accounts_of(settings: Settings) -> Iterator[Account]:
    """The broker users the configuration names."""
    broker = settings.broker
    yield Account(user=broker.user, role=Role.WORKER)
    yield from (Account(user=user, role=Role.OPERATOR) for user in broker.operators)
    yield from (Account(user=user, role=Role.MONITOR) for user in broker.monitors)
    for tenant, institution in settings.institutions.items():
        for users, role in ((institution.users, Role.HIS), (institution.bridges, Role.BRIDGE)):
            yield from (Account(user=user, role=role, tenant=tenant) for user in users)


def _to_file(args: argparse.Namespace, settings: Settings, passwords: Passwords) -> int:
    found = _document_in(args.definitions)
    wanted = _wanted(settings, found, passwords, make=not args.check)
    changes = differences(wanted, found, settings.broker.vhost)
    if not args.check:
        text = json.dumps(wanted, ensure_ascii=False, indent=1) + "\n"
        try:
            write_private(args.definitions, text, new=False)
        except OSError as error:
            raise _usage(
                f"{args.definitions}: {error.strerror}", f"无法写入 {args.definitions}"
            ) from None
    return _told(args, changes, passwords, done=len(changes))


def _to_broker(args: argparse.Namespace, settings: Settings, passwords: Passwords) -> int:
    user, password = _credentials(args.credentials)
    vhost = settings.broker.vhost
    with Management(args.management, user, password, args.ca_file or "") as management:
        found = management.definitions()
        wanted = _wanted(settings, found, passwords, make=not args.check)
        changes = differences(wanted, found, vhost)
        others = [each for each in changes if each.problem == "surplus"]
        if not args.check and len(others) < len(changes):
            management.import_(to_import(changes))
            if any(each.kind == "vhosts" for each in changes):
                management.clear(user, vhost)  # the broker gives a new one to whoever made it
        if not args.check and args.remove_others:
            for each in others:
                management.clear(each.name.removesuffix(f" {vhost}"), vhost)
    done = len(changes) - (0 if args.remove_others else len(others))
    return _told(args, changes, passwords, done=done)


def _wanted(
    settings: Settings, found: Document, passwords: Passwords, *, make: bool
) -> dict[str, Any]:
    """The document of the configuration. A user whom the broker knows and whose password nobody
    kept here keeps it: a new one would lock a running HIS out."""
    there = {str(each.get("name")): each for each in found.get("users", ())}
    accounts = []
    for account in accounts_of(settings):
        password = passwords.known(account.user)
        kept = str(there.get(account.user, {}).get("password_hash") or "")
        if not password and not kept and make:
            password = passwords.make(account.user)
        salt = secrets.token_bytes(SALT_BYTES)
        hashed = hash_for(password, found, account.user, salt) if password else kept
        # In a check a user to be made has no password yet; any text makes the difference visible.
        accounts.append(msgspec.structs.replace(account, password_hash=hashed or "to be made"))
    return definitions((), settings.broker.vhost, accounts)


def _document_in(file: Path) -> Document:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _usage(f"{file}: {error.strerror}", f"无法读取 {file}") from None
    except ValueError:
        raise _usage(
            f"{file} is there and is no definitions file; it is left alone",
            f"{file} 已存在且不是定义文件，未改动",
        ) from None


def _credentials(file: Path | None) -> tuple[str, str]:
    text = read_secret(str(file or ""), "" if file else CREDENTIALS_ENV, os.environ)
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise _usage(
            "the administrator's credentials are one line <user>:<password>",
            "管理员凭据应为一行：用户:密码",
        )
    return user, password


def _told(
    args: argparse.Namespace, changes: tuple[Change, ...], passwords: Passwords, *, done: int
) -> int:
    if args.json:
        told = {
            "changes": [
                {part: getattr(each, part) for part in ("kind", "name", "problem", "detail")}
                for each in changes
            ],
            "changed": 0 if args.check else done,
            "passwords_made": [str(file) for file in passwords.made],
        }
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("".join(_line(each) for each in changes))
        sys.stdout.write("".join(_made(file) for file in passwords.made))
        if not changes:
            said = in_language("users and rights are as configured", "用户和权限与配置一致")
        elif args.check:
            said = in_language(f"{len(changes)} differ", f"{len(changes)} 处不一致")
        else:
            said = in_language(
                f"{done} of {len(changes)} changed", f"{len(changes)} 处中已改 {done} 处"
            )
        sys.stdout.write(said + "\n")
    return ExitCode.NEGATIVE if args.check and changes else ExitCode.OK


def _line(change: Change) -> str:
    words = in_language(*_PROBLEMS[change.problem]).replace("\n", " ")
    return f"{words}: {change.kind} {change.name}  {change.detail}".rstrip() + "\n"


def _made(file: Path) -> str:
    return in_language(f"new password in {file}", f"新密码已写入 {file}") + "\n"


def _usage(en: str, zh: str) -> CommandError:
    return CommandError(en, zh, ExitCode.USAGE)
