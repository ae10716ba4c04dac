"""``yibao call``: one transaction from the command line, also for programs without AMQP."""

import argparse
import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from bus.command_line import CommandError, ExitCode
from bus.config.load import load_settings, read_secret
from bus.topology import reply_queue
from producers.client import HisClient
from producers.errors import (
    BadRequestError,
    HisClientError,
    KeyReusedError,
    OutcomeUnknownError,
)
from producers.key_file import FileKeyStore
from producers.link import LinkSettings
from producers.wire import DEADLINE_S, Answer, CallOptions, new_key
from schemas.contract import Status
from schemas.outcomes import outcome_codes

SUMMARY = "send one transaction and print its reply 发送一笔交易并显示结果"

EXIT_IN_DOUBT = 4
"""The outcome is not known yet: run the same command with the same ``--key`` again."""
INPUT_BYTES_MAX = 134_217_728
"""The largest body a bus can be set to take (worker.body_bytes_max); a file that is larger, or has
no end, is not read any further."""
QUEUE_UNUSED_MS = 60_000
"""The reply queue of one command is gone a minute after the command."""

_EPILOG = (
    "Exit codes: 0 succeeded, 1 any other final outcome, 4 in doubt or unknown (ask again with the"
    " same --key), 2 wrong usage, 3 nothing was sent. The file is the transaction's `input` object,"
    " amounts as text. The address comes from --url, $YIBAO_URL, or the configuration file."
)
_USAGE_FAULTS = (BadRequestError, KeyReusedError)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.epilog = _EPILOG
    parser.add_argument("infno", help="transaction number 交易编号, such as 2207")
    parser.add_argument("--tenant", required=True, help="institution 定点医药机构编号")
    parser.add_argument("--input", required=True, metavar="FILE|-", help="JSON file, - for stdin")
    parser.add_argument("--key", default="", help="idempotency key 幂等键 (default: a new one)")
    parser.add_argument("--deadline-s", type=float, default=DEADLINE_S, metavar="N")
    parser.add_argument("--wait-s", type=float, metavar="N", help="how long to wait for the reply")
    for name, text in _TEXTS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", default="", help=text)
    parser.add_argument("--direct", action="store_true", help="direct reply-to, no reply queue")
    parser.add_argument("--url", default="", help="amqps://user@host:port/vhost, no password in it")
    parser.add_argument(
        "--password-file", type=Path, metavar="PATH", help="file with the password for --url"
    )
    parser.add_argument(
        "--keys", type=Path, metavar="PATH", help="key store (default: $YIBAO_KEYS)"
    )


_KEYS_HELP = "key store 幂等键文件 (default: $YIBAO_KEYS, else ~/.local/state/yibao/keys.sqlite3)"
_TEXTS = {
    "opter": "operator 经办人",
    "opter_name": "operator's name 经办人姓名",
    "opter_type": "operator type 经办人类别 (default: 1)",
    "insuplc_admdvs": "insured place 参保地医保区划",
    "desk": "desk 收费窗口",
    "after_batch": "fee batch to wait for 须先完成的明细批次",
}


def run(args: argparse.Namespace) -> int:
    """Send, print the reply, choose the exit code."""
    content = _content(args.input)
    try:
        answer = asyncio.run(_call(args, content))
    except OutcomeUnknownError as error:
        sys.stderr.write(
            f"结果未知：请用同一幂等键再次查询，不要重复结算\nyibao: {error}\n  --key {error.key}\n"
        )
        return EXIT_IN_DOUBT
    except HisClientError as error:
        code = ExitCode.USAGE if isinstance(error, _USAGE_FAULTS) else ExitCode.UNREACHABLE
        raise CommandError(f"nothing was sent: {error}", "请求未发送，未发生费用", code) from error
    sys.stdout.write(as_json(answer) if args.json else as_text(answer))
    if answer.status is Status.IN_DOUBT:
        return EXIT_IN_DOUBT
    return ExitCode.OK if answer.status is Status.SUCCEEDED else ExitCode.NEGATIVE


def as_json(answer: Answer) -> str:
    """The reply as on the wire, and its key, on one line."""
    return msgspec.json.encode(answer).decode() + "\n"


def as_text(answer: Answer) -> str:
    """The cashier's message first, then what a program or an engineer needs."""
    known = outcome_codes().get(answer.code)
    lines = [
        answer.message,
        f"{answer.status} ({answer.code})" + (f": {known.en}" if known else ""),
    ]
    lines += [f"  {'key':<10}{answer.key}", f"  {'msgid':<10}{answer.msgid or '-'}"]
    if answer.centre:
        said = msgspec.structs.asdict(answer.centre)
        lines += [f"  {name:<10}{value}" for name, value in said.items() if value]
    if answer.flags:
        lines.append(f"  {'flags':<10}{' '.join(answer.flags)}")
    for fault in answer.faults:
        lines += [f"  {fault.path} {fault.label}: {fault.message}", f"    {fault.message_en}"]
        lines += [f"    允许值 allowed: {fault.allowed}"] if fault.allowed else []
    if answer.decoded() is not None:
        lines.append(msgspec.json.format(bytes(answer.output), indent=2).decode())
    return "\n".join(lines) + "\n"


async def _call(args: argparse.Namespace, content: bytes) -> Answer:
    options: CallOptions = {"key": args.key or new_key(), "deadline_s": args.deadline_s}
    options["opter_type"] = args.opter_type or "1"
    options["opter"], options["opter_name"] = args.opter, args.opter_name
    options["insuplc_admdvs"], options["desk"] = args.insuplc_admdvs, args.desk
    options["after_batch"] = args.after_batch
    if args.wait_s is not None:
        options["wait_s"] = args.wait_s
    settings = LinkSettings(
        url=_address(args),
        tenant=args.tenant,
        reply_queue="" if args.direct else f"{reply_queue(args.tenant)}.call-{new_key()}",
        queue_unused_ms=QUEUE_UNUSED_MS,
    )
    keys = FileKeyStore(_key_file(args.keys))
    try:
        sys.stderr.write(f"幂等键 idempotency key: {options['key']}\n")
        async with HisClient(settings, keys, {}) as client:
            return await client.call(args.infno, content, **options)
    finally:
        keys.close()


def _content(name: str) -> bytes:
    """The ``input`` object; a file that holds ``{"input": {...}}`` is taken as that."""
    try:
        text = _read(name)
        if len(text) > INPUT_BYTES_MAX:
            raise CommandError(f"{name} is too large", f"{name} 过大", ExitCode.USAGE)
        whole = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except OSError as error:
        raise CommandError(
            f"{name}: {error.strerror}", f"无法读取文件 {name}", ExitCode.USAGE
        ) from error
    except (ValueError, RecursionError) as error:
        raise CommandError(
            f"{name} is not a JSON object", f"{name} 不是 JSON 对象", ExitCode.USAGE
        ) from error
    return bytes(whole["input"]) if "input" in whole else text


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(INPUT_BYTES_MAX + 1)
    with Path(name).open("rb") as file:
        return file.read(INPUT_BYTES_MAX + 1)


def _address(args: argparse.Namespace) -> str:
    if args.url:
        if urlsplit(args.url).password is not None or not args.password_file:
            raise CommandError(
                "everybody on this machine can read a command line: give --url without a password "
                "and --password-file, or set YIBAO_URL; nothing was sent",
                "命令行对本机所有用户可见：--url 不得含密码，请用 --password-file，"
                "或设置 YIBAO_URL；请求未发送",
                ExitCode.USAGE,
            )
        return _with_password(args.url, read_secret(str(args.password_file), "", os.environ), "")
    given = os.environ.get("YIBAO_URL", "")
    if given:
        return given
    broker = load_settings(args.config, os.environ).broker
    secret = read_secret(broker.password_file, broker.password_env, os.environ)
    return _with_password(broker.url, secret, broker.ca_file)


def _with_password(url: str, secret: str, ca_file: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = f"{parts.username or ''}:{quote(secret, safe='')}"
    query = f"cafile={quote(ca_file)}" if ca_file else parts.query
    return urlunsplit(parts._replace(netloc=f"{user}@{host}", query=query))


def _key_file(given: Path | None) -> Path:
    named = given or os.environ.get("YIBAO_KEYS")
    path = Path(named) if named else Path.home() / ".local" / "state" / "yibao" / "keys.sqlite3"
    with suppress(OSError):  # opening the file says what is wrong
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
