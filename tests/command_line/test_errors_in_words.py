"""What a person sees when something goes wrong: words, an exit code, no traceback, no identity."""

import argparse
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from bus.broker.errors import BrokerRefusedError
from bus.broker.port import PublishFailedError
from bus.command_line import VERBS, CommandError, ExitCode, Verb, in_language, main
from bus.config.faults import SettingsError
from bus.config.load import load_settings

Run = Callable[[argparse.Namespace], int]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Installs a verb ``try`` whose work is the function given."""

    def install(run: Run) -> None:
        module = types.ModuleType("tried_verb")
        module.__dict__.update(SUMMARY="tries something", configure=_configure, run=run)
        monkeypatch.setitem(sys.modules, "tried_verb", module)
        monkeypatch.setitem(VERBS, "try", Verb("tried_verb"))

    monkeypatch.delenv("YIBAO_LANG", raising=False)
    monkeypatch.delenv("YIBAO_DEBUG", raising=False)
    return install


def _configure(parser: argparse.ArgumentParser) -> None:
    inner = parser.add_subparsers(dest="action")
    inner.add_parser("list").add_argument("--limit", type=int, default=5)


def raising(error: BaseException) -> Run:
    def run(_: argparse.Namespace) -> int:
        raise error

    return run


def test_a_verb_gets_its_words_and_its_code_is_passed_on(
    verb: Callable[[Run], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[argparse.Namespace] = []

    def run(args: argparse.Namespace) -> int:
        seen.append(args)
        return ExitCode.NEGATIVE

    verb(run)
    monkeypatch.setenv("YIBAO_CONFIG", "/etc/yibao.toml")
    assert main(["try", "list", "--limit", "7", "--json"]) == 1
    assert main(["try", "--config", "other.toml", "list"]) == 1
    assert [(args.limit, args.json, args.config) for args in seen] == [
        (7, True, Path("/etc/yibao.toml")),
        (5, False, Path("other.toml")),
    ]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (CommandError("it is held", "已挂起"), 1, "it is held"),
        (CommandError("no such tenant", "没有", ExitCode.USAGE), 2, "no such tenant"),
        (SettingsError("journal.keys_file: no key"), 2, "journal.keys_file: no key"),
        (BrokerRefusedError("no access"), 3, "check user, password, permissions"),
        (ConnectionRefusedError(111, "refused"), 3, "yibao doctor"),
        (PublishFailedError("lost"), 3, "yibao doctor"),
        (TimeoutError(), 3, "cannot reach a service (TimeoutError)"),
        (RuntimeError("odd"), 70, "YIBAO_DEBUG=1"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_error_has_words_and_a_code_and_no_traceback(
    verb: Callable[[Run], None],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    verb(raising(error))
    assert main(["try"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert "Traceback" not in err


def test_debug_shows_where_a_fault_came_from_still_masked(
    verb: Callable[[Run], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verb(raising(ValueError("certno=53010219900101123X of psn_name='张三'")))
    assert main(["try"]) == 70
    monkeypatch.setenv("YIBAO_DEBUG", "1")
    assert main(["try"]) == 70
    said = capsys.readouterr().err
    assert f"{Path(__file__).name}:" in said, "where it was raised"
    assert "53010219900101123X" not in said
    assert "张三" not in said


def test_a_faulty_configuration_is_printed_as_a_list(
    verb: Callable[[Run], None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "yibao.toml"
    file.write_text("[broker]\nheartbeat_s = 0\n")

    def run(args: argparse.Namespace) -> int:
        load_settings(args.config, {})
        return 0

    verb(run)
    assert main(["try", "--config", str(file)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0].strip() for line in lines[2:]] == [
        "broker.heartbeat_s",
        "broker.password_file",
        "journal.keys_file",
    ]


def test_an_unknown_verb_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serv"]) == 2
    assert "did you mean `yibao serve`?" in capsys.readouterr().err
    assert main(["xyzzy"]) == 2
    assert "yibao --help" in capsys.readouterr().err


def test_a_wrong_option_is_wrong_usage(
    verb: Callable[[Run], None], capsys: pytest.CaptureFixture[str]
) -> None:
    verb(lambda _: 0)
    assert main(["try", "--nonsense"]) == 2
    assert "--nonsense" in capsys.readouterr().err


def test_no_words_at_all_print_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: yibao" in capsys.readouterr().out


def test_a_module_that_is_missing_is_said_to_be(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VERBS, "try", Verb("consumers.commands.never_written"))
    assert main(["try"]) == 2
    assert "not part of this installation" in capsys.readouterr().err


def test_the_language_is_chosen_by_option_or_variable(
    verb: Callable[[Run], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verb(raising(CommandError("it is held", "已挂起")))
    monkeypatch.setenv("YIBAO_LANG", "en")
    main(["try"])
    assert capsys.readouterr().err == "yibao: it is held\n"
    main(["--lang", "zh", "try"])
    assert capsys.readouterr().err == "yibao: 已挂起\n"
    monkeypatch.delenv("YIBAO_LANG")
    assert in_language("a", "b") == "a\nb"
