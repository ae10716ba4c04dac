"""``yibao topology provision`` as an administrator types it, against a real node with its
management API, and through a definitions file."""

import asyncio
import itertools
import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiormq
import pytest
from aiormq.exceptions import AMQPError, ProbableAuthenticationError

from bus.broker.management import Management
from bus.command_line import ExitCode, main
from bus.topology import (
    REQUESTS_EXCHANGE,
    declaration,
    definitions,
    password_hash,
    reply_queue,
)
from compose.node import USER, PrivateNode
from tests.tls.certificates import WRONG, Authority, front, spoilt

A, B = "H53010000001", "H53010000002"
NAMES = ("worker", "oper", "monitor", "his-a", "his-b", "bridge-a")
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateNode]:
    """A node with the management API."""
    with PrivateNode(tmp_path_factory.mktemp("managed"), management=True) as node:
        yield node


class Site:
    """A configuration whose broker users are this test's own, and its administrator."""

    def __init__(self, folder: Path, node: PrivateNode) -> None:
        self.node, self.folder = node, folder
        self.mark = f"p{next(_numbers)}"
        self.config = folder / "yibao.toml"
        self.admin = folder / "admin"
        self.write(self.admin, f"{USER}:{node.password}\n")
        self.config.write_text(
            f"""
            [broker]
            url = "amqp://{self.user("worker")}@127.0.0.1:{node.port}/{self.mark}"
            password_file = "secrets/broker-password"
            operators = ["{self.user("oper")}"]
            monitors = ["{self.user("monitor")}"]
            [journal]
            keys_file = "secrets/journal-keys"
            [gateways.centre]
            url = "http://127.0.0.1:9/"
            [institutions.{A}]
            name = "A"
            gateway = "centre"
            users = ["{self.user("his-a")}"]
            bridges = ["{self.user("bridge-a")}"]
            [institutions.{B}]
            name = "B"
            gateway = "centre"
            users = ["{self.user("his-b")}"]
            """,
            encoding="utf-8",
        )

    def user(self, name: str) -> str:
        return f"{self.mark}-{name}"

    def write(self, file: Path, text: str) -> None:
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")

    def secret(self, name: str) -> Path:
        kept = "broker-password" if name == "worker" else f"{self.user(name)}.password"
        return self.folder / "secrets" / kept

    def password(self, name: str) -> str:
        return self.secret(name).read_text("utf-8").strip()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.node.management_port}"

    def run(self, *words: str) -> int:
        given = ["--lang", "en", "--config", str(self.config)]
        return main(["topology", "provision", *words, *given])

    def provision(self, *words: str) -> int:
        return self.run("--management", self.url, "--credentials", str(self.admin), *words)

    def found(self) -> dict[str, Any]:
        with Management(self.url, USER, self.node.password) as management:
            return management.definitions()

    def change(self, **sections: Any) -> None:
        with Management(self.url, USER, self.node.password) as management:
            management.import_(sections)

    async def enters(self, name: str, password: str = "") -> bool:
        url = self.node.url(self.mark, self.user(name), password or self.password(name))
        try:
            await (await aiormq.connect(url)).close()
        except ProbableAuthenticationError:
            return False
        return True


@pytest.fixture
def site(managed: PrivateNode, tmp_path: Path) -> Site:
    return Site(tmp_path, managed)


@pytest.fixture
def done(site: Site, capsys: pytest.CaptureFixture[str]) -> Site:
    """A site that has been provisioned."""
    assert site.provision() == ExitCode.OK
    capsys.readouterr()
    return site


async def test_every_user_is_made_and_gets_in_with_a_password_only_its_file_knows(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.provision() == ExitCode.OK
    said = capsys.readouterr()
    for name in NAMES:
        assert stat.S_IMODE(site.secret(name).stat().st_mode) == 0o600
        assert site.password(name) not in said.out + said.err
        assert f"new password in {site.secret(name)}" in said.out
        assert await site.enters(name)
        assert not await site.enters(name, "another")
    assert len({site.password(name) for name in NAMES}) == len(NAMES)
    assert stat.S_IMODE((site.folder / "secrets").stat().st_mode) == 0o700


def test_doing_it_again_changes_nothing(done: Site, capsys: pytest.CaptureFixture[str]) -> None:
    before = done.found()
    kept = {name: done.secret(name).read_bytes() for name in NAMES}
    assert done.provision("--check") == ExitCode.OK
    assert done.provision() == ExitCode.OK
    assert capsys.readouterr().out == "users and rights are as configured\n" * 2
    assert done.found() == before
    assert kept == {name: done.secret(name).read_bytes() for name in NAMES}


@pytest.mark.parametrize("word", ["--check", "--dry-run"])
def test_a_check_names_what_is_missing_and_makes_nothing(
    site: Site, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = site.found()
    assert site.provision(word, "--json") == ExitCode.NEGATIVE
    told = json.loads(capsys.readouterr().out)
    kinds = {(each["kind"], each["name"]) for each in told["changes"]}
    assert ("vhosts", site.mark) in kinds
    assert ("users", site.user("his-a")) in kinds
    assert ("permissions", f"{site.user('bridge-a')} {site.mark}") in kinds
    topic = f"{site.user('his-b')} {site.mark} {REQUESTS_EXCHANGE}"
    assert ("topic_permissions", topic) in kinds
    assert (told["changed"], told["passwords_made"]) == (0, [])
    assert site.found() == before
    assert not (site.folder / "secrets").exists()


async def test_a_right_a_tag_and_a_password_that_were_changed_are_named_and_put_back(
    done: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = done.found()
    his, vhost = done.user("his-a"), done.mark
    (user,) = (each for each in wanted["users"] if each["name"] == his)
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    guessed = password_hash("guessed", b"salt")
    topic = {"exchange": REQUESTS_EXCHANGE, "write": ".*", "read": ".*"}
    done.change(
        users=[{**user, "tags": ["impersonator"], "password_hash": guessed}],
        permissions=[{"user": his, "vhost": vhost, **everything}],
        topic_permissions=[{"user": his, "vhost": vhost, **topic}],
    )
    assert done.provision("--check") == ExitCode.NEGATIVE
    said = capsys.readouterr().out
    assert f"differs: users {his}  " in said
    assert "tags: ['impersonator'] -> []" in said
    assert "configure: .* -> ^(yibao" in said
    assert f"differs: topic_permissions {his} {vhost} {REQUESTS_EXCHANGE}" in said
    assert user["password_hash"] not in said
    assert done.provision() == ExitCode.OK
    assert await done.enters("his-a")
    assert not await done.enters("his-a", "guessed")
    assert done.provision("--check") == ExitCode.OK


async def test_a_user_whose_password_nobody_kept_here_keeps_it(
    done: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    password = done.password("his-b")
    done.secret("his-b").unlink()
    assert done.provision() == ExitCode.OK
    assert capsys.readouterr().out == "users and rights are as configured\n"
    assert not done.secret("his-b").exists()
    assert await done.enters("his-b", password)


async def test_a_password_somebody_wrote_into_the_file_becomes_the_brokers(done: Site) -> None:
    done.secret("his-b").write_text("chosen by the hospital\n")
    assert done.provision() == ExitCode.OK
    assert await done.enters("his-b", "chosen%20by%20the%20hospital")


async def test_who_is_not_in_the_configuration_is_named_and_removed_only_when_told(
    done: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    text = done.config.read_text("utf-8")
    left = text.replace(f'users = ["{done.user("his-b")}"]', "users = []")
    done.config.write_text(left, encoding="utf-8")
    assert done.provision() == ExitCode.OK
    said = capsys.readouterr().out
    assert f"not in the configuration: permissions {done.user('his-b')} {done.mark}" in said
    assert "0 of 1 changed" in said
    assert await done.enters("his-b")
    assert done.provision("--remove-others") == ExitCode.OK
    with pytest.raises((AMQPError, ConnectionError)):
        await done.enters("his-b")
    assert done.provision("--check") == ExitCode.OK


async def test_the_administrator_who_made_the_virtual_host_has_no_rights_on_it(done: Site) -> None:
    users = {each["user"] for each in done.found()["permissions"] if each["vhost"] == done.mark}
    assert users == {done.user(name) for name in NAMES}


# -- the definitions file ------------------------------------------------------------------------


async def test_a_definitions_file_does_the_same(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    file = site.folder / "definitions.json"
    assert site.run("--definitions", str(file), "--check") == ExitCode.NEGATIVE
    assert not file.exists()
    assert site.run("--definitions", str(file)) == ExitCode.OK
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = file.read_bytes()
    assert site.run("--definitions", str(file), "--check") == ExitCode.OK
    assert site.run("--definitions", str(file)) == ExitCode.OK
    assert file.read_bytes() == written
    assert all(site.password(name).encode() not in written for name in NAMES)
    site.node.import_definitions(json.loads(written))
    assert [await site.enters(name) for name in NAMES] == [True] * len(NAMES)
    capsys.readouterr()
    assert site.provision("--check") == ExitCode.OK, capsys.readouterr().out


def test_a_file_that_is_something_else_is_left_alone(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    file = site.folder / "notes.txt"
    file.write_text("not JSON")
    assert site.run("--definitions", str(file)) == ExitCode.USAGE
    assert "is no definitions file; it is left alone" in capsys.readouterr().err
    assert file.read_text() == "not JSON"


# -- what is refused -----------------------------------------------------------------------------


def test_a_wrong_password_is_said_so_and_nothing_is_made(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.admin.write_text(f"{USER}:wrong-planted\n")
    assert site.provision() == ExitCode.UNREACHABLE
    said = capsys.readouterr().err
    assert f"refuses {USER}: wrong password" in said
    assert "wrong-planted" not in said
    assert not (site.folder / "secrets").exists()


def test_a_user_who_is_no_administrator_is_refused(
    done: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    done.admin.write_text(f"{done.user('monitor')}:{done.password('monitor')}\n")
    assert done.provision() == ExitCode.UNREACHABLE
    assert "has not the tag administrator" in capsys.readouterr().err


def test_credentials_come_from_the_environment_or_a_file_of_ones_own(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.run("--management", site.url, "--check") == ExitCode.USAGE
    assert "YIBAO_MANAGEMENT" in capsys.readouterr().err
    monkeypatch.setenv("YIBAO_MANAGEMENT", f"{USER}:{site.node.password}")
    assert site.run("--management", site.url, "--check") == ExitCode.NEGATIVE
    site.admin.chmod(0o644)
    assert site.provision("--check") == ExitCode.USAGE
    assert "open to every user of this machine" in capsys.readouterr().err


def test_a_password_file_that_everybody_may_read_is_refused(
    done: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    done.secret("his-a").chmod(0o644)
    assert done.provision() == ExitCode.USAGE
    assert "open to every user of this machine" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "needs one of --definitions FILE and --management URL"),
        (("--definitions", "x", "--management", "http://127.0.0.1:1"), "needs one of"),
        (("--management", "http://10.0.0.1:15672"), "password in the clear"),
        (("--management", f"https://{USER}:secret@host"), "without user and password"),
        (("--management", "http://127.0.0.1:1/"), "cannot reach a service"),
    ],
)
def test_what_cannot_be_meant_or_reached_is_said_in_words(
    site: Site, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--credentials", str(site.admin)) if "--management" in words else ()
    assert site.run(*words, *given) in (ExitCode.USAGE, ExitCode.UNREACHABLE)
    assert said in capsys.readouterr().err


async def test_over_tls_under_the_pinned_authority(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = Authority(tmp_path / "tls")
    async with front(authority.server(), site.node.management_port) as port:
        address = ("--management", f"https://127.0.0.1:{port}", "--credentials", str(site.admin))
        words = (*address, "--ca-file", str(authority.ca_file))
        assert await asyncio.to_thread(site.run, *words) == ExitCode.OK
        assert await asyncio.to_thread(site.run, *words, "--check") == ExitCode.OK
        assert await asyncio.to_thread(site.run, *address, "--check") == ExitCode.UNREACHABLE
    assert "set ca_file to the authority" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", WRONG)
async def test_over_tls_nobody_else_is_told_the_administrators_password(
    site: Site, tmp_path: Path, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with spoilt(wrong, tmp_path / "tls", site.node.management_port) as line:
        url = f"https://127.0.0.1:{line.port}"
        words = ("--management", url, "--credentials", str(site.admin), "--ca-file", line.ca_file)
        assert await asyncio.to_thread(site.run, *words) == ExitCode.UNREACHABLE
    assert re.search(line.said, capsys.readouterr().err)


def test_an_authority_that_is_no_certificate_is_said_so(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--management", "https://127.0.0.1:1", "--ca-file", str(site.config))
    assert site.run(*words, "--credentials", str(site.admin)) == ExitCode.USAGE
    assert "is no certificate in PEM" in capsys.readouterr().err


def test_options_of_provision_are_refused_elsewhere(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["topology", "show", "--check", "--config", str(site.config), "--lang", "en"]
    assert main(words) == ExitCode.USAGE
    assert "--check belongs to provision" in capsys.readouterr().err


def test_a_whole_document_still_holds_what_exists(site: Site) -> None:
    items = declaration({"2207": "call"}, (A,))
    names = {each["name"] for each in definitions(items, site.mark)["queues"]}
    assert reply_queue(A) in names
