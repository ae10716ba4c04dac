"""``yibao``: one command, many verbs. Only the module of the verb that is used gets imported.

A verb module has ``SUMMARY: str``, ``configure(parser) -> None`` and ``run(args) -> int``. ``args``
always carries ``json: bool`` and, for verbs that read it, ``config: pathlib.Path``. Errors a person
can do something about are raised as ``CommandError`` or ``ConfigError`` and printed here.

Exit codes: see ``ExitCode``.
"""

import argparse
import ast
import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from enum import IntEnum
from importlib import metadata, util
from pathlib import Path
from types import ModuleType

import msgspec

from bus.broker.errors import BrokerRefusedError
from bus.broker.port import PublishFailedError
from bus.config.faults import ConfigError, SettingsError
from bus.journal.port import JournalUnavailableError
from bus.masking import masked_error, masked_text, trace_of


class ExitCode(IntEnum):
    """What the command tells the shell."""

    OK = 0
    NEGATIVE = 1
    """The command worked and the answer is no: a refusal, something held, a check that failed."""
    USAGE = 2
    """The command line or the configuration is wrong; nothing was done."""
    UNREACHABLE = 3
    """The broker, the journal or the centre cannot be reached."""
    INTERNAL = 70
    """A fault of this program (the shell's EX_SOFTWARE)."""
    INTERRUPTED = 130
    """Stopped from the keyboard (128 + SIGINT)."""


class CommandError(Exception):
    """Something a person has to know: what happened, what to do, in both languages."""

    def __init__(self, en: str, zh: str, code: ExitCode = ExitCode.NEGATIVE) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh
        self.code = code


class Verb(msgspec.Struct, frozen=True):
    """Where a verb lives and whether it reads the configuration file."""

    module: str
    config: bool = True


VERBS: dict[str, Verb] = {
    "serve": Verb("consumers.commands.serve"),
    "topology": Verb("consumers.commands.topology"),
    "parked": Verb("consumers.commands.parked"),
    "held": Verb("consumers.commands.held"),
    "trace": Verb("consumers.commands.trace"),
    "schedule": Verb("consumers.commands.schedule"),
    "doctor": Verb("consumers.commands.doctor"),
    "simulate": Verb("consumers.commands.simulate", config=False),
    "call": Verb("producers.commands.call"),
    "schema": Verb("producers.commands.schema", config=False),
    "sandbox": Verb("sandbox.command", config=False),
}

_UNREACHABLE = (ConnectionError, TimeoutError, PublishFailedError, JournalUnavailableError)

_USAGE = """usage: yibao [--lang en|zh] VERB [options]

The message bus between hospital systems and the medical-insurance centre.
医院信息系统与医保中心之间的消息总线。

{verbs}

  yibao VERB --help    the options of one verb 查看某个命令的参数
  yibao --version      the version 查看版本

Every verb takes --json. --config PATH names the configuration file (default: $YIBAO_CONFIG, else
yibao.toml). YIBAO_LANG or --lang chooses en or zh; without it, both are printed.
Exit codes: 0 done, 1 the answer is no, 2 wrong usage or configuration, 3 cannot reach something,
70 a fault of this program, 130 interrupted. YIBAO_DEBUG=1 shows where a fault came from.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; never raises."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(words)
    except SystemExit as stop:  # argparse has printed its message
        return stop.code if isinstance(stop.code, int) else ExitCode.USAGE
    except KeyboardInterrupt:
        _print_error("interrupted", "已中断")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away: `yibao ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception as error:  # noqa: BLE001 - the last place a fault can be put into words
        return _report(error)


def in_language(en: str, zh: str) -> str:
    """The text in the language of ``YIBAO_LANG``; both, one below the other, when it is not set."""
    return {"en": en, "zh": zh}.get(os.environ.get("YIBAO_LANG", ""), f"{en}\n{zh}")


def summary_of(module: str) -> str:
    """A verb module's ``SUMMARY``, read from its source; neither it nor its package is imported."""
    room, *inner = module.split(".")
    spec = util.find_spec(room)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(module)
    file = Path(spec.submodule_search_locations[0], *inner).with_suffix(".py")
    for node in ast.parse(file.read_text("utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if value is not None and any(getattr(item, "id", "") == "SUMMARY" for item in targets):
            return str(ast.literal_eval(value))
    raise AttributeError(f"{module} has no SUMMARY")


def _run(words: list[str]) -> int:
    common, rest = _common().parse_known_args(words)
    if common.lang:
        os.environ["YIBAO_LANG"] = common.lang
    if not rest or rest[0] in {"-h", "--help", "help"}:
        sys.stdout.write(_USAGE.format(verbs=_listing()))
        return ExitCode.OK if rest else ExitCode.USAGE
    if rest[0] in {"-V", "--version"}:
        sys.stdout.write(f"yibao-bus {metadata.version('yibao-bus')}\n")
        return ExitCode.OK
    verb = VERBS.get(rest[0])
    if verb is None:
        raise _unknown(rest[0])
    return _run_verb(rest[0], verb, rest[1:], common)


def _run_verb(name: str, verb: Verb, words: list[str], common: argparse.Namespace) -> int:
    module = _module(name, verb)
    parser = argparse.ArgumentParser(
        prog=f"yibao {name}", description=module.SUMMARY, conflict_handler="resolve"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    if verb.config:
        parser.add_argument("--config", type=Path, metavar="PATH", help="default: yibao.toml")
    module.configure(parser)
    args = parser.parse_args(words)
    args.json = bool(common.json or getattr(args, "json", False))
    if verb.config:
        args.config = common.config
    return int(module.run(args))


def _module(name: str, verb: Verb) -> ModuleType:
    try:
        return importlib.import_module(verb.module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{verb.module}.".startswith(f"{error.name}."):
            raise
        raise CommandError(
            f"`yibao {name}` is not part of this installation",
            f"本次安装不含 `yibao {name}`",
            ExitCode.USAGE,
        ) from error


def _common() -> argparse.ArgumentParser:
    """Options that may stand anywhere on the line, before or after a verb's own sub-commands."""
    parser = argparse.ArgumentParser(prog="yibao", add_help=False, allow_abbrev=False)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--lang", choices=["en", "zh"])
    default = Path(os.environ.get("YIBAO_CONFIG") or "yibao.toml")
    parser.add_argument("--config", type=Path, default=default)
    return parser


def _listing() -> str:
    width = max(map(len, VERBS))
    return "\n".join(f"  {name:<{width}}  {_summary(verb)}" for name, verb in VERBS.items())


def _summary(verb: Verb) -> str:
    try:
        return summary_of(verb.module)
    except (ImportError, OSError, AttributeError):
        return "(not installed 未安装)"


def _unknown(word: str) -> CommandError:
    close = difflib.get_close_matches(word, VERBS, n=1)
    hint = f"did you mean `yibao {close[0]}`?" if close else "run `yibao --help` for the list"
    hint_zh = f"是否要用 `yibao {close[0]}`？" if close else "运行 `yibao --help` 查看全部命令"
    return CommandError(
        f"there is no verb {word!r}; {hint}", f"没有命令 {word!r}；{hint_zh}", ExitCode.USAGE
    )


def _report(error: Exception) -> ExitCode:
    """Print the error in words and choose the exit code."""
    if os.environ.get("YIBAO_DEBUG") == "1":
        sys.stderr.write(trace_of(error) + "\n")
    if isinstance(error, ConfigError):
        return _report_config(error)
    if isinstance(error, CommandError):
        _print_error(error.en, error.zh)
        return error.code
    what = masked_error(error)
    if isinstance(error, SettingsError):
        _print_error(f"a setting cannot be used: {masked_text(str(error))}", "配置项不可用")
        return ExitCode.USAGE
    if isinstance(error, BrokerRefusedError):
        _print_error(
            f"the broker refused ({what}); check user, password, permissions and virtual host",
            "消息服务拒绝了请求；请检查用户、密码、权限和虚拟主机",
        )
        return ExitCode.UNREACHABLE
    if isinstance(error, _UNREACHABLE):
        _print_error(
            f"cannot reach a service ({what}); run `yibao doctor` to see which",
            "无法连接所需服务；运行 `yibao doctor` 查看是哪一个",
        )
        return ExitCode.UNREACHABLE
    _print_error(
        f"a fault of this program ({what}); run again with YIBAO_DEBUG=1 and report what it prints",
        "程序内部错误；请用 YIBAO_DEBUG=1 重新运行，并反馈输出内容",
    )
    return ExitCode.INTERNAL


def _report_config(error: ConfigError) -> ExitCode:
    count = len(error.faults)
    _print_error(
        f"{error.source}: {count} fault(s) in the configuration; nothing was started",
        f"{error.source}：配置有 {count} 处错误，未启动",
    )
    lines = [f"  {fault.path}: {in_language(fault.en, fault.zh)}" for fault in error.faults]
    sys.stderr.write("\n".join(line.replace("\n", " / ") for line in lines) + "\n")
    return ExitCode.USAGE


def _print_error(en: str, zh: str) -> None:
    lines = in_language(en, zh).splitlines()
    sys.stderr.write("".join(f"yibao: {line}\n" for line in lines))
